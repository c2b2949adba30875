// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/image_reference.h"

#include <algorithm>

#include "base/text.h"

namespace aa::oci {
namespace {

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kLegacyDefaultDomain = "index.docker.io";
constexpr std::string_view kOfficialPrefix = "library/";
constexpr std::string_view kDefaultTag = ":latest";
constexpr std::size_t kIdDigits = 64;

bool is_image_id(std::string_view text) {
    if (text.starts_with("sha256:")) text.remove_prefix(7);
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return text.size() == kIdDigits && std::all_of(text.begin(), text.end(), is_hex);
}

bool is_domain(std::string_view component) {
    const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
    return component.find_first_of(".:") != std::string_view::npos || component == "localhost" ||
           std::any_of(component.begin(), component.end(), is_capital);
}

// Whether a tag or a digest follows the path's last component.
bool is_versioned(std::string_view path) { return path.find_first_of(":@", path.rfind('/') + 1) != std::string_view::npos; }

}  // namespace

std::string full_image_reference(std::string_view reference) {
    if (reference.empty() || is_image_id(reference)) return std::string(reference);
    std::string_view domain = kDefaultDomain;
    std::string_view path = reference;
    const std::size_t slash = reference.find('/');
    if (slash != std::string_view::npos && is_domain(reference.substr(0, slash))) {
        domain = reference.substr(0, slash);
        path = reference.substr(slash + 1);
    }
    if (domain == kLegacyDefaultDomain) domain = kDefaultDomain;
    const bool official = domain == kDefaultDomain && path.find('/') == std::string_view::npos;
    return concat({domain, "/", official ? kOfficialPrefix : "", path, is_versioned(path) ? "" : kDefaultTag});
}

}  // namespace aa::oci
