// SPDX-License-Identifier: Apache-2.0
//
// What the kernel tells of a twin becomes a recording, which is kept while it grows.
#pragma once

#include <optional>
#include <string>

#include "apparmor/kernel/kernel.h"
#include "apparmor/learn/recording.h"
#include "ctl/denials/log.h"
#include "ctl/learn/inherited.h"
#include "ctl/learn/place.h"
#include "ctl/learn/programs.h"

namespace aa::ctl {

class Recorder {
public:
    // Goes on from RECORDING and PROGRESS, with what KERNEL tells of TWIN, whose losses are counted in READ. KERNEL and READ must outlive it.
    Recorder(const apparmor::Kernel& kernel, std::string confinement, std::string twin, const LogRead& read, apparmor::Recording recording,
             Progress progress);

    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    // It is learned from NOW until ENDS.
    Result<void> begin(long long now, long long ends);

    // An event, whosever it is.
    void take(const apparmor::Event& event, long long now);
    void take(const shim::LearnedCall& call, long long now);

    // Counts what was lost since the last time, of it what the kernel says of its audit queue, and keeps all.
    Result<void> save(long long now);
    // The same, if it is time.
    Result<void> save_sometimes(long long now);

    [[nodiscard]] const apparmor::Recording& recording() const { return recording_; }
    [[nodiscard]] const Progress& progress() const { return progress_; }

private:
    void count_losses();
    void add_inherited(const apparmor::Event& exec);
    void add_inherited(const apparmor::Event& event, const InheritedFile& file, const std::string& program);
    void note(std::size_t facts_before, long long now);

    const apparmor::Kernel& kernel_;
    std::string confinement_, twin_;
    const LogRead& read_;
    Programs programs_;
    apparmor::Recording recording_;
    Progress progress_;
    LogLosses counted_;                         // of READ's
    unsigned long long damaged_ = 0;            // likewise
    std::optional<std::uint32_t> lost_before_;  // as the kernel counts
};

}  // namespace aa::ctl
