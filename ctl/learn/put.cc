// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/file.h"
#include "base/rewrite_file.h"
#include "base/text.h"
#include "ctl/learn/finish.h"

namespace aa::ctl::learned {

namespace {

// A file of ours that is not there yet; make_file() leaves one that is.
Result<void> make(const FileChange& change) {
    const auto slash = change.path.rfind('/');
    const auto fd = TRY(open_file(AT_FDCWD, change.path.substr(0, slash + 1), O_RDONLY | O_DIRECTORY));
    std::string text = change.after;
    const std::array<iovec, 1> pieces = {iovec{text.data(), text.size()}};
    return make_file(fd.get(), change.path.substr(slash + 1), pieces, 0644);
}

Result<void> change(const FileChange& one) {
    if (!one.any()) return {};
    return one.is_new ? make(one) : rewrite_file(one.path, one.before, one.after);
}

Result<void> take_back(const FileChange& one) {
    if (!one.any()) return {};
    if (!one.is_new) return rewrite_file(one.path, one.after, one.before);
    return ::unlink(one.path.c_str()) == 0 ? Result<void>() : errno_error("remove", one.path, errno);
}

}  // namespace

// The profile first: until the catalog names it, nobody uses it.
Result<void> put(const Finished& finished) {
    TRY(change(finished.profile_file));
    auto put_catalog = change(finished.catalog_file);
    if (put_catalog) return {};
    auto error = std::move(put_catalog).error();
    if (const auto back = take_back(finished.profile_file); !back)
        error.message += concat({"; and ", quote(finished.profile_file.path), " stays: ", back.error().message});
    return error;
}

}  // namespace aa::ctl::learned
