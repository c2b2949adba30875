// SPDX-License-Identifier: Apache-2.0
//
// Where the runtimes look for a command without a slash. runc does as Go's exec.LookPath (os/exec/lp_unix.go), crun as its own
// find_executable (src/libcrun/utils.c). They agree on what engines and people write, a PATH of absolute directories, and on little
// else: empty and relative elements, `..` behind a symlink, a word that begins with a dot, an empty PATH.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oci/bundle/process_spec.h"

namespace aa::oci {

// PATH as seen from DIRECTORY ("": the root).
std::string from_directory(std::string_view directory, std::string_view path);

// The paths that are tried for WORD (no slash in it), in order, as absolute paths of the container. Where SPEC has no PATH at all it
// is not only PATH that they disagree about: crun's exec takes the container's, which SPEC does not tell.
std::vector<std::string> runc_candidates(std::string_view word, const ProcessSpec& spec);
std::vector<std::string> crun_candidates(std::string_view word, const ProcessSpec& spec);

}  // namespace aa::oci
