// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/document/document.h"

#include "base/text.h"
#include "ctl/install/document/daemon_json.h"
#include "ctl/install/document/marks.h"
#include "ctl/install/document/our_runtimes.h"
#include "ctl/install/toml/toml.h"

namespace aa::ctl::install {

namespace {

struct KindName {
    DocumentKind kind;
    std::string_view name;
};
constexpr KindName kKinds[] = {{DocumentKind::daemon_json, "daemon.json"}, {DocumentKind::toml, "toml"}, {DocumentKind::lines, "lines"}};

// What is marked goes first: it may be more than what can be told by its form.
Result<std::string> toml_remainder(const std::string& text, const std::string& name, const Recorded& recorded) {
    const auto written = recorded.written ? toml::read(*recorded.written, name) : Result<toml::Document>(toml::Document());
    const auto unmarked = TRY(without_marked(text, name, recorded.written && written ? &*written : nullptr));
    return without_our_runtimes(unmarked, name, recorded.original);
}

// In text that is no document, every line that names aa-shim.
std::vector<std::string> lines_of_ours(const std::string& text, const std::string& name) {
    std::vector<std::string> found;
    long long number = 0;
    for (const auto line : lines(text)) {
        ++number;
        if (line.find("aa-shim") != std::string_view::npos) found.push_back(concat({name, ":", decimal(number), ": 'aa-shim'"}));
    }
    return found;
}

Result<std::string> remainder(DocumentKind kind, const std::string& text, const std::string& name, const Recorded& recorded) {
    switch (kind) {
        case DocumentKind::daemon_json:
            return without_docker_runtimes(text, name, recorded.original);
        case DocumentKind::toml:
            return toml_remainder(text, name, recorded);
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
                                                const Recorded& recorded) {
    auto rest = TRY(remainder(kind, text, name, recorded));
    const bool is_changed = rest != text;
    if (is_changed && !recorded.original && says_nothing(kind, rest)) return std::optional<std::string>();
    return std::optional(std::move(rest));
}

std::vector<std::string> found_of_ours(DocumentKind kind, const std::string& text, const std::string& name) {
    if (kind == DocumentKind::lines) return lines_of_ours(text, name);
    if (kind == DocumentKind::daemon_json) return found_in_daemon_json(text, name);
    const auto document = toml::read(text, name);
    return document ? found_of_ours(*document) : std::vector<std::string>();
}

}  // namespace aa::ctl::install
