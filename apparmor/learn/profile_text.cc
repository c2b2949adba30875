// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/profile_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>

#include "apparmor/audit/rule.h"
#include "apparmor/learn/rules.h"
#include "apparmor/source/profile_words.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::array<std::string_view, kAreas> kTitles = {
    "Sockets.",
    "Capabilities: the ceiling of the confinement.",
    "Other processes.",
    "Programs that are executed, under this profile.",
    "Libraries, and other code that is loaded.",
    "Configuration.",
    "Data that is read.",
    "What is written.",
    "Devices.",
    "The kernel, and what it tells of processes.",
};

std::string number(std::uint64_t value) {
    return decimal(static_cast<long long>(std::min<std::uint64_t>(value, std::numeric_limits<long long>::max())));
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
    return concat({number(count), " ", count == 1 ? one : many});
}

// The programs, by their names; one whose name could be anything but a name in a comment is not told.
std::string programs_of(const std::vector<Seen>& seen) {
    constexpr std::size_t kMost = 2;
    std::set<std::string> programs;
    bool odd = false;
    for (const auto& one : seen) {
        const auto& program = one.fact->program;
        const bool is_plain = !program.empty() && exactly(program) == program;
        if (is_plain) programs.insert(program);
        odd = odd || (!is_plain && !program.empty());
    }
    std::vector<std::string> told(programs.begin(), programs.end());
    const auto more = told.size() > kMost ? told.size() - kMost : 0;
    told.resize(told.size() - more);
    if (more > 0) told.push_back(concat({number(more), " more"}));
    if (odd) told.emplace_back("one with an odd name");
    return told.empty() ? std::string() : concat({", by ", join(told, ", ")});
}

// A "#" of a name, which stands between quotes, begins a comment for whoever looks for one that silences a finding.
std::string without_hash(std::string_view rule) {
    std::string text;
    for (const char c : rule) text += c == '#' ? std::string("\\043") : std::string(1, c);
    return text;
}

// Where the block of the profile NAME in TEXT ends: at its brace.
std::optional<std::size_t> end_of_profile(std::string_view text, std::string_view name) {
    ProfileWords words(text);
    std::size_t depth = 0;
    bool inside = false;
    while (const auto statement = words.next()) {
        if (statement->end == Statement::End::open) {
            inside = inside || (depth == 0 && std::find(statement->words.begin(), statement->words.end(), name) != statement->words.end());
            ++depth;
        } else if (statement->end == Statement::End::close && depth > 0) {
            if (--depth == 0 && inside) return statement->stop - 1;
        }
    }
    return std::nullopt;
}

}  // namespace

std::string base_profile(std::string_view name, std::string_view confinement) {
    const auto own = own_labels(name);
    return concat({"# ", name, ": what containers of the confinement \"", confinement,
                   "\" did, as aa-shimctl learn has observed it.\n"
                   "\n"
                   "# With `aa-shimctl load` also user namespaces and io_uring are mediated, where parser and kernel can.\n"
                   "include if exists <aa-shim/abi>\n"
                   "abi <abi/3.0>,\n"
                   "\n"
                   "include <tunables/global>\n"
                   "\n"
                   "profile ",
                   name,
                   " flags=(attach_disconnected,mediate_deleted) {\n"
                   "  # What every container needs: to be stopped, to look at itself, to load programs, and a terminal.\n"
                   "  signal (receive) peer=unconfined,\n"
                   "  signal (receive) peer={runc,crun,youki,podman,buildah,conmon,crio,containerd*,dockerd,aa-shim},\n"
                   "  ptrace (read,readby) peer=",
                   own,
                   ",\n"
                   "  /{,usr/}lib{,32,64}/**.so* mr,\n"
                   "  /etc/ld.so.cache r,\n"
                   "  /dev/{null,zero,full,random,urandom,tty,console,ptmx} rw,\n"
                   "  /{dev/,}pts/* rw,\n"
                   "  @{PROC}/@{pid}/{auxv,cmdline,maps,stat,status} r,\n"
                   "  @{PROC}/sys/vm/overcommit_memory r,\n"
                   "}\n"});
}

Result<std::string> with_rules(const std::string& text, std::string_view name, const std::vector<LearnedRule>& rules) {
    const auto end = end_of_profile(text, name);
    if (!end) return Error{ErrorKind::config, concat({"there is no profile ", quote(name), " in it that rules could be added to"})};
    std::string added;
    std::optional<Area> area;
    for (const auto& rule : rules) {
        if (area != rule.area) added += concat({"\n  # ", kTitles[static_cast<std::size_t>(rule.area)], "\n"});
        area = rule.area;
        added += concat({"  ", without_hash(rule.text), ",  # ", what_was_seen(rule.seen), "\n"});
    }
    const auto line = text.rfind('\n', *end);
    const bool alone = line != std::string::npos && text.find_first_not_of(" \t", line + 1) == *end;
    const auto at = alone ? line + 1 : *end;
    return concat({text.substr(0, at), alone ? "" : "\n", added, text.substr(at)});
}

std::string what_was_seen(const std::vector<Seen>& seen) {
    std::set<std::string> names;
    std::uint64_t times = 0;
    for (const auto& one : seen) {
        if (one.fact->event.is_of_file()) names.insert(one.fact->event.name);
        times =
            one.count > std::numeric_limits<std::uint64_t>::max() - times ? std::numeric_limits<std::uint64_t>::max() : times + one.count;
    }
    const auto of_names = names.size() > 1 ? concat({counted(names.size(), "name", "names"), ", "}) : std::string();
    return concat({of_names, counted(times, "time", "times"), programs_of(seen)});
}

}  // namespace aa::apparmor
