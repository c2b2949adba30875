// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/plan/show.h"

#include "base/diff.h"
#include "base/text.h"

namespace aa::ctl::install {

namespace {

using Json = nlohmann::ordered_json;

std::string_view text_of(const std::optional<HostFile>& file) { return file ? std::string_view(file->text) : std::string_view(); }

std::string_view verb(const FileChange& file) { return !file.before ? "make" : !file.after ? "remove" : "change"; }

std::string diff_of(const FileChange& file) {
    return unified_diff(text_of(file.before), text_of(file.after), file.before ? concat({"a", file.path}) : "/dev/null",
                        file.after ? concat({"b", file.path}) : "/dev/null");
}

void add_lines(std::string& text, std::string_view title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    text += concat({title, "\n"});
    for (const auto& line : lines) text += concat({"  ", line, "\n"});
}

}  // namespace

std::string changes_text(const Host& host, const Plan& plan) {
    std::string text;
    for (const auto& file : plan.files) {
        if (file.changes()) text += diff_of(file);
    }
    for (const auto& link : plan.links) {
        if (link.changes()) {
            text += concat({link.shall_be ? "make link " : "remove link ", host.place(link.link.path), " -> ", link.link.target, "\n"});
        }
    }
    return text;
}

std::string summary_text(const Host& host, const Plan& plan) {
    std::string text;
    for (const auto& file : plan.files) {
        if (file.changes()) text += concat({verb(file), " ", host.place(file.path), "\n"});
    }
    for (const auto& link : plan.links) {
        if (link.changes())
            text += concat({link.shall_be ? "make " : "remove ", host.place(link.link.path), " -> ", link.link.target, "\n"});
    }
    return text;
}

std::string advice_text(const Plan& plan) {
    std::string text;
    add_lines(text, "Note:", plan.notes);
    add_lines(text, "Not covered:", plan.open);
    add_lines(text, "Now:", plan.next);
    return text;
}

Json to_json(const Plan& plan) {
    Json files = Json::array();
    for (const auto& file : plan.files) {
        if (file.changes()) files.push_back({{"path", file.path}, {"action", verb(file)}, {"diff", diff_of(file)}});
    }
    Json links = Json::array();
    for (const auto& link : plan.links) {
        if (link.changes())
            links.push_back({{"path", link.link.path}, {"target", link.link.target}, {"action", link.shall_be ? "make" : "remove"}});
    }
    return {{"engine", plan.engine}, {"changed", plan.changes()}, {"files", files},   {"links", links},
            {"notes", plan.notes},   {"open", plan.open},         {"next", plan.next}};
}

}  // namespace aa::ctl::install
