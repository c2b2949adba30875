// SPDX-License-Identifier: Apache-2.0
//
// A host as aa-shimctl sees it: the files below one directory, "/" on the host itself, elsewhere where a container sees the host's
// files, and the programs among them. No path leads out of that directory: symbolic links on the way mean what they mean to a
// process whose root it is, and one at the end is not followed unless a function says so. What is written is written beside its place and
// renamed, so that no program and no reader ever finds a half of it, whenever we are killed.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"

namespace aa::ctl {

// A file's bytes and whose it is.
struct HostFile {
    std::string text;
    uid_t owner = 0;
    gid_t group = 0;
    mode_t mode = 0644;

    bool operator==(const HostFile&) const = default;
};

// All paths are absolute as the host's processes see them ("/etc/docker/daemon.json").
class Host {
public:
    // The host whose root is the directory ROOT.
    static Result<Host> open(const std::string& root);

    // What messages call PATH: the root in front of it.
    [[nodiscard]] std::string place(std::string_view path) const;

    // The file at PATH; nothing if there is none. Refused: a symbolic link, what is no regular file, more than LIMIT bytes.
    [[nodiscard]] Result<std::optional<HostFile>> read(const std::string& path, std::size_t limit = kLongestFile) const;
    // The target of the symbolic link at PATH; nothing if nothing is there, an error if it is something else.
    [[nodiscard]] Result<std::optional<std::string>> read_link(const std::string& path) const;
    // The names in the directory PATH, in order; none if there is no such directory.
    [[nodiscard]] Result<std::vector<std::string>> list(const std::string& path) const;
    // Whether something is at PATH, be it a dangling symbolic link; whether what it leads to can be executed.
    [[nodiscard]] bool exists(const std::string& path) const;
    // What lstat(2) says of PATH; nothing if it says an error.
    [[nodiscard]] std::optional<struct stat> status(const std::string& path) const;
    [[nodiscard]] bool is_directory(const std::string& path) const;
    [[nodiscard]] bool is_program(const std::string& path) const;

    // An error unless nobody but root (or us) could have put the program there that PATH leads to, as aa-shim asks of its runtime.
    [[nodiscard]] Result<void> require_trusted_program(const std::string& path) const;
    // Whether both lead to the same file.
    [[nodiscard]] bool is_same_file(const std::string& one, const std::string& other) const;

    // PATH, opened with FLAGS of open(2); O_CREAT makes it with MODE. Without O_NOFOLLOW a link at the end is followed, on the host.
    [[nodiscard]] Result<Fd> open_below(const std::string& path, int flags, mode_t mode = 0) const;

    // An error unless something can be written into the directory that PATH is in or, where that is missing, the nearest above it.
    [[nodiscard]] Result<void> require_writable(const std::string& path) const;

    // Each replaces or makes one thing completely or not at all. The directory of PATH must be there, and nobody else change PATH at
    // the same time: what an interrupted change has left beside it is removed.
    [[nodiscard]] Result<void> write(const std::string& path, const HostFile& file) const;
    [[nodiscard]] Result<void> make_directory(const std::string& path, mode_t mode) const;
    // The directory PATH and those above it that are missing, with mode 0755.
    [[nodiscard]] Result<void> make_directories(const std::string& path) const;
    [[nodiscard]] Result<void> make_link(const std::string& path, const std::string& target) const;
    // Makes or changes the symbolic link PATH, at once, to lead to TARGET; whether that needed a change.
    [[nodiscard]] Result<bool> replace_link(const std::string& path, const std::string& target) const;
    // Moves FROM to TO, which must not be there; with EXCHANGE, each takes the other's place at once.
    enum class Move { to_nothing, exchange };
    [[nodiscard]] Result<void> move(const std::string& from, const std::string& to, Move how = Move::to_nothing) const;
    // Removes what a crash left of a change of PATH.
    [[nodiscard]] Result<void> remove_half_written(const std::string& path) const;
    // Removes a file or link; one that is not there is no error.
    [[nodiscard]] Result<void> remove(const std::string& path) const;
    // Removes a directory if it is empty; otherwise, or if it is not there, leaves all as it is.
    [[nodiscard]] Result<void> remove_empty_directory(const std::string& path) const;

    // Removes what PATH is, and everything below it; what is not there is no error.
    [[nodiscard]] Result<void> remove_tree(const std::string& path) const;

    // The first of PATHS that is a program; nothing if none is.
    [[nodiscard]] std::optional<std::string> find_program(std::span<const std::string_view> paths) const;
    // Runs the program WORDS[0] of the host, whose root is its root (base/process.h).
    [[nodiscard]] Result<CommandOutcome> run(std::vector<std::string> words, int seconds, std::vector<std::string> environment = {}) const;

    // Waits for nobody: an error if another aa-shimctl changes this host now. Held as long as the descriptor is open.
    [[nodiscard]] Result<Fd> lock() const;

    [[nodiscard]] const std::string& root() const { return root_; }

private:
    static constexpr std::size_t kLongestFile = std::size_t{4} << 20U;

    struct Entry {
        Fd directory;
        std::string name;
    };
    [[nodiscard]] Result<Entry> entry(const std::string& path) const;
    // Nothing if nothing is there: a read-only file system refuses even the removal of that.
    [[nodiscard]] Result<std::optional<Entry>> entry_if_any(const std::string& path) const;

    std::string root_;
    Fd fd_;
};

}  // namespace aa::ctl
