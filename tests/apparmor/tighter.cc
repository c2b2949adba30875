// SPDX-License-Identifier: Apache-2.0
#include "tighter.h"

#include <array>
#include <cstdint>
#include <set>
#include <tuple>
#include <utility>

#include "apparmor/policy/automaton.h"
#include "apparmor/policy/database.h"
#include "apparmor/policy/reachable.h"
#include "apparmor/policy/reader.h"
#include "apparmor/policy/transition.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// Of the kernel (security/apparmor/include/apparmor.h, AA_CLASS_*).
constexpr unsigned kFiles = 2;
constexpr unsigned kCapabilities = 3;
constexpr unsigned kPtrace = 9;
constexpr unsigned kSignal = 10;
constexpr unsigned kLabels = 16;             // for queries: what the classes of signals and ptrace say, again
constexpr std::uint32_t kPeerAccess = 0x1E;  // sending, receiving; tracing, reading, and both from the other side
constexpr unsigned kSignals = 66;            // numbers that a signal may have there

constexpr std::array<std::pair<std::uint32_t, const char*>, 9> kFileAccess = {{{permission::kExec, "execute"},
                                                                               {permission::kWrite, "write"},
                                                                               {permission::kRead, "read"},
                                                                               {permission::kAppend, "append"},
                                                                               {permission::kCreate, "create"},
                                                                               {permission::kDelete, "delete"},
                                                                               {permission::kLock, "lock"},
                                                                               {permission::kMapExecutable, "map"},
                                                                               {permission::kLink, "link"}}};

struct Rules {
    Profile profile;
    Automaton general;  // of everything but files
    StateId general_start = kDeadState;

    [[nodiscard]] StateId of(unsigned number) const { return general.step(general_start, static_cast<std::uint8_t>(number)); }
};

// The policydb of a record is the first after its name; the product's reader passes over most of it.
Result<void> read_general(const CompiledProfile& compiled, Rules& rules) {
    const std::string name = concat(
        {"\x05", std::string(1, static_cast<char>(compiled.name.size() + 1)), std::string(1, '\0'), compiled.name, std::string(1, '\0')});
    const std::string field = std::string("\x04\x09\x00policydb\x00\x07", 13);
    const std::size_t record = compiled.bytes.find(name);
    const std::size_t at = record == std::string_view::npos ? record : compiled.bytes.find(field, record);
    if (at == std::string_view::npos) return Error{ErrorKind::config, concat({"no policydb of ", compiled.name})};
    PolicyCursor cursor(compiled.bytes.substr(at), compiled.name);
    cursor.structure("policydb");
    PolicyDatabase database = TRY(read_database(cursor));
    rules.general_start = database.start;
    rules.general = TRY(make_automaton(database, InlineForm::attachment, cursor));
    return {};
}

Result<Rules> rules_of(const CompiledProfile& compiled) {
    Rules rules;
    auto profiles = TRY(read_policy(compiled.bytes, compiled.name));
    for (Profile& profile : profiles) {
        if (profile.name != compiled.name) continue;
        rules.profile = std::move(profile);
        TRY(read_general(compiled, rules));
        return rules;
    }
    return Error{ErrorKind::not_found, concat({"no profile ", compiled.name})};
}

std::uint32_t granted(const Permissions& permissions) { return permissions.allow & ~permissions.deny; }

// What FIRST grants and SECOND does not, to the owner or to others; where both execute, another target counts as more.
std::uint32_t more(const Automaton& first, StateId a, const Automaton& second, StateId b) {
    std::uint32_t result = 0;
    for (const bool owner : {true, false}) {
        const Permissions ours = first.permissions(a, owner);
        const Permissions theirs = second.permissions(b, owner);
        result |= granted(ours) & ~granted(theirs);
        if ((granted(ours) & granted(theirs) & permission::kExec) != 0 && ours.target != theirs.target) result |= permission::kExec;
    }
    return result;
}

// Every pair of states that some text leads to in both automata, with the shortest such text.
class Walk {
public:
    enum Kind : std::uint8_t { kPaths, kTexts };  // a path has no empty component, and nothing after a NUL

    Walk(Kind kind, const Automaton& ours, StateId our_start, const Automaton& theirs, StateId their_start)
        : kind_(kind), ours_(ours), theirs_(theirs) {
        visit(our_start, their_start, 0, 0);
    }

    // Calls FOUND(TEXT, more permissions) for each pair in which ours grants more.
    template <class Found>
    void each(Found found) {
        for (std::size_t at = 0; at < pairs_.size(); ++at) {
            const Pair pair = pairs_[at];
            if (const auto extra = more(ours_, pair.ours, theirs_, pair.theirs); extra != 0) found(text(at), extra);
            for (unsigned byte = 0; byte < 256; ++byte) {
                const auto next = static_cast<std::uint8_t>(byte);
                if (kind_ == kPaths && (byte == 0 || (byte == '/' && pair.byte == '/'))) continue;
                visit(ours_.step(pair.ours, next), theirs_.step(pair.theirs, next), at, next);
            }
        }
    }

private:
    struct Pair {
        StateId ours, theirs;
        std::size_t parent;
        std::uint8_t byte;
    };

    // From where ours is dead it grants nothing.
    void visit(StateId ours, StateId theirs, std::size_t parent, std::uint8_t byte) {
        if (ours != kDeadState && seen_.emplace(ours, theirs, byte == '/').second) pairs_.push_back({ours, theirs, parent, byte});
    }

    [[nodiscard]] std::string text(std::size_t at) const {
        std::string result;
        for (; at != 0; at = pairs_[at].parent) result.insert(result.begin(), static_cast<char>(pairs_[at].byte));
        return result;
    }

    Kind kind_;
    const Automaton& ours_;
    const Automaton& theirs_;
    std::vector<Pair> pairs_;
    std::set<std::tuple<StateId, StateId, bool>> seen_;
};

std::string accesses(std::uint32_t permissions) {
    std::string result;
    for (const auto& [bit, name] : kFileAccess) {
        if ((permissions & bit) != 0) result += concat({result.empty() ? "" : ", ", name});
    }
    return result;
}

std::string file_line(std::string_view path, std::uint32_t permissions) {
    return concat({"file ", quote(path), ": ", accesses(permissions)});
}

void compare_files(const Rules& ours, const Rules& theirs, std::vector<std::string>& lines) {
    Walk(Walk::kPaths, ours.profile.files, ours.profile.files_start, theirs.profile.files, theirs.profile.files_start)
        .each([&](const std::string& path, std::uint32_t extra) {
            if (!accesses(extra).empty()) lines.push_back(file_line(path, extra));
        });
}

std::string hexadecimal(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string result;
    for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        result += {' ', kDigits[value >> 4U], kDigits[value & 0xFU]};
    }
    return result;
}

// Whether both say something of the class, and ours has to be compared.
bool comparable(const Rules& ours, const Rules& theirs, unsigned number, std::vector<std::string>& lines) {
    if (theirs.of(number) == kDeadState) return false;
    if (ours.of(number) != kDeadState) return true;
    lines.push_back(concat({"class ", decimal(number), ": not mediated"}));
    return false;
}

void compare_class(const Rules& ours, const Rules& theirs, unsigned number, std::vector<std::string>& lines) {
    if (!comparable(ours, theirs, number, lines)) return;
    Walk(Walk::kTexts, ours.general, ours.of(number), theirs.general, theirs.of(number))
        .each([&](const std::string& text, std::uint32_t extra) {
            lines.push_back(concat({"class ", decimal(number), hexadecimal(text), ": ", decimal(extra)}));
        });
}

void compare_peers(const Rules& ours, const Rules& theirs, unsigned number, const std::vector<std::string>& peers,
                   std::vector<std::string>& lines) {
    if (!comparable(ours, theirs, number, lines)) return;
    const auto at = [number](const Rules& rules, unsigned signal, const std::string& peer) {
        const StateId begin =
            number == kSignal ? rules.general.step(rules.of(number), static_cast<std::uint8_t>(signal)) : rules.of(number);
        return rules.general.match(begin, peer);
    };
    for (const std::string& peer : peers) {
        std::uint32_t extra = 0;
        for (unsigned signal = 0; signal < (number == kSignal ? kSignals : 1); ++signal)
            extra |= more(ours.general, at(ours, signal, peer), theirs.general, at(theirs, signal, peer));
        extra &= kPeerAccess;
        if (extra != 0) lines.push_back(concat({number == kSignal ? "signal " : "ptrace ", peer, ": ", decimal(extra)}));
    }
}

Result<CapabilitySet> capabilities_of(const Rules& rules) {
    PolicySet policy({rules.profile});
    return allowed_capabilities(policy, rules.profile.name);
}

}  // namespace

Result<std::vector<std::string>> wider(const CompiledProfile& ours, const CompiledProfile& theirs, const std::vector<std::string>& peers) {
    const Rules our_rules = TRY(rules_of(ours));
    const Rules their_rules = TRY(rules_of(theirs));
    std::vector<std::string> lines;
    compare_files(our_rules, their_rules, lines);
    const CapabilitySet capabilities = TRY(capabilities_of(our_rules)) - TRY(capabilities_of(their_rules));
    if (!capabilities.empty()) lines.push_back(concat({"capabilities ", capabilities.names()}));
    for (unsigned number = 0; number < 256; ++number) {
        if (number == kPtrace || number == kSignal) {
            compare_peers(our_rules, their_rules, number, peers, lines);
        } else if (number != kFiles && number != kCapabilities && number != kLabels) {
            compare_class(our_rules, their_rules, number, lines);
        }
    }
    return lines;
}

Result<std::vector<std::string>> wider_on(const CompiledProfile& ours, const CompiledProfile& theirs,
                                          const std::vector<std::string>& paths) {
    PolicySet our_policy(TRY(read_policy(ours.bytes, ours.name)));
    PolicySet their_policy(TRY(read_policy(theirs.bytes, theirs.name)));
    std::vector<std::string> lines;
    for (const std::string& path : paths) {
        std::uint32_t extra = 0;
        for (const bool owned : {true, false}) {
            const auto own = TRY(file_permissions(our_policy, ours.name, path, owned));
            const auto others = TRY(file_permissions(their_policy, theirs.name, path, owned));
            extra |= granted(own) & ~granted(others);
        }
        if (!accesses(extra).empty()) lines.push_back(file_line(path, extra));
    }
    return lines;
}

}  // namespace aa::apparmor
