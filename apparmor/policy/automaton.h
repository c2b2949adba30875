// SPDX-License-Identifier: Apache-2.0
//
// The automaton (DFA) of compiled AppArmor policy, in one form for every generation of the policy format: matching steps as
// the kernel takes them (security/apparmor/match.c), and the permissions of a state already decoded. reader.h makes one
// of the kernel's binary form, and checks it; the compiled catalog holds it in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apparmor/policy/words.h"

namespace aa::apparmor {

// Permissions as the kernel numbers them inside (security/apparmor/include/perms.h).
namespace permission {
inline constexpr std::uint32_t kExec = 1;
inline constexpr std::uint32_t kWrite = 2;
inline constexpr std::uint32_t kRead = 4;
inline constexpr std::uint32_t kAppend = 8;
inline constexpr std::uint32_t kCreate = 0x10;
inline constexpr std::uint32_t kDelete = 0x20;
inline constexpr std::uint32_t kOpen = 0x40;
inline constexpr std::uint32_t kRename = 0x80;
inline constexpr std::uint32_t kSetAttribute = 0x100;
inline constexpr std::uint32_t kGetAttribute = 0x200;
inline constexpr std::uint32_t kChangeMode = 0x1000;
inline constexpr std::uint32_t kChangeOwner = 0x2000;
inline constexpr std::uint32_t kLock = 0x8000;
inline constexpr std::uint32_t kMapExecutable = 0x10000;
inline constexpr std::uint32_t kLink = 0x40000;
inline constexpr std::uint32_t kOnExec = 0x20000000;
inline constexpr std::uint32_t kChangeProfile = 0x40000000;
}  // namespace permission

// Classes of mediation: the first byte of what is matched in a policydb (AA_CLASS_* in security/apparmor/include/apparmor.h).
namespace mediation {
inline constexpr std::uint8_t kFile = 2;
inline constexpr std::uint8_t kCapability = 3;
inline constexpr std::uint8_t kMount = 7;
inline constexpr std::uint8_t kPtrace = 9;
inline constexpr std::uint8_t kSignal = 10;
inline constexpr std::uint8_t kNetwork = 14;
inline constexpr std::uint8_t kNetworkV9 = 15;  // of kernels that match more than the family and the type; they look here first
inline constexpr std::uint8_t kLabel = 16;      // for queries: what signals and ptrace say, again
inline constexpr std::uint8_t kMessageQueue = 17;
inline constexpr std::uint8_t kNamespace = 21;
inline constexpr std::uint8_t kIoUring = 22;
inline constexpr std::uint8_t kDbus = 32;  // asked by dbus-daemon
}  // namespace mediation

// How an exec changes the profile: the kernel's xindex (security/apparmor/include/file.h, AA_X_*).
namespace exec_index {
inline constexpr std::uint32_t kTypeMask = 0x0C000000;
inline constexpr std::uint32_t kName = 0x04000000;   // by attachment
inline constexpr std::uint32_t kTable = 0x08000000;  // a named target: the index into the profile's targets
inline constexpr std::uint32_t kIndexMask = 0x00FFFFFF;
inline constexpr std::uint32_t kUnsafe = 0x10000000;      // the environment is not scrubbed
inline constexpr std::uint32_t kChild = 0x20000000;       // among the profile's children
inline constexpr std::uint32_t kInherit = 0x40000000;     // fall back on the profile itself
inline constexpr std::uint32_t kUnconfined = 0x80000000;  // fall back on unconfined
}  // namespace exec_index

// What a state grants one kind of subject.
struct Permissions {
    std::uint32_t allow = 0;   // permission::k…
    std::uint32_t target = 0;  // exec_index::k…; means something if allow has kExec
    std::uint32_t deny = 0;    // refused by a rule that says so, as far as the compiled form still knows

    friend bool operator==(const Permissions&, const Permissions&) = default;
};

// How a left match tells that it runs in a circle. The kernel's first way forgets what it has passed through after 31 steps, and
// takes each step to a lower state for a circle (seen on 6.1.176); the other one is in 6.12.107 and 7.2.
enum class LoopDetection : std::uint8_t { original, fixed };

using StateId = std::uint32_t;
inline constexpr StateId kDeadState = 0;
inline constexpr StateId kStartState = 1;

class Automaton {
public:
    // A state is a word of `states`: base with its flags (high 32 bits), default state (low).
    // An edge is a word of `edges`: the state that it belongs to (high), the next state (low).
    // `accept` has, for each state, the index of its first entry in `permissions` (two words an entry:
    // allow (high) and target (low), then deny (high)); bit 63 of the word says that the entry after it is that of
    // subjects which do not own the object.
    // The dead state leads nowhere but to itself: reader.h refuses any other.
    struct Tables {
        Words states;
        Words edges;
        Words accept;
        Words permissions;
        Words classes;  // 256 bytes, eight in a word, the first in its lowest byte; empty: every byte is a class of its own
    };
    static constexpr std::uint32_t kDifferential = 0x80000000;  // of a base: on a miss go on with the default state
    static constexpr std::uint32_t kOutOfBand = 0x20000000;     // of a base: has a transition that no byte takes
    static constexpr std::uint64_t kOwnerPair = std::uint64_t{1} << 63U;

    Automaton() = default;
    explicit Automaton(Tables tables) : tables_(std::move(tables)) {}

    [[nodiscard]] bool empty() const { return tables_.states.empty(); }
    [[nodiscard]] std::size_t size() const { return tables_.states.size(); }
    [[nodiscard]] const Tables& tables() const { return tables_; }

    [[nodiscard]] StateId step(StateId state, std::uint8_t byte) const;
    [[nodiscard]] StateId out_of_band(StateId state) const;
    // The state after all of TEXT.
    [[nodiscard]] StateId match(StateId state, std::string_view text) const;

    // The longest left match, as the kernel computes it for attachments: how many bytes count as literal. It ignores
    // differential encoding in all but its last step, and so do we (seen on 7.2).
    struct LeftMatch {
        StateId state = kDeadState;
        std::uint32_t length = 0;
    };
    [[nodiscard]] LeftMatch left_match(std::string_view text, LoopDetection loops = LoopDetection::fixed) const;
    // One such step, without its differential encoding.
    [[nodiscard]] StateId step_undecoded(StateId state, std::uint8_t byte) const;
    [[nodiscard]] bool is_differential(StateId state) const { return (tables_.states[state] >> 63U) != 0; }
    // Whether STATE has an edge of its own for BYTE; and where it leads, or goes on, for which it has none.
    [[nodiscard]] bool has_edge(StateId state, std::uint8_t byte) const;
    [[nodiscard]] StateId default_of(StateId state) const { return static_cast<StateId>(tables_.states[state]); }

    [[nodiscard]] Permissions permissions(StateId state, bool owner) const;

private:
    static constexpr std::size_t kOutOfBandColumn = static_cast<std::size_t>(-1);

    [[nodiscard]] std::size_t column(std::uint8_t byte) const;
    [[nodiscard]] StateId follow(StateId state, std::size_t column) const;
    Tables tables_;
};

}  // namespace aa::apparmor
