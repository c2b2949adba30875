// SPDX-License-Identifier: Apache-2.0
//
// All paths at once: what a profile's file rules say of paths that nobody has named yet. A walk visits every state that some
// path leads to, so that nothing which a path could reach is missed; what it calls a path is one that shows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/policy/policy.h"

namespace aa::apparmor {

class FileWalk {
public:
    // Walks the file rules of PROFILE, which must outlive it.
    explicit FileWalk(const Profile& profile);

    // The exec targets (exec_index::k…) of all paths that may be executed by the owner of the file or by others, each once.
    [[nodiscard]] const std::vector<std::uint32_t>& targets() const { return targets_; }

    // Whether PATH has TARGET.
    [[nodiscard]] bool has_target(std::string_view path, std::uint32_t target) const;

    // Paths that have TARGET.
    struct Paths {
        std::vector<std::string> paths;
        bool complete = false;  // there are no others
    };
    [[nodiscard]] Paths paths_to(std::uint32_t target) const;

    // One of them, if there are any: what takes no walk back to the others.
    [[nodiscard]] std::optional<std::string> path_to(std::uint32_t target) const;

    // Whether ATTACHMENT may match a path that has TARGET, with some such paths.
    struct Meeting {
        bool possible = false;
        std::vector<std::string> paths;
    };
    [[nodiscard]] Meeting meet(std::uint32_t target, const Automaton& attachment) const;

    // Whether a process may change to the profile NAME, at once or with its next exec.
    [[nodiscard]] bool may_change_to(std::string_view name) const;

private:
    // What kind of path the bytes so far make: programs have no empty components in their paths, and no slash at the end.
    enum Shape : std::uint8_t { kBegins, kSlash, kName, kStrange };
    struct Node {
        StateId state = kDeadState;
        Shape shape = kBegins;
        std::uint32_t parent = 0;  // the node that it was reached from first, by `byte`
        std::uint8_t byte = 0;
    };
    static constexpr unsigned kShapes = 4;

    class Meet;
    class Backward;

    static Shape next_shape(Shape shape, std::uint8_t byte);
    [[nodiscard]] bool state_has_target(StateId state, std::uint32_t target) const;
    [[nodiscard]] std::string path_of(std::size_t node) const;
    void visit(StateId state, Shape shape, std::uint32_t parent, std::uint8_t byte);
    void note_permissions(StateId state);

    const Profile& profile_;
    std::vector<Node> nodes_;
    std::vector<bool> seen_;  // by state and shape
    std::vector<std::uint32_t> targets_;
    std::vector<StateId> on_exec_;  // states of programs after which a process may change its profile
};

}  // namespace aa::apparmor
