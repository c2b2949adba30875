// SPDX-License-Identifier: Apache-2.0
//
// TrustedDirectory: a fresh directory that nobody else can write, nor any directory above it, as the readers of engines'
// records demand. (A temporary directory of the usual kind lies below /tmp, where everybody may write.)
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.h"

namespace aa::oci::test {

class TrustedDirectory {
public:
    TrustedDirectory() {
        const char* home = ::getenv("HOME");
        for (const std::string& parent : {std::string("/run"), std::string("/var/lib"), std::string(home != nullptr ? home : "")}) {
            if (!open_trusted_path(parent, O_PATH | O_DIRECTORY)) continue;
            path_ = parent + "/aa-shim-test.XXXXXX";
            if (::mkdtemp(path_.data()) != nullptr) return;
            path_.clear();
        }
    }
    TrustedDirectory(const TrustedDirectory&) = delete;
    TrustedDirectory& operator=(const TrustedDirectory&) = delete;
    ~TrustedDirectory() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }

    // Empty where this user has no such place: skip the test then.
    [[nodiscard]] const std::string& path() const { return path_; }

    // Makes the directory NAME below this one, parents included.
    void make(const std::string& name) const {
        for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
            (void)::mkdir((path_ + "/" + name.substr(0, slash)).c_str(), 0755);
        (void)::mkdir((path_ + "/" + name).c_str(), 0755);
    }

    // Writes CONTENT to the file NAME below this one, in directories made for it.
    void write(const std::string& name, std::string_view content, mode_t mode = 0600) const {
        const std::size_t slash = name.rfind('/');
        if (slash != std::string::npos) make(name.substr(0, slash));
        const std::string file = path_ + "/" + name;
        std::ofstream(file) << content;
        (void)::chmod(file.c_str(), mode);
    }

private:
    std::string path_;
};

// The content of the fixture NAME, each pair's first replaced by its second.
inline std::string fixture(const std::string& name,
                           std::initializer_list<std::pair<std::string_view, std::string_view>> replacements = {}) {
    std::ifstream file(std::string(AA_FIXTURES) + "/" + name);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    for (const auto& [from, to] : replacements) {
        for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
            text.replace(at, from.size(), to);
    }
    return text;
}

}  // namespace aa::oci::test
