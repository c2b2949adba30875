// SPDX-License-Identifier: Apache-2.0
//
// How a learning gets on: what tells a person when it can be ended, and what has not been seen yet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/learn/recording.h"
#include "base/result.h"

namespace aa::ctl {

// Times are seconds since the epoch; 0: never.
struct Progress {
    long long began = 0, saved = 0, ends = 0;
    std::uint64_t events = 0, starts = 0, execs = 0;
    // When something was last seen that had not been seen before, and how many there had been then.
    long long last_new = 0;
    std::uint64_t events_then = 0, starts_then = 0;
    // What had been new in each of the last minutes, the current one last.
    static constexpr std::size_t kMinutes = 10;
    long long minute = 0;
    std::vector<std::uint64_t> lately;

    // COUNT new facts, at NOW.
    void note_new(std::uint64_t count, long long now);
    // Moves on to the minute of NOW.
    void move_to(long long now);

    friend bool operator==(const Progress&, const Progress&) = default;
};

std::string to_text(const Progress& progress);
Result<Progress> read_progress(std::string_view text);

// "nothing new for 12 minutes, over 3 starts and 240 events".
std::string how_quiet(const Progress& progress, long long now);

// What a person should have a container do while it is learned from.
struct Exercise {
    enum class Seen : std::uint8_t { yes, no, unknown };
    std::string name;
    Seen seen = Seen::no;
    std::string how;  // by what it is known, or why it is not
};
std::vector<Exercise> exercises(const apparmor::Recording& recording);

// A program, or a command that was executed from outside: how often, and how many facts are its.
struct Coverage {
    std::string program;  // empty: not known
    std::uint64_t starts = 0, execs = 0;
    std::uint64_t facts = 0, events = 0;
};
std::vector<Coverage> coverage(const apparmor::Recording& recording);

}  // namespace aa::ctl
