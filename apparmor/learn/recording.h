// SPDX-License-Identifier: Apache-2.0
//
// A recording: what containers did under a profile that complains, as facts with counts. It has no process and no container in it, nor the
// order in which things came: the same observations give the same recording, of one host or merged from several. How large it gets is
// bounded, whatever is observed; what does not fit is counted. For aa-shimctl only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "apparmor/audit/record.h"
#include "apparmor/learn/fact.h"
#include "base/result.h"

namespace aa::apparmor {

// What could not be observed.
struct RecordingLosses {
    std::uint64_t backlog = 0;       // records that the kernel had no room for
    std::uint64_t overruns = 0;      // times that we were too slow to take them
    std::uint64_t suppressed = 0;    // messages that the kernel left out of its log
    std::uint64_t unattributed = 0;  // records of nobody who is known
    std::uint64_t unrecorded = 0;    // observations for which the recording had no room

    friend bool operator==(const RecordingLosses&, const RecordingLosses&) = default;
};

// By the names that they have in a recording.
struct LossField {
    std::string_view name;
    std::uint64_t RecordingLosses::*member;
};
inline constexpr std::array kLossFields = {
    LossField{"backlog", &RecordingLosses::backlog},       LossField{"overruns", &RecordingLosses::overruns},
    LossField{"suppressed", &RecordingLosses::suppressed}, LossField{"unattributed", &RecordingLosses::unattributed},
    LossField{"unrecorded", &RecordingLosses::unrecorded},
};

class Recording {
public:
    using Counts = std::map<std::string, std::uint64_t, std::less<>>;
    using Facts = std::map<Fact, std::uint64_t, FactOrder>;

    static constexpr std::size_t kMostFacts = 50000;
    static constexpr std::size_t kMostPrograms = 5000;    // that were started, and that were executed from outside
    static constexpr std::size_t kMostText = 8192;        // bytes of all texts of a fact, or of a program: two paths
    static constexpr std::size_t kMostTexts = 8U << 20U;  // of all facts and programs

    // What EVENT, of PROGRAM, tells, if it is an observation (fact.h).
    void add(const Event& event, std::string_view program);
    // A container was started, and PROGRAM with it; COMMAND was executed in one from outside.
    // If it MAY_GAIN privileges (no-new-privileges is not set), what it executes may run under another profile.
    void add_start(std::string_view program, bool may_gain = false);
    void add_exec(std::string_view command, bool may_gain = false);
    void add(const RecordingLosses& losses);
    // All that OTHER has.
    void merge(const Recording& other);

    [[nodiscard]] const Facts& facts() const { return facts_; }
    [[nodiscard]] const Counts& starts() const { return starts_; }
    [[nodiscard]] const Counts& execs() const { return execs_; }
    [[nodiscard]] const RecordingLosses& losses() const { return losses_; }
    // Of starts and execs those that may gain privileges, and whether all of them are known to.
    [[nodiscard]] std::uint64_t gaining() const { return gaining_; }
    [[nodiscard]] bool all_may_gain() const;

private:
    friend class RecordingReader;

    void count(Counts& counts, std::string_view program, std::uint64_t times);
    void count(Fact fact, std::uint64_t times);
    // Whether there is room for SIZE bytes of text, which is taken.
    bool take_room(std::size_t size);

    Facts facts_;
    Counts starts_, execs_;
    RecordingLosses losses_;
    std::uint64_t gaining_ = 0;
    std::size_t texts_ = 0;  // their bytes
};

// RECORDING as a file has it: a JSON document a line, sorted; the first one has the version, the losses, and how many there are. A text is
// bytes, each of them the character of that number. Version 2 also has how many starts and execs may gain privileges; it is 1 if none may, or
// it is not known.
std::string write_recording(const Recording& recording);

// What BYTES say. An error of kind config, with the line, for all that write_recording() does not write: what was cut off, or put together by
// hand, is no recording.
Result<Recording> read_recording(std::string_view bytes);

// More than any recording has as it is written: a byte becomes six at most, and the rest of a fact is less than a kilobyte.
inline constexpr std::size_t kMostRecordingBytes = 128U << 20U;

}  // namespace aa::apparmor
