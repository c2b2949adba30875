// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/recordings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/text.h"
#include "ctl/learn/place.h"

namespace aa::ctl::learned {

namespace {

Result<apparmor::Recording> read(const std::string& path) {
    const auto bytes = TRY(read_file_at(AT_FDCWD, path, apparmor::kMostRecordingBytes));
    return apparmor::read_recording(bytes.text()).context(concat({"recording ", quote(path)}));
}

}  // namespace

Result<apparmor::Recording> read_recordings(const std::string& confinement, const RecordingFiles& files) {
    const bool is_own = files.recording.empty();
    const auto path = is_own ? recording_path(confinement) : files.recording;
    apparmor::Recording result;
    struct stat st {};
    if (!is_own) {
        result = TRY(read(path));
    } else if (::stat(path.c_str(), &st) == 0) {
        result = TRY(read_kept_recording(confinement));
    } else if (files.merged.empty()) {
        return Error{ErrorKind::not_found,
                     concat({"nothing was recorded of the confinement ", quote(confinement), ": there is no ", quote(path),
                             "; start with aa-shimctl learn ", confinement, ", or give --recording FILE"})};
    }
    for (const auto& file : files.merged) result.merge(TRY(read(file)));
    return result;
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
