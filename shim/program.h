// SPDX-License-Identifier: Apache-2.0
//
// The program that a process spec starts: which file its first word means in the container, and whose that file is. What
// judging (exec_decision.h) needs to know of the world.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/capability_set.h"
#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "oci/bundle/process_spec.h"
#include "oci/path/container_path.h"
#include "oci/state/state.h"
#include "shim/exec_decision.h"

namespace aa::shim {

// A root that is made when it is first asked for, as that takes a look at every mount, and once: so that there is one budget.
class LazyRoot {
public:
    template <class Make>
    Result<const oci::ContainerRoot*> get(Make&& make) {
        if (!root_) root_.emplace(make());
        if (!*root_) return root_->error();
        return &**root_;
    }

private:
    std::optional<Result<oci::ContainerRoot>> root_;
};

// The root of a container that is about to be created from CONFIG in the bundle directory BUNDLE, for all of a call.
class BundleRoot {
public:
    // Both must outlive it.
    BundleRoot(std::string_view bundle, const oci::Config& config) : bundle_(bundle), config_(config) {}

    [[nodiscard]] const oci::Config& config() const { return config_; }
    Result<const oci::ContainerRoot*> get();

private:
    std::string_view bundle_;
    const oci::Config& config_;
    LazyRoot root_;
};

// The root of the running container of STATE, as an exec finds it, likewise. Users are those of the namespace that the runtime joins:
// none where the container has none of its own, whatever its first process has made for itself since.
class RunningRoot {
public:
    explicit RunningRoot(const oci::ContainerState& state) : state_(state) {}  // which must outlive it
    Result<const oci::ContainerRoot*> get();

private:
    const oci::ContainerState& state_;
    LazyRoot root_;
};

// An error unless a process may have the working directory CWD there: the root is not even looked for where it is that.
template <class Root>
Result<void> check_working_directory(Root& root, std::string_view cwd) {
    if (cwd.empty() || cwd == "/") return {};
    return TRY(root.get())->check_working_directory(cwd);
}

// The program of a process of SPEC, its capabilities cut to CEILING, in the container with that ROOT.
Result<Program> find_program(RunningRoot& root, const oci::ProcessSpec& spec, CapabilitySet ceiling);
Result<Program> find_program(BundleRoot& root, const oci::ProcessSpec& spec, CapabilitySet ceiling);

// The first program of the container that ROOT will be that of.
struct FirstProgram {
    Program program;
    bool behind_init = false;  // the engine put an init of its own in front of it
};
Result<FirstProgram> find_first_program(BundleRoot& root, CapabilitySet ceiling);

}  // namespace aa::shim
