// SPDX-License-Identifier: Apache-2.0
//
// containerd's configuration: what of it concerns runtimes, and our runtimes in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/install/document/marks.h"
#include "ctl/install/document/wanted.h"
#include "ctl/install/toml/toml.h"

namespace aa::ctl::install {

// 2 (containerd 1.3 to 1.7, and read by 2.x) or 3 (2.x). Refused: version 1, which is what a file without a version is, and others.
Result<int> containerd_version(const toml::Document& document);

// The table of the plugin that runs containers for Kubernetes, and the one below it that has the runtimes.
toml::Path cri_plugin(int version);
toml::Path cri_containerd(int version);

// Whether a runtime of this type is started by runc's shim, which calls a program.
bool is_runc_shim(std::string_view type);
// The name of the runtime that containers get now, and what that of NAME is: its program as the document names it ("BinaryName") or, if
// another shim runs it, that.
std::string default_runtime(const toml::Document& document, int version);
struct RuntimeProgram {
    std::string binary, other_shim;
};
RuntimeProgram runtime_program(const toml::Document& document, int version, const std::string& name);
// The runtimes that --mandatory gives to aa-shim.
std::vector<std::string> plain_runtimes(const toml::Document& document, int version);

// What our runtimes take over from the one that containers get now: the cgroup driver, above all.
struct Inherited {
    TomlPairs runtime, options;
    std::vector<std::string> pod_annotations, container_annotations;
};
Inherited inherited_from(const toml::Document& document, int version);

// The tables of our runtimes, with the default if it is wanted.
std::vector<TomlTable> runtime_tables(int version, const Wanted& wanted, const Inherited& inherited);

// What --mandatory changes in the runtimes that are there: those that are runc or crun.
struct Redirected {
    std::vector<TomlTable> tables;
    std::vector<std::string> left;  // runtimes that are something else
};
Redirected redirected_runtimes(const toml::Document& document, int version, const Wanted& wanted);

// What keeps the runtimes that containerd has without being told, where a file would otherwise lose them.
std::vector<TomlTable> kept_built_in(const toml::Document& document, int version);

// An error if the document has something that would make ours not count, or not count as is meant: a runtime of our name, the
// CRI plugin disabled, a default that is given in the old way.
Result<void> require_no_obstacle(const toml::Document& document, int version, const Wanted& wanted);

// The document with our runtimes in place. `left` as above.
struct ContainerdChange {
    std::string text;
    std::vector<std::string> left;
};
Result<ContainerdChange> with_containerd_runtimes(const toml::Document& document, const Wanted& wanted);

// A whole file with our runtimes, for a directory of imports, or where there is no file yet.
std::string containerd_file(int version, const std::vector<TomlTable>& tables);

// An error if DUMP_AFTER differs from DUMP_BEFORE (both `containerd config dump`) in more than what we put there.
Result<void> require_only_ours_differs(std::string_view dump_before, std::string_view dump_after);

}  // namespace aa::ctl::install
