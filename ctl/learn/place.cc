// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/place.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "base/hold.h"
#include "base/text.h"
#include "ctl/twin/twin.h"

namespace aa::ctl {
namespace {

constexpr std::string_view kRecording = ".recording";
constexpr std::string_view kProgress = ".progress";
constexpr std::size_t kMaxProgress = std::size_t{1} << 20;

Result<void> make_directories(const std::string& path, mode_t mode) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    if (error) return errno_error("make the directory of", path, error.value());
    return make_directory(path, mode);
}

std::string progress_path(std::string_view confinement) { return concat({kRecordings, "/", confinement, kProgress}); }

Result<std::string> read_kept(const std::string& path, std::size_t limit) {
    const auto fd = TRY(open_trusted_path(path, O_RDONLY));
    return std::string(TRY(read_file(fd.get(), limit, path)).text());
}

Result<void> replace(const std::string& path, const std::string& text) {
    const Fd directory = TRY(open_file(AT_FDCWD, std::string(kRecordings), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return replace_file(directory.get(), path.substr(path.rfind('/') + 1), {&piece, 1}, ::geteuid(), ::getegid(), 0600)
        .context(concat({"write ", quote(path)}));
}

std::string run_path(std::string_view name) { return concat({shim::kLearningDirectory, "/", name}); }

}  // namespace

std::string recording_path(std::string_view confinement) { return concat({kRecordings, "/", confinement, kRecording}); }

Result<apparmor::Recording> read_kept_recording(const std::string& confinement) {
    const auto path = recording_path(confinement);
    const auto bytes = read_kept(path, apparmor::kMostRecordingBytes);
    if (!bytes && bytes.error().kind == ErrorKind::not_found) return apparmor::Recording();
    if (!bytes) return bytes.error();
    return apparmor::read_recording(*bytes).context(path);
}

Result<Progress> read_kept_progress(const std::string& confinement) {
    const auto path = progress_path(confinement);
    const auto text = read_kept(path, kMaxProgress);
    if (!text && text.error().kind == ErrorKind::not_found) return Progress();
    if (!text) return text.error();
    return read_progress(*text).context(path);
}

Result<void> keep(const std::string& confinement, const apparmor::Recording& recording, const Progress& progress) {
    TRY(make_directories(std::string(kRecordings), 0700));
    TRY(replace(recording_path(confinement), write_recording(recording)));
    return replace(progress_path(confinement), to_text(progress));
}

std::vector<std::string> kept_confinements() {
    std::vector<std::string> names;
    auto directory = open_file(AT_FDCWD, std::string(kRecordings), O_RDONLY | O_DIRECTORY);
    if (!directory) return names;
    const auto all = directory_names(*std::move(directory), kRecordings);
    if (!all) return names;
    for (const auto& name : *all) {
        if (name.ends_with(kRecording)) names.push_back(name.substr(0, name.size() - kRecording.size()));
    }
    return names;
}

Result<Announcement> Announcement::make(const std::string& confinement, const shim::Learning& learning) {
    TRY(make_directories(shim::kLearningDirectory, 0755));
    const auto calls_path = run_path(shim::calls_file(confinement));
    (void)::unlink(calls_path.c_str());
    auto calls = TRY(open_file(AT_FDCWD, calls_path, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    const auto beside = run_path(shim::calls_file(shim::calls_file(confinement)));
    auto file = TRY(make_held_file(AT_FDCWD, run_path(confinement), beside, to_text(learning)));  // so aa-shim finds it
    return Announcement(confinement, std::move(file), std::move(calls));
}

Announcement::~Announcement() {
    if (file_.valid()) remove_learning(confinement_);
}

std::vector<shim::LearnedCall> Announcement::new_calls() {
    std::array<char, 16384> buffer{};
    for (ssize_t size = 0; (size = ::read(calls_.get(), buffer.data(), buffer.size())) > 0;) {
        rest_.append(buffer.data(), static_cast<std::size_t>(size));
    }
    std::vector<shim::LearnedCall> calls;
    const auto end = rest_.rfind('\n');
    if (end == std::string::npos) return calls;
    for (const auto line : lines(std::string_view(rest_).substr(0, end))) {
        if (auto call = shim::read_call(line)) calls.push_back(*std::move(call));
    }
    rest_.erase(0, end + 1);
    return calls;
}

}  // namespace aa::ctl
