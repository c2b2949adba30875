// SPDX-License-Identifier: Apache-2.0
#include "shim/host_key.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::shim {
namespace {

constexpr std::string_view kRemedy =
    ": remove it, and run 'aa-shimctl load' (containers that run are then taken for such as aa-shim did not start)";
constexpr std::string_view kSystemRemedy = ": see to it that the host can read and write there, and try again";

Error no_key(const std::string& path, std::string_view problem) {
    return {ErrorKind::config, concat({quote(path), " ", problem, kRemedy})};
}

Result<SipKey> read_key(const std::string& path) {
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) return errno_error("stat", path, errno);
    if (!is_trusted(st)) return no_key(path, "belongs to somebody else, or can be written by others");
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) return no_key(path, "can be read by others");
    SipKey key{};
    if (st.st_size != sizeof key) return no_key(path, "is no key");
    const auto bytes = TRY(read_file(fd.get(), sizeof key, path));
    if (bytes.text().size() != sizeof key) return no_key(path, "is no key");
    std::memcpy(key.data(), bytes.text().data(), sizeof key);
    return key;
}

Result<void> make_key(const std::string& path) {
    SipKey key{};
    if (::getrandom(key.data(), sizeof key, 0) != sizeof key) return errno_error("make", path, errno);
    const std::size_t slash = path.rfind('/');
    const Fd directory = TRY(open_file(AT_FDCWD, path.substr(0, slash), O_PATH | O_DIRECTORY));
    const iovec piece{key.data(), sizeof key};
    return make_file(directory.get(), path.substr(slash + 1), {&piece, 1}, 0600);
}

Result<SipKey> read_or_make_key(const std::string& path) {
    auto key = read_key(path);
    if (key || key.error().kind != ErrorKind::not_found) return key;
    TRY(make_key(path));
    return read_key(path);  // perhaps another one's
}

// What FIND makes of the place where the key is of whoever calls us.
template <class Find>
Result<SipKey> find_key(Find&& find) {
    auto key = find(std::string(kHostKeyPath));
    const bool is_roots = !key && key.error().kind != ErrorKind::config;
    if (!is_roots) return key;
    if (!namespace_leaves_out_root()) {
        const bool missing = key.error().kind == ErrorKind::not_found;
        return Error{key.error().kind, concat({key.error().message, missing ? ": run 'aa-shimctl load'" : kSystemRemedy})};
    }
    const char* own = std::getenv("XDG_RUNTIME_DIR");
    if (own == nullptr || *own != '/') {
        return Error{ErrorKind::config, "XDG_RUNTIME_DIR names no place for a key of this user's containers: set it"};
    }
    return find(concat({own, "/aa-shim-key"}));
}

}  // namespace

Result<SipKey> host_key() { return find_key(read_or_make_key).context("the key of the records of decisions"); }

Result<SipKey> known_host_key() { return find_key(read_key).context("the key of the records of decisions"); }

Result<void> make_host_key(const std::string& path) {
    auto key = read_or_make_key(path);
    if (!key) return std::move(key).error();
    return {};
}

}  // namespace aa::shim
