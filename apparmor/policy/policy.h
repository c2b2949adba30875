// SPDX-License-Identifier: Apache-2.0
//
// AppArmor policy as the kernel holds it: profiles, and the lists in which it looks for them. A Policy may be what a parser
// wrote, what the kernel has loaded, or the copy in the compiled catalog: the same questions get the same answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "apparmor/policy/automaton.h"
#include "base/capability_set.h"
#include "base/result.h"

namespace aa::apparmor {

// The paths on which an unconfined task, or one whose rule says so, enters a profile by itself.
struct Attachment {
    Automaton automaton;
    std::uint32_t length = 0;             // what the parser says its literal part is long at least (xmatch_len)
    std::vector<std::string> attributes;  // names of the extended attributes that it also looks at
};

// "A" of "A//kid"; empty at the top level. The kernel looks for separators from the left: the child "/bin/x" of "A" is "A///bin/x".
std::string_view parent_of(std::string_view name);

struct Profile {
    std::string name;  // in full, without a namespace: "web", "web//child"
    Mode mode = Mode::enforce;
    bool hat = false;
    std::uint32_t path_flags = 0;
    CapabilitySet capabilities;  // that its rules allow; what it allows in fact depends on the mode too
    std::optional<Attachment> attachment;
    Automaton files;  // empty: no file rules, nothing is allowed
    StateId files_start = kStartState;
    Automaton capability_rules;  // of kernels that look there (7.2: class 3 of the policydb); empty: `capabilities` counts
    StateId capability_start = kDeadState;
    Automaton rules;  // the policydb, of all classes but files; empty: nothing of it is mediated. The compiled catalog does not have it
    StateId rules_start = kDeadState;
    std::vector<std::string> targets;  // named exec targets: "B", "A//kid", "&B", "B//&C", ":ns:B"

    // "kid" of "A//kid".
    [[nodiscard]] std::string_view local_name() const;
    // "A" of "A//kid"; empty at the top level.
    [[nodiscard]] std::string_view parent() const;
    // The capabilities that its rules allow, wherever the kernel looks for them.
    [[nodiscard]] CapabilitySet rule_capabilities() const;
    // Where the rules of a class of mediation (the kernel's AA_CLASS_*) begin; dead: the class is not mediated.
    [[nodiscard]] StateId rules_of(std::uint8_t mediation_class) const;
    // Whether a task under the label PEER may send it SIGNAL, one of the classic ones, which AppArmor numbers as everybody does.
    [[nodiscard]] bool receives(int signal, std::string_view peer) const;
    // Whether it may read what /proc tells of a task under the label PEER only to who may trace it ("ptrace (read)").
    [[nodiscard]] bool may_read_by_ptrace(std::string_view peer) const;
};

// Where kernels differ.
struct KernelBehaviour {
    // How attachments are compared; nothing: it cannot be told, and where both ways do not give the same profile, that is an error.
    std::optional<LoopDetection> loops = LoopDetection::fixed;
    bool complain_replaces_missing_target = true;   // 7.2: a complain-mode profile gets a null profile; 6.1, 6.12: EACCES
    bool missing_stack_target_is_not_found = true;  // 6.1 attaches first, and a missing part of the stack fails the exec

    // That of a kernel release such as "6.12.107-cloud-amd64". A release between two that were looked at counts as the older,
    // and may compare attachments either way: that change went into maintained releases, too.
    static KernelBehaviour of_release(std::string_view release);
    // That of the kernel we run on.
    static KernelBehaviour of_running_kernel();
};

class Policy {
public:
    Policy() = default;
    Policy(const Policy&) = delete;
    Policy& operator=(const Policy&) = delete;
    virtual ~Policy() = default;

    // The profile NAME (in full) of the current namespace; nullptr: not loaded. It stays valid as long as the policy.
    virtual Result<const Profile*> find(std::string_view name) = 0;

    // The profiles of one of the kernel's lists, in the order in which the kernel walks it: the children of PARENT, or, if
    // that is empty, the top level. Those that cannot attach to PATH may be left out.
    virtual Result<std::vector<const Profile*>> list(std::string_view parent, std::string_view path) = 0;

    // Every profile, for whoever must consider any path; an error of kind config if this policy does not have them all.
    virtual Result<std::vector<const Profile*>> all() = 0;

    [[nodiscard]] virtual KernelBehaviour behaviour() const = 0;
};

// A policy in memory.
class PolicySet : public Policy {
public:
    // PROFILES in the order in which the kernel's lists have them, most recently first loaded first, parents with children.
    explicit PolicySet(std::vector<Profile> profiles, KernelBehaviour behaviour = {})
        : profiles_(std::move(profiles)), behaviour_(behaviour) {}

    Result<const Profile*> find(std::string_view name) override;
    Result<std::vector<const Profile*>> list(std::string_view parent, std::string_view path) override;
    Result<std::vector<const Profile*>> all() override;
    [[nodiscard]] KernelBehaviour behaviour() const override { return behaviour_; }

private:
    std::vector<Profile> profiles_;
    KernelBehaviour behaviour_;
};

}  // namespace aa::apparmor
