// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/document/document.h"

#include "ctl/install/document/daemon_json.h"
#include "ctl/install/document/marks.h"

namespace aa::ctl::install {

namespace {

struct KindName {
    DocumentKind kind;
    std::string_view name;
};
constexpr KindName kKinds[] = {{DocumentKind::daemon_json, "daemon.json"}, {DocumentKind::toml, "toml"}, {DocumentKind::lines, "lines"}};

Result<std::string> remainder(DocumentKind kind, const std::string& text, const std::string& name,
                              const std::optional<std::string>& original) {
    switch (kind) {
        case DocumentKind::daemon_json:
            return without_docker_runtimes(text, name, original);
        case DocumentKind::toml:
            return without_marked(text, name);
        case DocumentKind::lines:
            return without_marked_end(text, name);
    }
    return Error{ErrorKind::bug, "there is no such kind of document"};
}

bool says_nothing(DocumentKind kind, std::string_view text) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    return text.empty() || (kind == DocumentKind::daemon_json && text == "{}");
}

}  // namespace

std::string_view name_of(DocumentKind kind) {
    for (const auto& known : kKinds) {
        if (known.kind == kind) return known.name;
    }
    return {};
}

std::optional<DocumentKind> document_kind(std::string_view name) {
    for (const auto& known : kKinds) {
        if (known.name == name) return known.kind;
    }
    return std::nullopt;
}

Result<std::optional<std::string>> without_ours(DocumentKind kind, const std::string& text, const std::string& name,
                                                const std::optional<std::string>& original) {
    auto rest = TRY(remainder(kind, text, name, original));
    const bool is_changed = rest != text;
    if (is_changed && !original && says_nothing(kind, rest)) return std::optional<std::string>();
    return std::optional(std::move(rest));
}

}  // namespace aa::ctl::install
