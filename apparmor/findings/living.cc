// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <csignal>

#include "apparmor/algebra/comparison.h"
#include "apparmor/findings/subject.h"
#include "apparmor/kernel/profile_name.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// Profiles that newer distributions put their runtimes under (in unconfined mode); `docker stop` is then theirs to obey.
constexpr std::array<std::string_view, 2> kRuntimeProfiles = {"runc", "crun"};

constexpr std::uint32_t kLoad = permission::kRead | permission::kMapExecutable;
constexpr std::uint32_t kReadWrite = permission::kRead | permission::kWrite;

// The ELF interpreters of glibc and musl, where distributions have them (links are resolved before AppArmor looks).
constexpr std::array<std::string_view, 12> kLoaders = {
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "/usr/lib64/ld-linux-x86-64.so.2",
    "/usr/lib/ld-linux-x86-64.so.2",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
    "/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
    "/usr/lib/ld-linux-aarch64.so.1",
    "/usr/lib64/ld-linux-aarch64.so.1",
    "/lib/ld-musl-aarch64.so.1",
};
constexpr std::array<std::string_view, 11> kLibraries = {
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/lib64/libc.so.6",
    "/usr/lib64/libc.so.6",
    "/lib/libc.so.6",
    "/usr/lib/libc.so.6",
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/usr/lib/aarch64-linux-gnu/libc.so.6",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
    "/usr/lib/libc.musl-x86_64.so.1",
};
constexpr std::string_view kCache = "/etc/ld.so.cache";
constexpr std::string_view kNull = "/dev/null";
constexpr std::array<std::string_view, 2> kTerminals = {"/dev/tty", "/dev/pts/0"};
// Of process 1, which looks at itself: /proc/self is a link.
constexpr std::array<std::string_view, 3> kOwnFiles = {"/proc/1/maps", "/proc/1/status", "/proc/sys/vm/overcommit_memory"};

bool allows(const Profile& profile, std::string_view path, std::uint32_t wanted) {
    if (profile.files.empty()) return false;
    return (profile.files.permissions(profile.files.match(profile.files_start, path), true).allow & wanted) == wanted;
}

template <class Paths>
bool allows_any(const Profile& profile, const Paths& paths, std::uint32_t wanted) {
    return std::any_of(paths.begin(), paths.end(), [&](std::string_view path) { return allows(profile, path, wanted); });
}

template <class Paths>
std::string refused(const Profile& profile, const Paths& paths, std::uint32_t wanted) {
    std::vector<std::string> result;
    for (const auto path : paths) {
        if (!allows(profile, path, wanted)) result.emplace_back(path);
    }
    return join(result, ", ");
}

// The families of sockets whose names and addresses are asked for by datagrams, as profiles call them (linux/socket.h).
struct Family {
    std::string_view name;
    char number;
};
constexpr std::array<Family, 2> kInternet = {{{"inet", 2}, {"inet6", 10}}};
constexpr char kStream = 1;  // linux/net.h
constexpr char kDatagram = 2;

// Whether PROFILE lets a socket of FAMILY and TYPE be made, whatever its protocol (security/apparmor/net.c: two bytes of each, the higher one first).
bool makes_socket(const Profile& profile, char family, char type) {
    const StateId start = start_of(profile, mediation::kNetwork);
    if (start == kDeadState) return true;
    const std::array<char, 4> text = {0, family, 0, type};
    const Permissions permissions = profile.rules.permissions(profile.rules.match(start, {text.data(), text.size()}), true);
    return (permissions.allow & ~permissions.deny & permission::kCreate) != 0;
}

bool receives(const Profile& profile, std::string_view peer) { return profile.receives(SIGTERM, peer) && profile.receives(SIGKILL, peer); }

}  // namespace

void find_deaf(const Subject& subject, Findings& findings) {
    const auto& profile = subject.profile;
    std::vector<std::string> deaf;
    if (!receives(profile, kUnconfined)) deaf.push_back(quote(kUnconfined));
    for (const auto runtime : kRuntimeProfiles) {
        const auto loaded = subject.policy.find(runtime);
        if (loaded && *loaded != nullptr && !receives(profile, runtime)) deaf.push_back(quote(runtime));
    }
    if (!deaf.empty()) {
        findings.push_back({"AA401",
                            subject.origin,
                            concat({"profile ", quote(profile.name), " receives no signals from ", join(deaf, ", ")}),
                            "engines and runtimes run under these, so stopping a container waits in vain, and killing it fails",
                            "add `signal (receive) peer={unconfined,runc,crun},`",
                            {}});
    }
    // A child is for one program, which seldom is `ps`.
    if (profile.parent().empty() && !profile.may_read_by_ptrace(profile.name)) {
        findings.push_back({"AA402",
                            subject.origin,
                            concat({"profile ", quote(profile.name), " may not look at its own processes"}),
                            "what /proc/PID has in exe, cwd, root, fd, maps and environ is refused: `lsof`, `fuser`, debuggers and service "
                            "managers fail, `ps` works",
                            "add `ptrace (read,readby) peer=@{profile_name},`",
                            {}});
    }
}

void find_unnamed(const Subject& subject, Findings& findings) {
    const auto& profile = subject.profile;
    for (const auto& [name, number] : kInternet) {
        if (!makes_socket(profile, number, kStream) || makes_socket(profile, number, kDatagram)) continue;
        findings.push_back({"AA418",
                            subject.origin,
                            concat({"profile ", quote(profile.name), " allows connections by ", name, " and no datagrams"}),
                            "DNS is asked by datagrams, and servers open one to learn their own address: names are not resolved, and some "
                            "programs end there",
                            concat({"add `network ", name, " dgram,`"}),
                            {}});
    }
}

void find_unreadable(const Subject& subject, Findings& findings) {
    const auto& profile = subject.profile;
    if (profile.hat) return;  // it executes nothing
    const std::string name = quote(profile.name);
    const auto add = [&](std::string_view code, const std::string& problem, std::string why, std::string cure) {
        findings.push_back({code, subject.origin, concat({"profile ", name, " ", problem}), std::move(why), std::move(cure), {}});
    };
    // What a runtime starts from outside, and what is executed without leaving the profile, has its loader opened already; the kernel
    // looks again where the profile changes (security/apparmor/file.c, aa_file_perm()).
    if (!profile.parent().empty() && !allows_any(profile, kLoaders, kLoad)) {
        add("AA403", "lets no program loader be read and mapped (ld-linux, ld-musl)",
            "a program that is executed into it ends before its first instruction, unless it is linked statically",
            "add `/{,usr/}lib{,64}/** mr,`, and `mr` for the program");
    }
    if (!allows_any(profile, kLibraries, kLoad)) {
        add("AA404", "lets no C library be read and mapped", "of its programs only those linked statically start",
            "add `/{,usr/}lib{,64}/** mr,`");
    }
    if (!allows(profile, kCache, permission::kRead)) {
        add("AA405", concat({"may not read ", kCache}), "libraries in directories of their own are not found",
            concat({"add `", kCache, " r,`"}));
    }
    if (!allows(profile, kNull, kReadWrite))
        add("AA408", concat({"may not read and write ", kNull}), "shells and daemons open it, and fail where they cannot",
            concat({"add `", kNull, " rw,`"}));
    if (const auto files = refused(profile, kOwnFiles, permission::kRead); !files.empty()) {
        add("AA409", concat({"may not read ", files}), "C libraries and language runtimes look there for stacks, memory and themselves",
            "add `/proc/[0-9]*/{maps,status,stat,auxv,cmdline} r,` and `/proc/sys/vm/overcommit_memory r,`");
    }
    if (const auto terminals = refused(profile, kTerminals, kReadWrite); !terminals.empty()) {
        add("AA415", concat({"may not read and write ", terminals}),
            "what asks for a password or edits a line opens the terminal anew, and fails under `docker run -t`",
            "add `/dev/tty rw,` and `/dev/pts/* rw,`");
    }
}

}  // namespace aa::apparmor
