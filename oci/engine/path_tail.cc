// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/path_tail.h"

namespace aa::oci {
namespace {

std::string_view without_slash(std::string_view path) {
    if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    return path;
}

bool matches(std::string_view component, std::string_view pattern) {
    if (component.empty() || component == "." || component == "..") return false;
    return pattern == "*" || component == pattern;
}

}  // namespace

std::optional<std::string_view> before_tail(std::string_view path, std::span<const std::string_view> tail) {
    if (!path.starts_with('/')) return std::nullopt;
    path = without_slash(path);
    for (std::size_t i = tail.size(); i-- > 0;) {
        const std::size_t slash = path.rfind('/');
        if (slash == std::string_view::npos || !matches(path.substr(slash + 1), tail[i])) return std::nullopt;
        path = path.substr(0, slash);
    }
    return path;
}

std::optional<std::string_view> before_tail(std::string_view path, std::initializer_list<std::string_view> tail) {
    return before_tail(path, std::span(tail.begin(), tail.size()));
}

std::string_view last_component(std::string_view path) {
    path = without_slash(path);
    return path.substr(path.rfind('/') + 1);
}

}  // namespace aa::oci
