// SPDX-License-Identifier: Apache-2.0
//
// Which texts the kernel makes of what a task asks for, class by class, and which permissions it looks for where one ends. A walk through
// automata goes no other way: what no task can ask for is no difference between two policies.
#pragma once

#include <cstdint>
#include <string_view>

namespace aa::apparmor {

class Grammar {
public:
    using State = std::uint16_t;
    static constexpr State kNowhere = 0xFFFF;

    Grammar() = default;
    Grammar(const Grammar&) = delete;
    Grammar& operator=(const Grammar&) = delete;
    virtual ~Grammar() = default;

    // A text begins at 0.
    [[nodiscard]] virtual State next(State state, std::uint8_t byte) const = 0;
    // The permissions that are looked for where a text ends; 0: none ends here.
    [[nodiscard]] virtual std::uint32_t wanted(State state) const = 0;
    // Those of the permissions at STATE that a longer text needs, too, if it goes on with BYTE: a link is allowed where both its name and
    // the pair of its name and target are.
    [[nodiscard]] virtual std::uint32_t carried(State /*state*/, std::uint8_t /*byte*/) const { return 0; }
    // Those of the permissions at STATE that any longer text has, too, if it goes on with BYTE: what is mounted with any data may be mounted
    // with these.
    [[nodiscard]] virtual std::uint32_t inherited(State /*state*/, std::uint8_t /*byte*/) const { return 0; }
    // What permissions ALLOWED at STATE mean there, as permissions of which more is more.
    [[nodiscard]] virtual std::uint32_t meaning(State /*state*/, std::uint32_t allowed) const { return allowed; }
    // The bytes that next() tells apart from all others.
    [[nodiscard]] virtual std::string_view special() const = 0;
};

// Paths (security/apparmor/path.c: absolute, no empty component, a slash at the end of a directory's); the pairs "LINK\0TARGET" and
// "PROGRAM\0LABEL" (for change_onexec); and the labels that one may change to.
class FileGrammar : public Grammar {
public:
    [[nodiscard]] State next(State state, std::uint8_t byte) const override;
    [[nodiscard]] std::uint32_t wanted(State state) const override;
    [[nodiscard]] std::uint32_t carried(State state, std::uint8_t byte) const override;
    // Of a link the bit of locks says that its target must be allowed as much as it (`subset`): here it means the contrary.
    [[nodiscard]] std::uint32_t meaning(State state, std::uint32_t allowed) const override;
    [[nodiscard]] std::string_view special() const override { return {"/\0", 2}; }
};

// The label of a peer: any text but an empty one. WANTED are the permissions of a class whose text ends with one; BARE those that are
// looked for before it.
class PeerGrammar : public Grammar {
public:
    explicit PeerGrammar(std::uint32_t wanted, std::uint32_t bare = 0) : wanted_(wanted), bare_(bare) {}
    [[nodiscard]] State next(State state, std::uint8_t byte) const override;
    [[nodiscard]] std::uint32_t wanted(State state) const override { return state == 0 ? bare_ : wanted_; }
    [[nodiscard]] std::string_view special() const override { return {"\0", 1}; }

private:
    std::uint32_t wanted_;
    std::uint32_t bare_;
};

// "MOUNTPOINT\0DEVICE\0TYPE\0FLAGS\0DATA", where FLAGS has a byte for each bit that is set, its number from one, in order; "NEW\0OLD" of
// pivot_root, and "MOUNTPOINT" to unmount (security/apparmor/mount.c).
class MountGrammar : public Grammar {
public:
    [[nodiscard]] State next(State state, std::uint8_t byte) const override;
    [[nodiscard]] std::uint32_t wanted(State state) const override;
    [[nodiscard]] std::uint32_t inherited(State state, std::uint8_t byte) const override;
    [[nodiscard]] std::string_view special() const override;
};

// Any text, NULs included: of classes whose texts are composed outside of the kernel, or not known.
class AnyGrammar : public Grammar {
public:
    explicit AnyGrammar(std::uint32_t wanted = ~std::uint32_t{0}) : wanted_(wanted) {}
    [[nodiscard]] State next(State /*state*/, std::uint8_t /*byte*/) const override { return 1; }
    [[nodiscard]] std::uint32_t wanted(State /*state*/) const override { return wanted_; }
    [[nodiscard]] std::string_view special() const override { return {"\0", 1}; }

private:
    std::uint32_t wanted_;
};

// How permissions of classes other than files are numbered (AA_MAY_*, security/apparmor/include/{perms,mount,ipc,net}.h).
namespace access {
inline constexpr std::uint32_t kPivotRoot = 1;
inline constexpr std::uint32_t kMount = 2;
inline constexpr std::uint32_t kUmount = 4;
inline constexpr std::uint32_t kTrace = 2;
inline constexpr std::uint32_t kReadByTrace = 4;
inline constexpr std::uint32_t kTracedBy = 8;
inline constexpr std::uint32_t kReadBy = 0x10;
inline constexpr std::uint32_t kSend = 2;
inline constexpr std::uint32_t kReceive = 4;
inline constexpr std::uint32_t kCreateNamespace = 8;
inline constexpr std::uint32_t kOverrideCredentials = 8;
inline constexpr std::uint32_t kPollQueue = 0x10;
inline constexpr std::uint32_t kContinue = 0x08000000;  // of sockets: what follows is matched, too
}  // namespace access

}  // namespace aa::apparmor
