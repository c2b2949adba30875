// SPDX-License-Identifier: Apache-2.0
//
// What comes out of a log, one line after the other: counted, without what is there twice, and with what is missing.
#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "apparmor/audit/record.h"
#include "ctl/denials/log.h"

namespace aa::ctl {

class Intake {
public:
    // READ and TAKE must outlive it.
    Intake(LogRead& read, const TakeEvent& take) : read_(read), take_(take), recent_(kRecent) {}

    // Nothing that is older than SECONDS after the epoch.
    void not_before(long long seconds) { not_before_ = seconds; }

    // Whether more is wanted.
    bool take(const apparmor::LogLine& line);

    [[nodiscard]] LogRead& read() { return read_; }

private:
    // The kernel gives a record to whoever asks, and prints it: journald may have both, close by each other.
    static constexpr std::size_t kRecent = 4096;
    bool is_known(const apparmor::Event& event);

    LogRead& read_;
    const TakeEvent& take_;
    long long not_before_ = 0;
    std::optional<unsigned long long> lost_before_;
    std::vector<unsigned long long> recent_;  // a ring
    std::unordered_set<unsigned long long> known_;
    std::size_t next_ = 0;
};

// What LINE, an object of `journalctl --output=json`, holds.
apparmor::LogLine read_journal_entry(std::string_view line);

}  // namespace aa::ctl
