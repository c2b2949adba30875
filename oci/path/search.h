// SPDX-License-Identifier: Apache-2.0
//
// Where the runtimes look for a command without a slash. runc does as Go's exec.LookPath (os/exec/lp_unix.go), crun as its own
// find_executable (src/libcrun/utils.c). They agree on what engines and people write, a PATH of absolute directories, and on little
// else: empty and relative elements, `..` behind a symlink, a word that begins with a dot, an empty PATH.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "oci/bundle/process_spec.h"
#include "oci/command_line/command_line.h"

namespace aa::oci {

// PATH as seen from DIRECTORY ("": the root).
std::string from_directory(std::string_view directory, std::string_view path);

// The paths that KIND tries for WORD (no slash in it), in order, one at a time: PATH is the container's, and may be long. Where SPEC has
// no PATH at all it is not only PATH that they disagree about: crun's exec takes the container's, which SPEC does not tell.
class Candidates {
public:
    // WORD and SPEC must outlive it.
    Candidates(RuntimeKind kind, std::string_view word, const ProcessSpec& spec);

    // The next one, as an absolute path of the container; nothing if there are no more.
    std::optional<std::string> next();

    [[nodiscard]] std::string_view word() const { return word_; }

private:
    RuntimeKind kind_;
    std::string_view word_;
    const ProcessSpec& spec_;
    std::optional<std::string_view> rest_;  // of PATH
};

}  // namespace aa::oci
