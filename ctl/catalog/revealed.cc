// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/revealed.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "apparmor/policy/loaded_policy.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"

namespace aa::ctl {

namespace {

constexpr std::size_t kMaxRecord = 1UL << 20U;
constexpr std::size_t kHashLength = 64;

}  // namespace

Result<void> write_revealed_record(const std::string& path, const std::vector<RevealedProfile>& profiles) {
    const std::size_t slash = path.rfind('/');
    const Fd directory = TRY(open_file(AT_FDCWD, path.substr(0, slash), O_RDONLY | O_DIRECTORY));
    std::string text;
    for (const auto& one : profiles) text += concat({one.hash, " ", one.profile, "\n"});
    const iovec piece{text.data(), text.size()};
    return replace_file(directory.get(), path.substr(slash + 1), {&piece, 1}, ::geteuid(), ::getegid(), 0644);
}

Result<std::vector<RevealedProfile>> read_revealed_record(const std::string& path) {
    std::vector<RevealedProfile> result;
    const auto text = read_file_at(AT_FDCWD, path, kMaxRecord);
    if (!text && text.error().kind == ErrorKind::not_found) return result;
    if (!text) return text.error();
    for (const auto line : lines(text->text())) {
        if (line.size() < kHashLength + 2 || line[kHashLength] != ' ')
            return Error{ErrorKind::config, concat({quote(path), " is no record of revealed profiles: remove it"})};
        result.push_back({std::string(line.substr(kHashLength + 1)), std::string(line.substr(0, kHashLength))});
    }
    return result;
}

std::vector<RevealedProfile> still_revealed(const std::vector<RevealedProfile>& profiles, const apparmor::Kernel& kernel) {
    std::vector<RevealedProfile> result;
    std::copy_if(profiles.begin(), profiles.end(), std::back_inserter(result), [&](const RevealedProfile& one) {
        const auto bytes = binary_policy(kernel, one.profile);
        return bytes && sha256(*bytes) == one.hash;
    });
    return result;
}

Result<void> forget_revealed(const std::string& path, const apparmor::Kernel& kernel) {
    if (!still_revealed(TRY(read_revealed_record(path)), kernel).empty()) return {};
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove", path, errno);
    return {};
}

}  // namespace aa::ctl
