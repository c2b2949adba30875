// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/text.h"

namespace aa {
namespace {

// The texts that dockerd and Podman would take for a verdict about the container's own program, and those that say nothing of what to do.
struct Phrase {
    int error_number;
    std::string_view text;
};
constexpr std::array<Phrase, 9> kPhrases{{
    {ENOENT, "it does not exist"},
    {ENOTDIR, "a part of the path is no directory"},
    {EISDIR, "it is a folder"},
    {EACCES, "access was refused (EACCES)"},
    {EPERM, "the kernel refused (EPERM)"},
    {ELOOP, "it is, or leads through, a symbolic link"},
    {ENOSPC, "the disk is full"},
    {EFBIG, "the file would be longer than this process may make one: raise its limit (RLIMIT_FSIZE)"},
    {EMFILE, "this process has as many files open as it may: raise its limit (RLIMIT_NOFILE)"},
}};

}  // namespace

std::string_view errno_text(int error_number) {
    for (const auto& phrase : kPhrases) {
        if (phrase.error_number == error_number) return phrase.text;
    }
    const char* text = ::strerrordesc_np(error_number);
    return text != nullptr ? std::string_view(text) : "unknown error";
}

Error errno_error(std::string_view what, std::string_view path, int error_number) {
    const bool missing = error_number == ENOENT || error_number == ENOTDIR;
    return {missing ? ErrorKind::not_found : ErrorKind::system,
            concat({"cannot ", what, " ", quote(path), ": ", errno_text(error_number)})};
}

}  // namespace aa
