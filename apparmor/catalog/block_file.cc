// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/block_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "apparmor/catalog/compiled_format.h"
#include "apparmor/catalog/payload.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kHeadSize = 8192;  // a small catalog whole; a large one's header, confinements and profiles
constexpr std::size_t kReadAhead = 512;  // most blocks
constexpr std::string_view kRemedy = ": run 'aa-shimctl load'";

// Opens the file at PATH for reading, without following a link, if it and its directory are root's alone to write.
Result<Fd> open_trusted_file(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    const auto opened = open_file(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!opened && path.starts_with('/')) return open_trusted_path(path, O_RDONLY);  // it knows what a rootless engine copies up
    if (!opened) return opened.error();
    const Fd& dir = *opened;
    TRY(require_operators(dir.get(), directory));
    const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
    Fd fd(::openat(dir.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd.valid()) return errno_error("open", path, errno);
    TRY(require_operators(fd.get(), path));
    return fd;
}

}  // namespace

Result<BlockFile> BlockFile::open(const std::string& path) {
    auto fd = open_trusted_file(path);
    if (!fd) {
        if (fd.error().kind != ErrorKind::not_found) return std::move(fd).error();
        return Error{ErrorKind::not_found, concat({"there is no compiled catalog ", quote(path), kRemedy})};
    }
    BlockFile file;
    file.name_ = path;
    file.fd_ = *std::move(fd);
    struct stat st {};
    if (::fstat(file.fd_.get(), &st) != 0) return errno_error("stat", path, errno);
    if (!S_ISREG(st.st_mode)) return file.damaged("is not a regular file");
    file.size_ = static_cast<std::size_t>(st.st_size);
    TRY(file.read_at(0, std::min(file.size_, kHeadSize), file.head_));
    TRY(file.check_preamble());
    return file;
}

Result<BlockFile> BlockFile::view(std::string_view bytes, std::string name) {
    BlockFile file;
    file.name_ = std::move(name);
    file.viewed_ = bytes;
    file.size_ = bytes.size();
    TRY(file.check_preamble());
    return file;
}

Error BlockFile::damaged(std::string_view problem) const {
    return {ErrorKind::config, concat({"the compiled catalog ", quote(name_), " ", problem, kRemedy})};
}

Result<void> BlockFile::check_preamble() {
    Window scratch;
    const auto start = TRY(part(0, std::min(size_, format::kPreamble), scratch));
    if (start.substr(0, format::kMagic.size()) != format::kMagic) return damaged("is not one: it begins with something else");
    if (start.size() < format::kPreamble) return damaged("is truncated");
    const auto version = format::load_u32(start.data() + format::kMagic.size());
    if (version != format::kVersion) return damaged("is of a version that this aa-shim does not read");
    const auto size = format::load_u32(start.data() + format::kMagic.size() + 4);
    if (size_ < size) return damaged("is truncated");
    if (size_ > size) return damaged("is longer than it says");
    return {};
}

Result<void> BlockFile::read_at(std::size_t offset, std::size_t size, Window& scratch) const {
    char* const bytes = scratch.make(offset, size);
    for (std::size_t done = 0; done < size;) {
        const ssize_t n = ::pread(fd_.get(), bytes + done, size - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) scratch.clear();
        if (n < 0) return errno_error("read", name_, errno);
        if (n == 0) return damaged("became shorter while it was read");
        done += static_cast<std::size_t>(n);
    }
    return {};
}

Result<std::string_view> BlockFile::part(std::size_t offset, std::size_t size, Window& scratch) const {
    if (!fd_.valid()) return viewed_.substr(offset, size);
    if (head_.has(offset, size)) return head_.at(offset, size);
    if (!scratch.has(offset, size)) TRY(read_at(offset, std::max(size, std::min(kReadAhead, size_ - offset)), scratch));
    return scratch.at(offset, size);
}

Result<std::string_view> BlockFile::block(std::uint32_t offset, Window& scratch) const {
    const auto outside = [this] { return damaged("is damaged: a part of it would lie outside"); };
    if (offset < format::kPreamble || offset > size_ || size_ - offset < format::kBlockHead) return outside();
    const auto start = TRY(part(offset, format::kBlockHead, scratch));
    const auto size = format::load_u32(start.data());
    const auto sum = format::load_u64(start.data() + 4);
    if (size_ - offset - format::kBlockHead < size) return outside();
    const auto payload = TRY(part(offset, format::kBlockHead + size, scratch)).substr(format::kBlockHead);
    if (format::checksum(payload, offset) != sum) return damaged("is damaged: a checksum is wrong");
    return payload;
}

Result<void> BlockFile::search(std::uint32_t offset, KeyWalk text, Window& scratch, std::vector<std::uint32_t>& found) const {
    for (std::uint32_t node = offset; node != 0;) {
        Cursor cursor(TRY(block(node, scratch)));
        if (!text.skip(cursor.text())) return {};
        for (auto n = cursor.count(); n > 0; --n) found.push_back(cursor.u32());
        const auto branches = cursor.text();
        const int branch = text.next();
        const std::size_t which = branch < 0 ? branches.npos : branches.find(static_cast<char>(branch));
        node = 0;
        for (std::size_t i = 0; which != branches.npos && i <= which; ++i) node = cursor.u32();
        if (!cursor.ok()) return damaged("is damaged: a part of its index ends too early");
    }
    return {};
}

Result<void> BlockFile::list(std::uint32_t offset, Window& scratch, std::vector<std::uint32_t>& found) const {
    std::vector<std::uint32_t> nodes;
    if (offset != 0) nodes.push_back(offset);
    // A node lies in one place of a trie; a file in which nodes lead back to each other is damaged.
    for (std::size_t seen = 0; !nodes.empty(); ++seen) {
        if (seen > size_ / format::kBlockHead) return damaged("is damaged: its index leads in a circle");
        Cursor cursor(TRY(block(nodes.back(), scratch)));
        nodes.pop_back();
        (void)cursor.text();
        for (auto n = cursor.count(); n > 0; --n) found.push_back(cursor.u32());
        for (auto n = cursor.text().size(); n > 0; --n) nodes.push_back(cursor.u32());
        if (!cursor.ok()) return damaged("is damaged: a part of its index ends too early");
    }
    return {};
}

}  // namespace aa::apparmor
