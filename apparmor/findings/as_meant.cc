// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/as_meant.h"

#include <algorithm>

#include "apparmor/policy/reader.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::string_view kSpace = " \t\r";
constexpr int kMaxRounds = 40;  // lines that are left out
constexpr std::string_view kTunables = "include <tunables/global>";

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    return begin == std::string_view::npos ? std::string_view() : text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

void replace(std::string& text, std::string_view what, std::string_view by) {
    if (const std::size_t at = text.find(what); at != std::string::npos) text.replace(at, what.size(), by);
}

// "deny /bin/** rmix," → "deny /bin/** rmx,": how it would have been executed is of no interest.
void mend_denied_mode(std::string& line) {
    const std::size_t comma = line.rfind(',');
    const std::size_t space = comma == std::string::npos ? comma : line.find_last_of(kSpace, comma);
    if (space == std::string::npos || trimmed(line).rfind("deny ", 0) != 0) return;
    std::string mode = line.substr(space + 1, comma - space - 1);
    if (mode.find('x') == std::string::npos || mode.find_first_not_of("rwaxmlkipcuPCU") != std::string::npos) return;
    std::erase_if(mode, [](char c) { return std::string_view("ipcuPCU").find(c) != std::string_view::npos; });
    line.replace(space + 1, comma - space - 1, mode);
}

bool is_bare_header(std::string_view line) {
    line = trimmed(line);
    return line.starts_with("profile ") && line.find('{') == std::string_view::npos && !line.ends_with(',');
}

std::vector<std::string> lines_of(std::string_view text) {
    const auto views = lines(text);
    return {views.begin(), views.end()};
}

std::string_view next_line(const std::vector<std::string>& all, std::size_t at) {
    while (++at < all.size()) {
        if (const auto line = trimmed(all[at]); !line.empty() && !line.starts_with("# ")) return line;
    }
    return {};
}

std::string joined(const std::vector<std::string>& all) { return join(all, "\n") + "\n"; }

// Empties line NUMBER of ALL, or the one before it that is not: a missing comma is seen only behind it. False if that would tear a block
// apart.
bool leave_out(std::vector<std::string>& all, std::size_t number) {
    std::size_t at = std::min(number, all.size());
    while (at > 0 && trimmed(all[at - 1]).empty()) --at;
    if (at == 0 || all[at - 1].find('}') != std::string::npos || trimmed(all[at - 1]).ends_with('{')) return false;
    all[at - 1].clear();
    return true;
}

}  // namespace

std::string as_meant(std::string_view text) {
    auto all = lines_of(text);
    std::size_t open = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        replace(all[i], " flags(", " flags=(");
        replace(all[i], "<etc/apparmor.d/", "<");
        replace(all[i], "</etc/apparmor.d/", "<");
        mend_denied_mode(all[i]);
        if (!is_bare_header(all[i]) || next_line(all, i).starts_with('{')) continue;
        all[i] += " {";
        ++open;
    }
    return joined(all) + std::string(open, '}') + (open > 0 ? "\n" : "");
}

Result<std::vector<Profile>> compile_as_meant(const Parser& parser, std::string_view text, const std::string& features) {
    auto all = lines_of(text);
    std::string head;  // before the first line
    for (int round = 0; round < kMaxRounds; ++round) {
        const auto run = TRY(parser.compile_input(head + joined(all), features));
        if (run.ok()) return read_policy(run.output, "what it means");
        if (round == 0) {
            all = lines_of(as_meant(text));
            continue;
        }
        if (head.empty() && run.errors.find("never declared") != std::string::npos) {
            head = concat({kTunables, "\n"});
            continue;
        }
        const auto line = parser_complaints(run, {}).front().origin.line;
        if (!leave_out(all, line - std::min(line, head.empty() ? 0U : 1U))) break;
    }
    return std::vector<Profile>();
}

}  // namespace aa::apparmor
