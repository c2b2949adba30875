// SPDX-License-Identifier: Apache-2.0
//
// Whether one compiled profile is at least as tight as another: of every path, and of everything else that AppArmor mediates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::apparmor {

// A profile of a compiled policy, whose BYTES the caller keeps.
struct CompiledProfile {
    std::string_view bytes;
    std::string name;
};

// What OURS allows and THEIRS denies, an example in each line ("file '/proc/x': write", "class 14 …"): of all files, capabilities,
// sockets, mounts and so on, by a walk through both automata at once. Of signals and ptrace it is what OURS allows of the profiles PEERS.
// What OURS leaves unmediated, and THEIRS does not, is a line, too. An error if one of them cannot be read.
Result<std::vector<std::string>> wider(const CompiledProfile& ours, const CompiledProfile& theirs, const std::vector<std::string>& peers);

// The accesses of PATHS, one by one: what of reading, writing and executing them OURS allows and THEIRS denies, in the same form. For a
// second opinion on what wider() says of all paths.
Result<std::vector<std::string>> wider_on(const CompiledProfile& ours, const CompiledProfile& theirs,
                                          const std::vector<std::string>& paths);

}  // namespace aa::apparmor
