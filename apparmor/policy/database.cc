// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/database.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace aa::apparmor {
namespace {

// Metadata for the audit log, which decides nothing.
Result<void> skip_tags(PolicyCursor& cursor) {
    if (!cursor.structure("tags")) return {};
    if (cursor.u32("version") != 1U) return cursor.missing("version 1 of the tags");
    if (!cursor.structure("strs")) return cursor.missing("the strings of the tags");
    const auto strings = cursor.array();
    if (!strings) return cursor.missing("the strings of the tags");
    for (unsigned i = 0; i < *strings; ++i) {
        if (!cursor.string()) return cursor.missing("a string of the tags");
    }
    if (!cursor.array_end() || !cursor.structure_end()) return cursor.missing("the end of the strings of the tags");
    const auto headers = cursor.array("hdrs");
    if (!headers) return cursor.missing("the headers of the tags");
    for (unsigned i = 0; i < 4U * *headers; ++i) {
        if (!cursor.u32()) return cursor.missing("a header of the tags");
    }
    if (!cursor.array_end()) return cursor.missing("the end of the headers of the tags");
    const auto sets = cursor.array("sets");
    if (!sets) return cursor.missing("the sets of the tags");
    for (unsigned i = 0; i < *sets; ++i) {
        if (!cursor.u32()) return cursor.missing("a set of the tags");
    }
    if (!cursor.array_end() || !cursor.structure_end()) return cursor.missing("the end of the tags");
    return {};
}

// One entry of a permission table (security/apparmor/include/perms.h, struct aa_perms), in the order of the format.
struct Entry {
    enum Field : std::uint8_t {
        reserved,
        allow,
        deny,
        subtree,
        cond,
        kill,
        complain,
        prompt,
        audit,
        quiet,
        hide,
        xindex,
        tag,
        label,
        kFields
    };
    std::array<std::uint32_t, kFields> fields{};

    [[nodiscard]] bool consistent() const {
        const auto f = [this](Field field) { return fields[field]; };
        return (f(allow) & f(deny)) == 0 && (f(subtree) & ~f(allow)) == 0 && (f(cond) & (f(allow) | f(deny))) == 0 &&
               (f(kill) & f(allow)) == 0 && (f(complain) & (f(allow) | f(deny))) == 0 && (f(prompt) & (f(allow) | f(deny))) == 0 &&
               (f(complain) & f(prompt)) == 0 && (f(hide) & f(allow)) == 0;
    }
    // Whether the permissions are not just allowed or denied.
    [[nodiscard]] bool conditional() const {
        return fields[subtree] != 0 || fields[cond] != 0 || fields[complain] != 0 || fields[prompt] != 0;
    }
};

Result<void> read_table(PolicyCursor& cursor, PolicyDatabase& database) {
    if (!cursor.structure("perms")) return {};
    if (cursor.u32("version") != 1U) return cursor.missing("version 1 of the permission table");
    const auto count = cursor.array();
    if (!count) return cursor.missing("the entries of the permission table");
    for (unsigned i = 0; i < *count; ++i) {
        Entry entry;
        for (auto& field : entry.fields) {
            const auto value = cursor.u32();
            if (!value) return cursor.missing("a number of the permission table");
            field = *value;
        }
        const std::string number = decimal(i);
        if (!entry.consistent()) return cursor.error(concat({"entry ", number, " of the permission table contradicts itself"}));
        if (entry.conditional()) {
            return cursor.error(concat({"entry ", number, " of the permission table has conditions, prompts or complaints of its own"}));
        }
        database.table.push_back(
            {.allow = entry.fields[Entry::allow], .target = entry.fields[Entry::xindex], .deny = entry.fields[Entry::deny]});
    }
    if (!cursor.array_end() || !cursor.structure_end()) return cursor.missing("the end of the permission table");
    database.has_table = true;
    const auto version = cursor.u32("permsv");
    if (version && *version > 3) return cursor.error("its permission table has a version that is not known");
    database.owner_pairs = version && *version > 2;
    return {};
}

// An entry of the list of targets as the kernel uses it: ":ns\0B" is ":ns:B".
Result<std::string> target_text(std::string_view text, const PolicyCursor& cursor) {
    std::string target(text);
    const bool in_namespace = target.starts_with(':');
    if (!target.empty() && (target[0] == ' ' || (target[0] >= '\t' && target[0] <= '\r')))
        return cursor.error("a target begins with white space");
    const auto zeros = std::count(target.begin(), target.end(), '\0');
    if (zeros > (in_namespace ? 1 : 0)) return cursor.error(concat({"it has more than one text in target ", quote(target)}));
    if (in_namespace && target.size() < 2) return cursor.error("a target has no namespace after ':'");
    std::replace(target.begin(), target.end(), '\0', ':');
    return target;
}

Result<std::vector<std::string>> read_targets(PolicyCursor& cursor) {
    std::vector<std::string> targets;
    if (!cursor.structure("xtable")) return targets;
    const auto count = cursor.array();
    if (!count) return cursor.missing("the list of targets");
    for (unsigned i = 0; i < *count; ++i) {
        const auto text = cursor.string();
        if (!text) return cursor.missing("a target");
        targets.push_back(TRY(target_text(*text, cursor)));
    }
    if (!cursor.array_end() || !cursor.structure_end()) return cursor.missing("the end of the list of targets");
    return targets;
}

Result<void> read_starts(PolicyCursor& cursor, PolicyDatabase& database) {
    database.start = cursor.u32("start").value_or(kStartState);
    database.files_start = cursor.u32("dfa_start").value_or(kStartState);
    const std::size_t states = database.raw.states.size();
    if (database.start >= states || database.files_start >= states)
        return cursor.error("its automaton starts in a state that does not exist");
    return {};
}

// --- inline permissions (security/apparmor/policy_compat.c) ---

constexpr unsigned kHalf = 14;  // bits of a value that speak of the owner; as many follow for others

std::uint32_t expand(std::uint32_t half) {
    std::uint32_t allow = half & 0xFU;
    if ((half & permission::kRead) != 0) allow |= permission::kGetAttribute | permission::kOpen;
    if ((half & permission::kWrite) != 0) {
        allow |= permission::kSetAttribute | permission::kCreate | permission::kDelete | permission::kChangeMode |
                 permission::kChangeOwner | permission::kOpen;
    }
    if ((half & 0x10U) != 0) allow |= permission::kLink;
    if ((half & 0x20U) != 0) allow |= permission::kLock;
    if ((half & 0x40U) != 0) allow |= permission::kMapExecutable;
    return allow;
}

std::uint32_t inline_target(std::uint32_t half) {
    std::uint32_t target = 0;
    if ((half & 0x80U) != 0) target |= exec_index::kUnconfined;
    if ((half & 0x100U) != 0) target |= exec_index::kUnsafe;
    if ((half & 0x200U) != 0) target |= exec_index::kInherit;
    const std::uint32_t kind = (half >> 10U) & 0xFU;
    if (kind == 1) target |= exec_index::kUnconfined;
    if (kind == 2) target |= exec_index::kName;
    if (kind == 3) target |= exec_index::kName | exec_index::kChild;
    if (kind >= 4) target |= exec_index::kTable | (kind - 4);
    return target;
}

// The second half of a value that is not about files has more permissions of the same subject (the kernel's map_other() in
// security/apparmor/policy_compat.c): attributes, then of sockets to accept, bind, listen, and their options.
std::uint32_t general_permissions(std::uint32_t value) {
    const std::uint32_t other = (value >> kHalf) & 0x7FU;
    return (value & 0x8000007FU) | ((other & 0x3U) << 8U) | ((other & 0x1CU) << 18U) | ((other & 0x60U) << 19U);
}

Permissions inline_permissions(std::uint32_t value, InlineForm form, bool owner) {
    if (form == InlineForm::attachment) return {.allow = value & 0x7FU};
    if (form == InlineForm::general) return {.allow = general_permissions(value)};
    const std::uint32_t half = (owner ? value : value >> kHalf) & ((1U << kHalf) - 1);
    std::uint32_t allow = expand(half) | permission::kGetAttribute;
    if ((value & 0x40000000U) != 0) allow |= permission::kOnExec;
    if ((value & 0x80000000U) != 0) allow |= permission::kChangeProfile;
    return {.allow = allow, .target = inline_target(half)};
}

// --- the decoded form ---

Result<void> check_target(const Permissions& permissions, const PolicyDatabase& database, const PolicyCursor& cursor) {
    const bool named = (permissions.target & exec_index::kTypeMask) == exec_index::kTable;
    if ((permissions.target & exec_index::kTypeMask) == exec_index::kTypeMask) {
        return cursor.error_at(database.position, "its automaton has an exec rule of a kind that is not known");
    }
    if (named && (permissions.target & exec_index::kIndexMask) >= database.targets.size()) {
        return cursor.error_at(database.position, "its automaton has an exec rule whose target does not exist");
    }
    return {};
}

void add_entry(std::vector<std::uint64_t>& words, const Permissions& permissions) {
    words.push_back((std::uint64_t{permissions.allow} << 32U) | permissions.target);
    words.push_back(std::uint64_t{permissions.deny} << 32U);
}

struct Accepting {
    std::vector<std::uint64_t> accept;
    std::vector<std::uint64_t> permissions;
};

Result<Accepting> accepting_by_table(const PolicyDatabase& database, const PolicyCursor& cursor) {
    Accepting result;
    for (const Permissions& permissions : database.table) {
        TRY(check_target(permissions, database, cursor));
        add_entry(result.permissions, permissions);
    }
    result.accept.reserve(database.raw.accept.size());
    for (std::size_t state = 0; state < database.raw.accept.size(); ++state) {
        const std::size_t index = database.raw.accept[state];
        const std::uint32_t flags = database.owner_pairs ? database.raw.accept2[state] : 0;
        if ((flags & ~1U) != 0) return cursor.error_at(database.position, "its automaton has accepting flags that are not known");
        if (index + flags >= database.table.size())
            return cursor.error_at(database.position, "its automaton has permissions that do not exist");
        result.accept.push_back(index | (flags != 0 ? Automaton::kOwnerPair : 0));
    }
    return result;
}

// Few values are different ones: each has its permissions decoded once.
Result<Accepting> accepting_inline(const PolicyDatabase& database, InlineForm form, const PolicyCursor& cursor) {
    std::vector<std::uint32_t> values(database.raw.accept.begin() + 1, database.raw.accept.end());
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    Accepting result;
    add_entry(result.permissions, {});  // of the dead state
    std::vector<std::uint64_t> decoded;
    for (const std::uint32_t value : values) {
        const Permissions owner = inline_permissions(value, form, true);
        const Permissions other = form == InlineForm::files ? inline_permissions(value, form, false) : owner;
        TRY(check_target(owner, database, cursor));
        TRY(check_target(other, database, cursor));
        decoded.push_back((result.permissions.size() / 2) | (owner == other ? 0 : Automaton::kOwnerPair));
        add_entry(result.permissions, owner);
        if (!(owner == other)) add_entry(result.permissions, other);
    }
    result.accept.assign(database.raw.accept.size(), 0);
    for (std::size_t state = 1; state < result.accept.size(); ++state) {
        const auto found = std::lower_bound(values.begin(), values.end(), database.raw.accept[state]);
        result.accept[state] = decoded[static_cast<std::size_t>(found - values.begin())];
    }
    return result;
}

}  // namespace

Result<PolicyDatabase> read_database(PolicyCursor& cursor) {
    PolicyDatabase database;
    TRY(skip_tags(cursor));
    TRY(read_table(cursor, database));
    if (const auto blob = cursor.blob("aadfa")) {
        // The compiler aligned the automaton, which is a multiple of 8 bytes long, in its output: what is too much is in front.
        const std::size_t padding = blob->size() % 8;
        database.position = cursor.position() - blob->size() + padding;
        database.raw = TRY(read_automaton(blob->substr(padding), database.position, cursor, database.owner_pairs));
        TRY(read_starts(cursor, database));
    } else if (database.has_table) {
        return cursor.missing("an automaton after the permission table");
    }
    // Some compilers write targets that no automaton uses; kernels throw them away, too.
    auto targets = TRY(read_targets(cursor));
    if (!database.empty()) database.targets = std::move(targets);
    return database;
}

Result<Automaton> make_automaton(PolicyDatabase& database, InlineForm form, const PolicyCursor& cursor) {
    auto accepting = TRY(database.has_table ? accepting_by_table(database, cursor) : accepting_inline(database, form, cursor));
    return Automaton({.states = Words(std::move(database.raw.states)),
                      .edges = Words(std::move(database.raw.edges)),
                      .accept = Words(std::move(accepting.accept)),
                      .permissions = Words(std::move(accepting.permissions)),
                      .classes = Words(std::move(database.raw.classes))});
}

}  // namespace aa::apparmor
