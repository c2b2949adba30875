// SPDX-License-Identifier: Apache-2.0
//
// Where what is learned is kept, and the file by which aa-shim knows that somebody learns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/learn/recording.h"
#include "base/fd.h"
#include "base/result.h"
#include "ctl/learn/progress.h"
#include "shim/learning.h"

namespace aa::ctl {

inline constexpr std::string_view kRecordings = "/var/lib/aa-shim/learn";

// What is kept of the learning from a confinement; root alone may read it. What there is none of is empty.
std::string recording_path(std::string_view confinement);
Result<apparmor::Recording> read_kept_recording(const std::string& confinement);
Result<Progress> read_kept_progress(const std::string& confinement);
Result<void> keep(const std::string& confinement, const apparmor::Recording& recording, const Progress& progress);

// The confinements of which something is kept.
std::vector<std::string> kept_confinements();

// The file that has aa-shim learn, for as long as this lives, and what aa-shim tells of starts and execs.
class Announcement {
public:
    static Result<Announcement> make(const std::string& confinement, const shim::Learning& learning);
    Announcement(Announcement&& other) noexcept = default;
    Announcement& operator=(Announcement&&) = delete;
    ~Announcement();

    // What aa-shim has told since.
    std::vector<shim::LearnedCall> new_calls();

private:
    Announcement(std::string confinement, Fd file, Fd calls)
        : confinement_(std::move(confinement)), file_(std::move(file)), calls_(std::move(calls)) {}

    std::string confinement_;
    Fd file_, calls_;
    std::string rest_;  // of a line that was not whole yet
};

}  // namespace aa::ctl
