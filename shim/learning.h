// SPDX-License-Identifier: Apache-2.0
//
// Learning: for a time, containers of one confinement start under a twin of their profile, which forbids next to nothing and has the kernel
// tell what is used; or, in place, the profile itself does so meanwhile. `aa-shimctl learn` says so in a file for the confinement, which counts for
// as long as it lives: it keeps the file locked. Whatever is wrong with the file, the container is not learned from, and starts as decided.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"
#include "shim/decision.h"

namespace aa::shim {

inline constexpr const char* kLearningDirectory = "/run/aa-shim/learning";

// How the twins of all confinements are called, with the confinement's name behind it.
inline constexpr std::string_view kTwinPrefix = "aa-shim-learning-";

// Which containers of a confinement are learned from; what is empty, matches all.
struct LearningFilter {
    std::string image;      // pattern, as in "match"
    std::string name;       // pattern
    std::string container;  // how its ID begins

    friend bool operator==(const LearningFilter&, const LearningFilter&) = default;
};

// What the file says.
struct Learning {
    std::string twin;            // a profile
    std::string profile;         // whose twin it is; in place, the same one
    std::uint64_t deadline = 0;  // nanoseconds since the start of the host (CLOCK_BOOTTIME), from which on nothing is learned
    LearningFilter filter;

    [[nodiscard]] bool is_in_place() const { return twin == profile; }

    friend bool operator==(const Learning&, const Learning&) = default;
};

// The name of the file for CONFINEMENT; nothing if it can have none, and is never learned.
std::optional<std::string> learning_file(std::string_view confinement);

// LEARNING as a file has it, and back; nothing if TEXT is not whole.
std::string to_text(const Learning& learning);
std::optional<Learning> read_learning(std::string_view text);

// The clock of the deadline.
std::uint64_t learning_clock();

// Where a start looks whether it is learned from.
class LearningPlace {
public:
    // Both must outlive it. DIRECTORY is usually not there, as nobody learns: to see that is one system call.
    explicit LearningPlace(const apparmor::Kernel& kernel, const char* directory = kLearningDirectory)
        : kernel_(kernel), directory_(directory) {}

    // What is learned of CONFINEMENT now; nothing if it is not. An error: somebody says that it is, and it cannot be: why.
    [[nodiscard]] Result<std::optional<Learning>> of(std::string_view confinement) const;

    // The same without the questions whether it is over, and whether somebody is there: what a learning that was killed has left.
    [[nodiscard]] Result<std::optional<Learning>> left(std::string_view confinement) const;

private:
    const apparmor::Kernel& kernel_;
    const char* directory_;
};

// Whether LEARNING, a decision's, is a twin, and not the confinement's own profile.
bool is_twin(std::string_view learning);

// Has DECISION, on the container ID with FACTS under CONFINEMENT, learn as LEARNING says, if that is about this container: the twin in place
// of the confinement's profile, and no ceiling, as what is used is to be seen. All other bounds stay, and what would lead out of the twin
// is denied: a profile that complains cannot deny that. In place nothing but that is decided otherwise.
void learn_from(Decision& decision, const Learning& learning, const apparmor::Confinement& confinement, const apparmor::Facts& facts,
                std::string_view id);

// The name of the file beside that one to which starts and execs are added, a line each. No confinement's own is called so.
std::string calls_file(std::string_view confinement);

// What is started in a container that is learned from.
struct LearnedCall {
    bool is_exec = false;  // from outside; else the container's first program
    std::string container;
    std::string program;    // its path, or as it was typed
    std::string called;     // the last part of what was typed, which the process calls itself; empty: not known
    bool may_gain = false;  // without no-new-privileges: its execs may lead to another profile

    friend bool operator==(const LearnedCall&, const LearnedCall&) = default;
};

// What a process calls itself that was started by WORD.
std::string called_by(std::string_view word);

// CALL as a line, and back; nothing if LINE is none.
std::string to_line(const LearnedCall& call);
std::optional<LearnedCall> read_call(std::string_view line);

// Tells whoever learns from CONFINEMENT of CALL: the kernel does not, as the runtime executes it before it has the label. If nobody
// is there, or does not keep up, nothing is told.
void tell_learner(std::string_view confinement, const LearnedCall& call, const char* directory = kLearningDirectory);

}  // namespace aa::shim
