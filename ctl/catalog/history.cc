// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/history.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"

namespace aa::ctl {
namespace {

constexpr const char* kPending = "pending";
constexpr std::size_t kMaxEntry = std::size_t{16} << 20U;
constexpr std::size_t kMaxContent = std::size_t{256} << 20U;  // a compiled catalog, or the policy of one load

// Opens PATH, made for root alone if it is missing.
Result<Fd> open_directory(const std::string& path) {
    TRY(make_directory(path, 0700));
    Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(require_trusted(fd.get(), path));
    return fd;
}

Result<void> make_parent(const std::string& path) { return make_directory(path.substr(0, path.rfind('/')), 0755); }

// What was renamed or made in FD is on the disk.
Result<void> flush(int fd, std::string_view path) {
    if (::fsync(fd) != 0 && errno != EINVAL) return errno_error("flush", path, errno);
    return {};
}

Result<void> write_file(int directory, const std::string& name, std::string_view text) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return replace_file(directory, name, {&piece, 1}, ::geteuid(), ::getegid(), 0600);
}

// "12-HASH" → 12 and HASH; false for any other name.
bool split_name(std::string_view name, unsigned long long& number, std::string_view& hash) {
    const std::size_t dash = name.find('-');
    if (dash == std::string_view::npos || !parse_decimal(name.substr(0, dash), number)) return false;
    hash = name.substr(dash + 1);
    return true;
}

std::string entry_name(const KeptLoad& load, std::string_view text) {
    return concat({decimal(static_cast<long long>(load.number)), "-", sha256(text)});
}

std::string name_of(const HistoryEntry& entry) { return entry_name(entry.load, to_text(entry.load)); }

}  // namespace

Result<History> History::open(const std::string& directory, std::string_view published) {
    TRY(make_parent(directory));
    Fd entries = TRY(open_directory(directory));
    Fd objects = TRY(open_directory(directory + "/objects"));
    History history(directory, std::move(entries), std::move(objects));
    TRY(history.read_entries());
    TRY(history.settle(published));
    return history;
}

Result<std::vector<std::string>> History::names(int fd, const std::string& path) const {
    return directory_names(TRY(open_file(fd, ".", O_RDONLY | O_DIRECTORY)), path);
}

HistoryEntry History::read_entry(const std::string& name) const {
    HistoryEntry entry;
    std::string_view hash;
    (void)split_name(name, entry.number, hash);
    const auto wrong = [&](std::string_view problem) {
        entry.load = {};
        entry.load.number = entry.number;
        entry.problem = concat({quote(path_ + "/" + name), " was changed or damaged: ", problem});
        return entry;
    };
    const auto text = read_file_at(directory_.get(), name, kMaxEntry);
    if (!text) return wrong(text.error().message);
    if (sha256(text->text()) != hash) return wrong("its SHA-256 is not the one in its name");
    auto load = read_kept_load(text->text());
    if (!load) return wrong(load.error().message);
    if (load->number != entry.number) return wrong("its number is not the one in its name");
    entry.load = *std::move(load);
    return entry;
}

Result<void> History::read_entries() {
    entries_.clear();
    for (const auto& name : TRY(names(directory_.get(), path_))) {
        unsigned long long number = 0;
        std::string_view hash;
        if (split_name(name, number, hash)) entries_.push_back(read_entry(name));
    }
    std::stable_sort(entries_.begin(), entries_.end(), [](const auto& one, const auto& other) { return one.number > other.number; });
    return {};
}

// A pending load whose catalog is the one that was PUBLISHED was killed behind the rename, any other one before it.
Result<void> History::settle(std::string_view published) {
    const auto text = read_file_at(directory_.get(), kPending, kMaxEntry);
    if (!text && text.error().kind == ErrorKind::not_found) return {};
    if (!text && text.error().kind == ErrorKind::system) return text.error();
    const auto load = text ? read_kept_load(text->text()) : Result<KeptLoad>(text.error());
    if (load && !published.empty() && load->compiled == sha256(published)) return commit();
    if (::unlinkat(directory_.get(), kPending, 0) != 0) return errno_error("remove", path_ + "/pending", errno);
    return flush(directory_.get(), path_);
}

Result<std::string> History::content(const std::string& hash) const {
    const auto damaged = [&](std::string_view problem) {
        return Error{ErrorKind::config, concat({quote(concat({path_, "/objects/", hash})), " was changed or damaged: ", problem})};
    };
    // What is no digest could be a path.
    if (hash.size() != 64 || hash.find_first_not_of("0123456789abcdef") != std::string::npos) return damaged("this is no SHA-256");
    const auto bytes = read_file_at(objects_.get(), hash, kMaxContent);
    if (!bytes) return damaged(bytes.error().message);
    if (sha256(bytes->text()) != hash) return damaged("its SHA-256 is not its name");
    return std::string(bytes->text());
}

std::string History::problem_of(const HistoryEntry& entry) const {
    if (!entry.problem.empty()) return entry.problem;
    for (const auto& hash : entry.load.contents()) {
        if (const auto bytes = content(hash); !bytes) return bytes.error().message;
    }
    return entry.load.missing;
}

Result<std::string> History::keep(std::string_view text) {
    auto hash = sha256(text);
    // One that is there and was damaged is written anew.
    if (!content(hash)) TRY(write_file(objects_.get(), hash, text));
    return hash;
}

Result<void> History::begin(KeptLoad load) {
    load.number = entries_.empty() ? 1 : entries_.front().number + 1;
    TRY(flush(objects_.get(), path_ + "/objects"));
    TRY(write_file(directory_.get(), kPending, to_text(load)));
    return flush(directory_.get(), path_);
}

Result<void> History::commit() {
    const auto text = TRY(read_file_at(directory_.get(), kPending, kMaxEntry));
    const auto load = TRY(read_kept_load(text.text()));
    const auto name = entry_name(load, text.text());
    if (::renameat(directory_.get(), kPending, directory_.get(), name.c_str()) != 0)
        return errno_error("rename", path_ + "/pending", errno);
    TRY(flush(directory_.get(), path_));
    TRY(read_entries());
    return prune();
}

Result<void> History::prune() {
    std::vector<HistoryEntry> kept;
    std::set<std::string> names_kept{"objects"};
    std::set<std::string> contents_kept;
    for (auto& entry : entries_) {
        // What is damaged stays in sight until it is too old.
        const bool repeats = !kept.empty() && entry.problem.empty() && entry.load.same_policy(kept.back().load);
        if (repeats || kept.size() >= kKeptLoads) continue;
        const auto contents = entry.load.contents();
        contents_kept.insert(contents.begin(), contents.end());
        names_kept.insert(name_of(entry));
        kept.push_back(std::move(entry));
    }
    for (const auto& name : TRY(names(directory_.get(), path_))) {
        unsigned long long number = 0;
        std::string_view hash;
        const bool damaged = split_name(name, number, hash) && std::any_of(kept.begin(), kept.end(), [&](const HistoryEntry& entry) {
                                 return entry.number == number && !entry.problem.empty();
                             });
        if (!damaged && !names_kept.contains(name)) (void)::unlinkat(directory_.get(), name.c_str(), 0);
    }
    TRY(flush(directory_.get(), path_));
    entries_ = std::move(kept);
    // Which contents are those of one that is damaged, or could not be read this time, nobody knows.
    if (std::any_of(entries_.begin(), entries_.end(), [](const HistoryEntry& entry) { return !entry.problem.empty(); })) return {};
    for (const auto& name : TRY(names(objects_.get(), path_ + "/objects"))) {
        if (!contents_kept.contains(name)) (void)::unlinkat(objects_.get(), name.c_str(), 0);
    }
    return {};
}

}  // namespace aa::ctl
