// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl learn CONFINEMENT --finish: the profile and the catalog entry for what was recorded, against what is in force; and, with --write,
// in their places. Nothing is loaded. Also --export: the recording as a file, with those of other hosts in it.
#pragma once

#include <string>
#include <vector>

#include "apparmor/learn/proposal.h"
#include "apparmor/load.h"
#include "ctl/cli/command.h"
#include "ctl/learn/recordings.h"

namespace aa::ctl::learned {

struct FinishOptions {
    bool finish = false;
    bool write = false;
    std::string export_to;  // a file; empty: not wanted
    RecordingFiles files;
    std::string within = "aa-shim-baseline";
    std::string catalog = std::string(apparmor::kCatalogDirectory);
    std::string profiles = std::string(apparmor::kProfileDirectory);

    // Whether it is this half that is meant.
    [[nodiscard]] bool any() const { return finish || write || !export_to.empty() || !files.recording.empty() || !files.merged.empty(); }
};

// Adds the options of this half of `learn` to COMMAND.
void add_finish_options(const CliCommand& command, FinishOptions& options);

// A text that is to have another one in its place.
struct FileChange {
    std::string path;
    std::string before, after;
    bool is_new = false;

    [[nodiscard]] bool any() const { return before != after; }
};

// What came out.
struct Finished {
    apparmor::Recording recording;
    apparmor::Proposal proposal;  // points into `recording`
    std::string profile;
    FileChange profile_file, catalog_file;
    std::vector<std::string> odd_commands;   // that were executed from outside, and are not proposed
    std::vector<std::string> gains, losses;  // against the profile that the confinement has now
    std::string compared;                    // which that is; empty: it cannot be compared

    [[nodiscard]] bool any() const { return profile_file.any() || catalog_file.any(); }
};

// Does what OPTIONS ask about CONFINEMENT; an ExitCode.
int finish(const Context& context, const std::string& confinement, const FinishOptions& options);

// --- its parts (report.cc, put.cc) ---

void report(const Context& context, const Finished& finished, bool written);
// Puts both texts into their places, or neither.
Result<void> put(const Finished& finished);

}  // namespace aa::ctl::learned
