// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/agent_log.h"

#include <optional>

#include "base/text.h"
#include "base/time.h"
#include "ctl/cli/output.h"

namespace aa::ctl::learned {

namespace {

constexpr std::string_view kBegin = R"({"aa-shim-learned":)";
constexpr int kVersion = 1;

std::string number(std::size_t value) { return decimal(static_cast<long long>(value)); }

// The text of a member; nothing if it is none.
std::optional<std::string> text_of(const Json& document, const char* name) {
    const auto found = document.find(name);
    return found != document.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

std::optional<std::size_t> number_of(const Json& document, const char* name) {
    const auto found = document.find(name);
    return found != document.end() && found->is_number_unsigned() ? std::optional(found->get<std::size_t>()) : std::nullopt;
}

}  // namespace

std::vector<std::string> log_lines(std::string_view node, std::string_view confinement, long long at, std::string_view recording) {
    const auto all = lines(recording);
    std::vector<std::string> result;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Json line = {{"aa-shim-learned", kVersion}, {"node", node},  {"confinement", confinement},
                           {"at", rfc3339(at)},           {"line", i + 1}, {"of", all.size()}};
        auto text = line.dump(-1, ' ', true, Json::error_handler_t::replace);
        text.pop_back();
        result.push_back(concat({text, ",\"recording\":", all[i], "}"}));  // which is an object as it stands
    }
    return result;
}

bool is_agent_log(std::string_view text) { return text.find(kBegin) != std::string_view::npos; }

Result<void> AgentLogs::add(std::string_view text, const std::string& file) {
    bool is_meant = false;
    std::size_t at = 0;
    for (const auto line : lines(text)) {
        ++at;
        const auto begin = line.find(kBegin);
        if (begin == std::string_view::npos || take(line.substr(begin), is_meant)) continue;
        return Error{ErrorKind::config,
                     concat({quote(file), ":", number(at), ": is no line of an agent of this version that learns, or was cut off"})};
    }
    if (is_meant) return {};
    return Error{ErrorKind::not_found,
                 concat({quote(file), " is the log of an agent that did not learn from confinement ", quote(confinement_)})};
}

bool AgentLogs::take(std::string_view line, bool& is_meant) {
    const auto document = Json::parse(line, nullptr, false);
    if (!document.is_object() || document.value("aa-shim-learned", Json()) != kVersion) return false;
    const auto node = text_of(document, "node");
    const auto confinement = text_of(document, "confinement");
    const auto at = text_of(document, "at");
    const auto number = number_of(document, "line");
    const auto of = number_of(document, "of");
    const auto recording = document.find("recording");
    if (!node || !confinement || !at || !read_rfc3339(*at) || !number || !of || *number == 0 || *number > *of) return false;
    if (recording == document.end() || !recording->is_object()) return false;
    if (*confinement != confinement_) return true;
    is_meant = true;
    auto& last = by_node_[*node];
    if (*at < last.at) return true;
    if (*at > last.at) last = {*at, *of, {}};
    const auto text = recording->dump(-1, ' ', true);
    return last.lines == *of && last.seen.emplace(*number, text).first->second == text;
}

Result<std::vector<apparmor::Recording>> AgentLogs::recordings() const {
    std::vector<apparmor::Recording> result;
    for (const auto& [node, last] : by_node_) {
        const auto what = concat({"the recording of node ", quote(node), " from ", last.at});
        if (last.seen.size() != last.lines) {
            return Error{ErrorKind::config, concat({what, " has ", number(last.seen.size()), " of its ", number(last.lines),
                                                    " lines in the log: give all of the log, or the node's own file, ",
                                                    "/var/lib/aa-shim/learn/", confinement_, ".recording"})};
        }
        std::string text;
        for (const auto& [number, line] : last.seen) text += line + "\n";
        result.push_back(TRY(apparmor::read_recording(text).context(what)));
    }
    return result;
}

}  // namespace aa::ctl::learned
