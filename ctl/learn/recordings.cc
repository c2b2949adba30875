// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/recordings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/text.h"
#include "ctl/learn/agent_log.h"
#include "ctl/learn/place.h"

namespace aa::ctl::learned {

namespace {

constexpr std::size_t kMostBytes = 4 * apparmor::kMostRecordingBytes;  // the log of an agent has a recording more than once

// All that files have, which is one recording, or the logs of agents.
class Reading {
public:
    explicit Reading(const std::string& confinement) : logs_(confinement) {}

    Result<void> take(const std::string& path) {
        const auto bytes = TRY(read_file_at(AT_FDCWD, path, kMostBytes));
        if (is_agent_log(bytes.text())) return logs_.add(bytes.text(), path);
        recording_.merge(TRY(apparmor::read_recording(bytes.text()).context(concat({"recording ", quote(path)}))));
        return {};
    }

    void take(const apparmor::Recording& recording) { recording_.merge(recording); }

    Result<apparmor::Recording> all() && {
        for (const auto& one : TRY(logs_.recordings())) recording_.merge(one);
        return std::move(recording_);
    }

private:
    AgentLogs logs_;
    apparmor::Recording recording_;
};

}  // namespace

Result<apparmor::Recording> read_recordings(const std::string& confinement, const RecordingFiles& files) {
    const bool is_own = files.recording.empty();
    const auto path = is_own ? recording_path(confinement) : files.recording;
    Reading reading(confinement);
    struct stat st {};
    if (!is_own) {
        TRY(reading.take(path));
    } else if (::stat(path.c_str(), &st) == 0) {
        reading.take(TRY(read_kept_recording(confinement)));
    } else if (files.merged.empty()) {
        return Error{ErrorKind::not_found,
                     concat({"nothing was recorded of the confinement ", quote(confinement), ": there is no ", quote(path),
                             "; start with aa-shimctl learn ", confinement, ", or give --recording FILE"})};
    }
    for (const auto& file : files.merged) TRY(reading.take(file));
    return std::move(reading).all();
}

Result<void> export_recording(const apparmor::Recording& recording, const std::string& path) {
    auto text = apparmor::write_recording(recording);
    if (path == "-") return write_all(STDOUT_FILENO, text);
    const auto slash = path.rfind('/');
    const auto directory = slash == std::string::npos ? std::string(".") : path.substr(0, slash + 1);
    const auto fd = TRY(open_file(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY));
    const std::array<iovec, 1> pieces = {iovec{text.data(), text.size()}};
    return replace_file(fd.get(), path.substr(slash == std::string::npos ? 0 : slash + 1), pieces, ::geteuid(), ::getegid(), 0600);
}

}  // namespace aa::ctl::learned
