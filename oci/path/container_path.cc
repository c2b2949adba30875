// SPDX-License-Identifier: Apache-2.0
#include "oci/path/container_path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/file.h"
#include "base/text.h"

namespace aa::oci {
namespace {

Error unknown(std::string_view path, std::string_view why) {
    return {ErrorKind::system, concat({"which file ", quote(path), " is cannot be told: ", why})};
}

Error not_found(std::string_view word) { return {ErrorKind::not_found, concat({"executable file not found in $PATH: ", quote(word)})}; }

bool is_program(const struct stat& st) { return S_ISREG(st.st_mode) && (st.st_mode & kAnyExecute) != 0; }

Error no_program(std::string_view path) {
    return {ErrorKind::denied, concat({quote(path), " is no program: not a regular file with an execute bit"})};
}

// Opens PATH below ROOT; RESOLVE_IN_ROOT makes the descriptor the root for `..` and for absolute symlinks too.
Fd open_in_root(int root, const std::string& path, std::uint64_t flags = 0) {
    struct open_how how {};
    how.flags = O_PATH | O_CLOEXEC | flags;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return Fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

// Whether the directory of PATH can be reached and does not have its last name. Most of PATH is like that, and a walk takes more calls;
// it is only needed where a link in /proc could be what is not there for us.
bool is_surely_missing(int root, const std::string& path) {
    const std::size_t name = path.rfind('/') + 1;
    const Fd directory = open_in_root(root, path.substr(0, name), O_DIRECTORY);
    struct stat st {};
    return directory.valid() && ::fstatat(directory.get(), path.c_str() + name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

bool is_same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

constexpr std::size_t kLevels = 64;

// That many levels up. Made when it is needed, which it hardly ever is.
std::string far_up() {
    std::string up;
    for (std::size_t i = 0; i < kLevels; ++i) up += "../";
    return up;
}

// Climbs from a directory to the root of its mount namespace: a process that changed its root cannot go there, we can.
Result<Fd> climb(Fd directory) {
    for (std::size_t i = 0; i < PATH_MAX / kLevels; ++i) {
        if (TRY(path_of_descriptor(directory.get())) == "/") return directory;
        directory = TRY(open_file(directory.get(), far_up(), O_PATH | O_DIRECTORY));
    }
    return Error{ErrorKind::system, "the root of its mount namespace cannot be found"};
}

Error lies_in_proc(std::string_view cwd) {
    return {ErrorKind::denied,
            concat({"the working directory ", quote(cwd),
                    " lies in /proc, from where a container could reach the host (CVE-2024-21626): choose another one"})};
}

bool same_result(const ProgramFile& a, const ProgramFile& b) { return is_same(a.stat, b.stat) && a.path == b.path; }

Result<ProgramFile> require_agreement(Result<ProgramFile> runc, Result<ProgramFile> crun, std::string_view word) {
    if (!runc && runc.error().kind != ErrorKind::not_found) return runc;
    if (!crun && crun.error().kind != ErrorKind::not_found) return crun;
    if (!runc) return crun;
    if (!crun || same_result(*runc, *crun)) return runc;
    return unknown(word, concat({"runc would execute ", quote(runc->path), ", crun ", quote(crun->path), "; use a path"}));
}

}  // namespace

Result<ContainerRoot> ContainerRoot::of_process(pid_t pid, IdMaps maps, Resolver resolver) {
    const std::string path = concat({"/proc/", decimal(pid), "/root"});
    // The link itself is the kernel's. `..` finds what was mounted over the root as well, as setns(2) does.
    Fd root = TRY(open_file(AT_FDCWD, path + "/..", O_PATH | O_DIRECTORY));
    ContainerRoot result(TRY(climb(std::move(root)).context(path)), pid, resolver);
    result.maps_ = std::move(maps);
    return result;
}

Result<ContainerRoot> ContainerRoot::of_bundle(std::string_view bundle, std::string_view root_path) {
    const bool absolute = root_path.starts_with('/') || bundle.empty();
    const std::string path = absolute ? std::string(root_path) : concat({bundle, "/", root_path});
    return ContainerRoot(TRY(open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY)), 0, Resolver::walk);
}

Result<ContainerRoot> ContainerRoot::of_bundle(std::string_view bundle, std::string_view root_path, const std::vector<Mount>& mounts,
                                               IdMaps maps) {
    auto root = TRY(of_bundle(bundle, root_path));
    root.maps_ = std::move(maps);
    root.tree_ = MountTree(mounts, std::string(bundle.empty() ? std::string_view(".") : bundle));
    for (const Mount& mount : mounts) {
        auto place = TRY(PathWalk(root.root_.get(), root.tree_, nullptr, root.budget_).find_mountpoint(mount.destination));
        root.tree_.attach(place.layer, place.path == "/" ? std::string() : std::move(place.path));
    }
    return root;
}

// The regular file with an execute bit at PATH.
Result<ProgramFile> ContainerRoot::find_file(const std::string& path) const {
    // Whatever openat2 fails with, a missing interface or a link that it does not follow, and whatever it finds that is no program:
    // the walk tells what it means.
    if (resolver_ == Resolver::kernel && budget_.take_kernel_lookup()) {
        if (Fd file = open_in_root(root_.get(), path); file.valid()) {
            if (auto program = opened(std::move(file), path)) return program;
        }
    }
    return walk_to(path, nullptr);
}

Result<ProgramFile> ContainerRoot::opened(Fd file, const std::string& path) const {
    ProgramFile program;
    if (::fstat(file.get(), &program.stat) != 0) return errno_error("stat", path, errno);
    if (!is_program(program.stat)) return no_program(path);
    program.path = TRY(path_of_descriptor(file.get()));
    if (!program.path.starts_with('/')) return unknown(path, "it lies outside of the container's tree");
    program.file = std::move(file);
    if (!program.path.ends_with(" (deleted)")) return program;
    // Either a name that ends so, or what the kernel says of a file that was deleted since.
    const auto again = PathWalk(root_.get(), tree_, nullptr, budget_).find(program.path);
    if (!again || !is_same(again->stat, program.stat)) return unknown(path, "it was deleted while it was looked at");
    return program;
}

Result<ProgramFile> ContainerRoot::walk_to(const std::string& path, const Subject* subject) const {
    auto place = TRY(PathWalk(root_.get(), tree_, subject, budget_).find(path));
    if (!place.file.valid()) return no_program(path);
    if (pid_ != 0) return opened(std::move(place.file), path);
    ProgramFile program;
    program.stat = place.stat;
    program.file = std::move(place.file);
    program.path = std::move(place.path);
    if (!is_program(program.stat)) return no_program(path);
    if (program.path.size() >= PATH_MAX) return unknown(path, "its path is longer than the kernel can tell");
    if (tree_.kind(place.layer) != LayerKind::files || place.layer == kRootLayer) return program;
    program.mount = tree_.mount_of(place.layer);
    const auto below = std::string_view(program.path).substr(tree_.path_of(place.layer).size());
    program.host_path = concat({tree_.source(place.layer), below});
    program.is_mountpoint = below.empty();
    if (program.mount->remapped) return unknown(path, "it lies in a mount with id mappings of its own, so its owner is not known");
    return program;
}

// Whether a process that is SUBJECT can execute PROGRAM, found at PATH.
Result<bool> ContainerRoot::may_start(const ProgramFile& program, const std::string& path, const Subject& subject) const {
    struct statfs fs {};
    if (::fstatfs(program.file.get(), &fs) != 0) return errno_error("stat the file system of", path, errno);
    if (program.mount != nullptr && program.mount->noexec) return false;
    if ((fs.f_flags & ST_NOEXEC) != 0) {
        if (program.mount == nullptr) return false;
        return unknown(path, "its mount's source lies on a file system that is mounted noexec");
    }
    if (subject.is_powerful()) return true;
    const auto reached = walk_to(path, &subject);
    if (!reached && reached.error().kind != ErrorKind::denied) return reached.error();
    if (!reached) return false;
    if (!is_same(reached->stat, program.stat)) return unknown(path, "it changed while it was looked at");
    return may_execute(subject, program.file.get(), program.stat, budget_);
}

// What CANDIDATE is, if a process that is SUBJECT can execute it.
Result<std::optional<ProgramFile>> ContainerRoot::try_candidate(const std::string& candidate, const Subject& subject) const {
    std::optional<ProgramFile> none;
    TRY(budget_.spend_text(candidate.size()).context(quote(std::string_view(candidate).substr(0, PATH_MAX))));
    if (candidate.size() >= PATH_MAX) return none;
    if (resolver_ == Resolver::kernel && budget_.take_kernel_lookup() && is_surely_missing(root_.get(), candidate)) return none;
    auto found = find_file(candidate);
    if (!found && (found.error().kind == ErrorKind::not_found || found.error().kind == ErrorKind::denied)) return none;
    if (!found) return std::move(found).error();
    if (!TRY(may_start(*found, candidate, subject))) return none;
    return std::optional(*std::move(found));
}

// The first program among CANDIDATE and those behind it.
Result<ProgramFile> ContainerRoot::search_on(std::optional<std::string> candidate, Candidates& candidates, const Subject& subject) const {
    for (; candidate; candidate = candidates.next()) {
        if (auto found = TRY(try_candidate(*candidate, subject))) return *std::move(found);
    }
    return not_found(candidates.word());
}

// As long as both runtimes would try the same, one look serves both.
Result<ProgramFile> ContainerRoot::search(std::string_view word, const ProcessSpec& spec, const Subject& subject) const {
    Candidates runc(RuntimeKind::runc, word, spec);
    Candidates crun(RuntimeKind::crun, word, spec);
    while (true) {
        auto candidate = runc.next();
        auto other = crun.next();
        if (candidate != other) {
            auto found = search_on(std::move(candidate), runc, subject);
            return require_agreement(std::move(found), search_on(std::move(other), crun, subject), word);
        }
        if (!candidate) return not_found(word);
        if (auto found = TRY(try_candidate(*candidate, subject))) return *std::move(found);
    }
}

Result<ProgramFile> ContainerRoot::find_program(std::string_view word, const ProcessSpec& spec, CapabilitySet ceiling) const {
    if (word.empty()) return not_found(word);
    if (word.find('/') != std::string_view::npos) return find_file(from_directory(spec.cwd, word));
    if (!spec.path_present && spec.path.empty())
        return unknown(word, "the process has no PATH, which runtimes do not agree about; use a path, or set PATH");
    Subject subject = TRY(Subject::of(spec, maps_));
    subject.capabilities = subject.capabilities & ceiling;
    return search(word, spec, subject);
}

Result<void> ContainerRoot::check_working_directory(std::string_view cwd) const {
    if (cwd.empty() || cwd == "/") return {};
    if (resolver_ == Resolver::kernel && cwd.size() < PATH_MAX && budget_.take_kernel_lookup()) {
        const Fd directory = open_in_root(root_.get(), std::string(cwd), O_DIRECTORY);
        if (directory.valid()) return is_on_procfs(directory.get()) ? lies_in_proc(cwd) : Result<void>();
    }
    PathWalk walk(root_.get(), tree_, nullptr, budget_);
    const auto place = walk.find(cwd);
    if (walk.has_met_procfs()) return lies_in_proc(cwd);
    if (place || place.error().kind == ErrorKind::not_found) return {};
    return Error(place.error()).context("the working directory");
}

Result<std::string> ContainerRoot::resolve_program(std::string_view word, const ProcessSpec& spec) const {
    return TRY(find_program(word, spec)).path;
}

}  // namespace aa::oci
