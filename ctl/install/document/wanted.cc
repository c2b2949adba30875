// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/document/wanted.h"

#include <algorithm>

#include "base/text.h"

namespace aa::ctl::install {

namespace {

constexpr std::string_view kProgram = "aa-shim";
constexpr std::size_t kLongestLabel = 63;  // RFC 1123

bool is_label(std::string_view text) {
    const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (text.empty() || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
    return std::all_of(text.begin(), text.end(), [&](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_clean(std::string_view path) {
    if (!path.starts_with('/')) return false;
    const std::string ended = concat({path, "/"});
    if (ended.find("//") != std::string::npos || ended.find("/./") != std::string::npos || ended.find("/../") != std::string::npos)
        return false;
    // What every engine's configuration, a systemd unit and a PATH can hold without quoting.
    return std::all_of(path.begin(), path.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("/._-+").find(c) != std::string_view::npos;
    });
}

}  // namespace

std::vector<EngineRuntime> runtimes(const Wanted& wanted) {
    std::vector<EngineRuntime> result = {{std::string(kProgram), wanted.shim}};
    for (const auto& handler : wanted.handlers) {
        result.push_back({concat({kProgram, "-", handler}), concat({wanted.shim, "-", handler})});
    }
    return result;
}

Result<void> check(const Wanted& wanted) {
    if (!is_clean(wanted.shim) || !wanted.shim.ends_with(concat({"/", kProgram}))) {
        return Error{ErrorKind::usage, concat({"--shim ", quote(wanted.shim),
                                               ": an absolute path that ends with '/aa-shim' is needed, made of "
                                               "letters, digits and '/._-+'"})};
    }
    for (auto name = wanted.handlers.begin(); name != wanted.handlers.end(); ++name) {
        if (!is_label(*name) || kProgram.size() + 1 + name->size() > kLongestLabel) {
            return Error{ErrorKind::usage, concat({"--handlers ", quote(*name),
                                                   ": a handler's name is made of small letters, digits and '-' within, "
                                                   "and is no longer than 55 characters"})};
        }
        if (std::find(wanted.handlers.begin(), name, *name) != name) {
            return Error{ErrorKind::usage, concat({"--handlers ", quote(*name), ": given twice"})};
        }
    }
    return {};
}

bool is_our_name(std::string_view name) { return name == kProgram || name.starts_with(concat({kProgram, "-"})); }

}  // namespace aa::ctl::install
