// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>
#include <array>

#include "apparmor/findings/subject.h"
#include "apparmor/source/profile_source.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kMaxAbiFile = 1UL << 20U;
constexpr std::uint32_t kConnectPath = 0x4;  // of path_flags: attach_disconnected (the kernel's PATH_CONNECT_PATH)
constexpr std::uint32_t kDeleted = 0x30000;  // mediate_deleted, which parsers write as what newer kernels call delegating; both do

// Rules, and the word for them in a features file: without it the parser drops them, and the kernel mediates nothing of the kind.
struct Mediated {
    std::string_view rule;
    std::string_view feature;
};
constexpr std::array<Mediated, 4> kMediated = {
    {{"userns", "userns_create"}, {"io_uring", "io_uring"}, {"mqueue", "posix_mqueue"}, {"unix", "af_unix"}}};

bool holds(const std::vector<std::string>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// The text of the features file that ABI, "abi <abi/3.0>", names; empty if it cannot be read.
std::string features_of(const SourceStatement& abi) {
    if (abi.words.size() < 2) return {};
    std::string_view name = abi.words[1];
    const bool below = name.starts_with('<');
    name = name.substr(1, name.size() - std::min<std::size_t>(name.size(), 2));
    const std::string path = below && !name.starts_with('/') ? concat({kIncludeDirectory, "/", name}) : std::string(name);
    const auto fd = open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd) return {};
    const auto buffer = read_file(fd->get(), kMaxAbiFile, path);
    return buffer ? std::string(buffer->text()) : std::string();
}

}  // namespace

void find_flags(const Subject& subject, Findings& findings) {
    const auto& profile = subject.profile;
    const std::string name = quote(profile.name);
    if (!subject.enforces()) {
        findings.push_back({"AA303",
                            subject.origin,
                            concat({"profile ", name, " is in ", mode_name(profile.mode), " mode"}),
                            "nothing that it forbids is refused",
                            "take the mode out of its flags",
                            {}});
        return;
    }
    if (subject.source != nullptr && holds(subject.source->flags, "complain")) return;
    if (const auto parent = subject.policy.find(profile.parent()); parent && *parent != nullptr && (*parent)->mode == Mode::complain) {
        findings.push_back({"AA304",
                            subject.origin,
                            concat({"profile ", name, " enforces, and its parent complains"}),
                            "children do not inherit the mode, so a trial of the parent already refuses here",
                            "write flags=(complain) for both, or for neither",
                            {}});
    }
    if ((profile.path_flags & kConnectPath) == 0) {
        findings.push_back({"AA301",
                            subject.origin,
                            concat({"profile ", name, " lacks flags=(attach_disconnected)"}),
                            "files outside of the container's mounts have no name for it, and opening them, through an inherited directory "
                            "for instance, is denied",
                            "write flags=(attach_disconnected,mediate_deleted), for its children, too",
                            {}});
    } else if ((profile.path_flags & kDeleted) == 0) {
        findings.push_back({"AA302",
                            subject.origin,
                            concat({"profile ", name, " has attach_disconnected without mediate_deleted"}),
                            "a program or library that is replaced while it is in use has no name for it, and is denied",
                            "write flags=(attach_disconnected,mediate_deleted)",
                            {}});
    }
}

void find_abi(const SourceFile& file, const SourceProfile& profile, Findings& findings) {
    const auto* abi = file.abi();
    if (abi == nullptr) {
        if (profile.is_child()) return;
        findings.push_back({"AA305",
                            profile.origin,
                            concat({"no abi says what profile ", quote(profile.name), " is written for"}),
                            "what is mediated then depends on the host: its parser's settings, or an old default that leaves much out",
                            "begin the file with `abi <abi/3.0>,`",
                            {}});
        return;
    }
    const std::string features = features_of(*abi);
    if (features.empty()) return;
    for (const auto& statement : profile.statements) {
        for (const auto& [rule, feature] : kMediated) {
            if (!holds(statement.words, rule) || features.find(feature) != std::string::npos) continue;
            findings.push_back({"AA306",
                                statement.origin,
                                concat({"`", rule, "` is not mediated under ", abi->words[1]}),
                                "the rule does nothing, whether it allows or denies: all of it is allowed",
                                concat({"choose an abi that has ", feature, ", or `include if exists <aa-shim/abi>` before it"}),
                                {}});
        }
    }
}

}  // namespace aa::apparmor
