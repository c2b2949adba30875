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
    "Programs that are executed under profiles of their own.",
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

// Where the block of the profile LABEL in TEXT ends: at its brace. A child stands in its parent's block, or beside it by its full name.
std::optional<std::size_t> end_of_profile(std::string_view text, std::string_view label) {
    const auto parent = parent_of(label);
    ProfileWords words(text);
    std::vector<std::string> open;  // the profiles around
    while (const auto statement = words.next()) {
        const auto has = [&](std::string_view name) {
            return std::find(statement->words.begin(), statement->words.end(), name) != statement->words.end();
        };
        if (statement->end == Statement::End::open) {
            const bool is_parent = open.empty() && !parent.empty() && has(parent);
            const bool is_in_parent = open.size() == 1 && open.front() == parent && has(label.substr(parent.size() + 2));
            const bool is_it = (open.empty() && has(label)) || (!parent.empty() && is_in_parent);
            open.emplace_back(is_it ? label : is_parent ? parent : std::string_view());
        } else if (statement->end == Statement::End::close && !open.empty()) {
            if (open.back() == label) return statement->stop - 1;
            open.pop_back();
        }
    }
    return std::nullopt;
}

// TEXT with ADDED at the end of the profile LABEL.
Result<std::string> with_lines(const std::string& text, std::string_view label, std::string_view added) {
    const auto end = end_of_profile(text, label);
    if (!end) return Error{ErrorKind::config, concat({"there is no profile ", quote(label), " in it that rules could be added to"})};
    const auto line = text.rfind('\n', *end);
    const bool alone = line != std::string::npos && text.find_first_not_of(" \t", line + 1) == *end;
    const auto at = alone ? line + 1 : *end;
    return concat({text.substr(0, at), alone ? "" : "\n", added, text.substr(at)});
}

// LINES, each of them behind INDENT.
std::string indented(std::string_view lines, std::string_view indent) {
    std::string text;
    for (std::size_t from = 0; from < lines.size();) {
        const auto end = lines.find('\n', from) + 1;
        text += concat({end == from + 1 ? "" : indent, lines.substr(from, end - from)});
        from = end;
    }
    return text;
}

// What every program needs whose profile is one of OWN.
std::string base_rules(std::string_view own) {
    return concat(
        {"signal (receive) peer=unconfined,\n"
         "signal (receive) peer={runc,crun,youki,podman,buildah,conmon,crio,containerd*,dockerd,aa-shim},\n"
         "ptrace (read,readby) peer=",
         own,
         ",\n"
         "/{,usr/}lib{,32,64}/**.so* mr,\n"
         "/etc/ld.so.cache r,\n"
         "/dev/{null,zero,full,random,urandom,tty,console,ptmx} rw,\n"
         "/{dev/,}pts/* rw,\n"
         "@{PROC}/@{pid}/{auxv,cmdline,maps,stat,status} r,\n"
         "@{PROC}/sys/vm/overcommit_memory r,\n"});
}

std::string names_of(const std::set<Power>& powers) {
    std::vector<std::string> names;
    names.reserve(powers.size());
    for (const auto power : powers) names.emplace_back(power_name(power));
    return join(names, ", ");
}

}  // namespace

std::string base_profile(std::string_view name, std::string_view confinement) {
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
                   "  # What every container needs: to be stopped, to look at itself, to load programs, and a terminal.\n",
                   indented(base_rules(own_labels(name)), "  "), "}\n"});
}

Result<std::string> with_rules(const std::string& text, std::string_view label, const std::vector<LearnedRule>& rules) {
    const bool is_child = !parent_of(label).empty();
    std::string added;
    std::optional<Area> area;
    for (const auto& rule : rules) {
        const auto title = is_child && rule.area == Area::capabilities ? "Capabilities." : kTitles[static_cast<std::size_t>(rule.area)];
        if (area != rule.area) added += concat({"\n# ", title, "\n"});
        area = rule.area;
        added += concat({without_hash(rule.text), ",  # ", what_was_seen(rule.seen), "\n"});
    }
    return with_lines(text, label, indented(added, is_child ? "    " : "  "));
}

// Of a profile that has children; that was never seen, as the twin denies it.
constexpr std::string_view kKeepsLabel = "deny /proc/*/attr/{,apparmor/}current w";

Result<std::string> with_child(const std::string& text, std::string_view name, const Domain& child) {
    const auto own = own_labels(name);
    const auto kept =
        text.find(kKeepsLabel) == std::string::npos
            ? concat({"\n# No process sets its own label, which the parser would let it where there are children.\n", kKeepsLabel, ",\n"})
            : std::string();
    const auto header =
        concat({"\n# Of its own, with what it executes: ", names_of(child.takes), ". Without, of the rest's: ", names_of(child.is_without),
                ".\nprofile ", child.label.substr(name.size() + 2), " flags=(attach_disconnected,mediate_deleted) {\n"});
    const auto block = indented(concat({base_rules(own), "signal (receive) peer=", own, ",\n"}), "  ");
    return with_lines(text, name, indented(concat({kept, header, block, "}\n"}), "  "));
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
