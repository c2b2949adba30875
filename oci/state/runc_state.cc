// SPDX-License-Identifier: Apache-2.0
#include "oci/state/runc_state.h"

#include <cstring>
#include <optional>
#include <string>

#include "base/text.h"
#include "oci/json/json.h"

namespace aa::oci {
namespace {

void read_labels(json::Reader& reader, StringMap& labels) {
    if (reader.null()) return;
    reader.array([&] {
        const std::string label = reader.string().decoded();
        const std::size_t equals = label.find('=');
        if (equals != std::string::npos) labels.emplace_back(label.substr(0, equals), label.substr(equals + 1));
    });
}

// runc libcontainer/configs/namespaces_linux.go: [{"type":"NEWUSER","path":""}, …]
constexpr std::string_view kUserNamespace = R"({"type":"NEWUSER")";

bool has_user_namespace(json::Reader& reader) {
    bool found = false;
    if (reader.null()) return false;
    reader.array([&] {
        reader.object([&](const json::Text& key) {
            if (key == "type") {
                found = reader.string() == "NEWUSER" || found;
            } else {
                reader.skip();
            }
        });
    });
    return found;
}

// Where the last KEY with a `[` behind it begins in TEXT; npos if there is none.
std::size_t find_last_array(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const void* bracket = ::memrchr(text.data(), '[', text.size());
        if (bracket == nullptr) break;
        text = text.substr(0, static_cast<std::size_t>(static_cast<const char*>(bracket) - text.data()));
        if (text.ends_with(key)) return text.size() - key.size();
    }
    return std::string_view::npos;
}

// A state.json without the members of `config` that come before its `labels`: nine tenths of it, a seccomp filter above all,
// and reading them strictly would be most of what an exec costs. runc writes the file with Go's encoder (no white space,
// quotes in strings escaped), so a quote behind a comma and before a letter opens a string, and what looks like these
// keys are keys. Were `labels` that of another object, the braces would not match: the caller reads the whole file
// when this one is not valid.
std::optional<std::string> without_configuration(std::string_view text) {
    constexpr std::string_view kConfig = R"(,"config":{)";
    constexpr std::string_view kLabels = R"(,"labels":)";
    const std::size_t config = text.find(kConfig);
    const std::size_t labels = find_last_array(text, kLabels);
    if (config == std::string_view::npos || labels == std::string_view::npos || labels < config + kConfig.size()) return std::nullopt;
    return concat({text.substr(0, config + kConfig.size()), text.substr(labels + 1)});
}

}  // namespace

Result<RuncState> parse_runc_state(std::string_view text) {
    RuncState state;
    json::Reader reader(text);
    reader.object([&](const json::Text& key) {
        if (key == "init_process_pid") {
            state.init_pid = reader.integer();
        } else if (key == "init_process_start") {
            state.init_start = reader.integer();
        } else if (key == "config") {
            reader.object([&](const json::Text& member) {
                if (member == "labels") {
                    read_labels(reader, state.labels);
                } else if (member == "namespaces") {
                    state.user_namespace = has_user_namespace(reader);
                } else {
                    reader.skip();
                }
            });
        } else {
            reader.skip();
        }
    });
    TRY(reader.finish());
    return state;
}

Result<RuncState> parse_runc_state_quickly(std::string_view text) {
    if (const auto shortened = without_configuration(text)) {
        auto state = parse_runc_state(*shortened);
        // Quotes in strings are escaped, so this is no part of one.
        if (state) state->user_namespace = text.find(kUserNamespace) != std::string_view::npos;
        if (state) return state;
    }
    return parse_runc_state(text);
}

}  // namespace aa::oci
