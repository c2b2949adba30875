// SPDX-License-Identifier: Apache-2.0
//
// IdMap: how a user namespace numbers users or groups, and how the namespace that we are in (the host, for an engine that runs as
// root) numbers the same ones. Owner rules of AppArmor compare the host's numbers. A number without a partner is an error, never 0.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::oci {

// COUNT numbers, from INSIDE on in the namespace and from OUTSIDE on for us.
struct IdRange {
    std::uint32_t inside = 0;
    std::uint32_t outside = 0;
    std::uint32_t count = 0;
};

class IdMap {
public:
    // Every number stands for itself: no user namespace.
    IdMap() = default;
    explicit IdMap(std::vector<IdRange> ranges) : identity_(false), ranges_(std::move(ranges)) {}

    // The text of /proc/PID/uid_map or gid_map (user_namespaces(7)), as it is shown to a reader of our own namespace.
    static Result<IdMap> parse(std::string_view text);

    [[nodiscard]] bool is_identity() const { return identity_; }

    // The host's number for ID; nothing if the namespace has no such user.
    [[nodiscard]] std::optional<std::uint32_t> outside(std::uint32_t id) const;

    // Whether the user who is ID on the host exists in the namespace: only then do capabilities of that namespace reach its files.
    [[nodiscard]] bool reaches(std::uint32_t id) const;

private:
    bool identity_ = true;
    std::vector<IdRange> ranges_;
};

struct IdMaps {
    IdMap users;
    IdMap groups;

    // Those of the running process PID. Where all users stand for themselves, so do the groups: engines make no such namespace.
    static Result<IdMaps> of_process(pid_t pid);

    // The host's number for the user UID; the message of the error names it.
    [[nodiscard]] Result<uid_t> host_uid(uid_t uid) const;
};

}  // namespace aa::oci
