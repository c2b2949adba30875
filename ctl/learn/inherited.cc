// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/inherited.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/file.h"
#include "base/text.h"

namespace aa::ctl {
namespace {

// The flags of the open file NAME of the folder PROCESS: the kernel tells them as an octal number (proc_pid_fdinfo(5)).
std::optional<int> open_flags(const std::string& process, const std::string& name) {
    constexpr std::string_view kFlags = "flags:\t";
    const auto info = read_virtual_file(AT_FDCWD, concat({process, "/fdinfo/", name}), 4096);
    const auto at = info ? info->find(kFlags) : std::string::npos;
    if (at == std::string::npos) return std::nullopt;
    int flags = 0;
    const char* begin = info->data() + at + kFlags.size();
    const auto read = std::from_chars(begin, info->data() + info->size(), flags, 8);
    return read.ec == std::errc() ? std::optional(flags) : std::nullopt;
}

// As AppArmor has it (security/apparmor/include/file.h, aa_map_file_to_perms()).
std::string letters_of(int flags) {
    const int access = flags & O_ACCMODE;
    std::string letters;
    if (access != O_RDONLY) letters += (flags & O_APPEND) != 0 ? "a" : "w";
    if (access != O_WRONLY) letters += "r";
    return letters;
}

}  // namespace

std::vector<InheritedFile> inherited_files(unsigned long long pid) {
    const auto process = concat({"/proc/", decimal(static_cast<long long>(pid))});
    std::vector<InheritedFile> files;
    auto directory = open_file(AT_FDCWD, process + "/fd", O_RDONLY | O_DIRECTORY);
    if (!directory) return files;
    const auto names = directory_names(*std::move(directory), process);
    if (!names) return files;
    for (const auto& name : *names) {
        const auto flags = open_flags(process, name);
        if (!flags || (*flags & (O_CLOEXEC | O_PATH)) != 0) continue;
        const auto link = concat({process, "/fd/", name});
        std::array<char, PATH_MAX> target{};
        struct stat st {};
        const auto size = ::readlink(link.c_str(), target.data(), target.size());
        if (size <= 0 || target[0] != '/' || ::stat(link.c_str(), &st) != 0) continue;
        files.push_back({std::string(target.data(), static_cast<std::size_t>(size)), letters_of(*flags), st.st_uid});
    }
    return files;
}

}  // namespace aa::ctl
