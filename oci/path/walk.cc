// SPDX-License-Identifier: Apache-2.0
#include "oci/path/walk.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/file.h"
#include "base/text.h"

namespace aa::oci {
namespace {

constexpr unsigned kMaxLinks = 40;  // linux/namei.h, MAXSYMLINKS

}  // namespace

bool is_on_procfs(int fd) {
    struct statfs fs {};
    return ::fstatfs(fd, &fs) != 0 || fs.f_type == PROC_SUPER_MAGIC;
}

PathWalk::PathWalk(int root, const MountTree& tree, const Subject* subject, Budget& budget)
    : tree_(tree), subject_(subject), budget_(budget) {
    Step& step = steps_.emplace_back();
    step.fd = root;
    step.layer = tree.visible(kRootLayer, "");
    step.kind = tree.kind(step.layer);
    if (step.layer != kRootLayer) step.fd = -1;
}

Result<Place> PathWalk::walk(std::string_view path, Missing missing) {
    missing_ = missing;
    asked_ = path.substr(0, PATH_MAX);
    if (path.size() >= PATH_MAX) return failed(ENAMETOOLONG);
    rest_ = path;
    if (steps_.front().layer != kRootLayer) return unknown("something is mounted over the root directory");
    while (!at_file_) {
        const std::string name = next_name();
        if (name.empty()) break;
        TRY(budget_.spend().context(quote(asked_)));
        TRY(require_search());
        if (name == "..") {
            go_up();
        } else if (name != ".") {
            TRY(take(name));
        }
    }
    if (at_file_) return std::move(last_);
    Place place;
    place.stat.st_mode = S_IFDIR;
    place.path = path_.empty() ? "/" : path_;
    place.layer = steps_.back().layer;
    return place;
}

// The next name of the path; empty at its end.
std::string PathWalk::next_name() {
    rest_at_ = std::min(rest_.find_first_not_of('/', rest_at_), rest_.size());
    std::string name = rest_.substr(rest_at_, rest_.find('/', rest_at_) - rest_at_);
    rest_at_ += name.size();
    return name;
}

Result<void> PathWalk::take(const std::string& name) {
    const Step& here = steps_.back();
    const std::size_t layer = tree_.visible(here.layer, concat({path_, "/", name}));
    if (layer != here.layer) return take_mount(layer, name);
    if (here.fd < 0) return take_missing(name);
    if (wants_directory()) {
        Fd directory(::openat(here.fd, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (directory.valid()) return push(std::move(directory), layer, here.kind, name);
        if (errno == ENOENT) return take_missing(name);
        if (errno != ENOTDIR && errno != ELOOP) return failed(errno);
    }
    Fd file(::openat(here.fd, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file.valid()) return errno == ENOENT ? take_missing(name) : failed(errno);
    Opened opened{std::move(file), {}};
    if (::fstat(opened.file.get(), &opened.stat) != 0) return failed(errno);
    if (S_ISLNK(opened.stat.st_mode)) return take_link(opened);
    return take_last(std::move(opened), layer, name);
}

Result<void> PathWalk::take_mount(std::size_t layer, const std::string& name) {
    const LayerKind kind = tree_.kind(layer);
    if (kind == LayerKind::empty || kind == LayerKind::unknown) return push(Fd(), layer, kind, name);
    Opened opened;
    if (kind == LayerKind::files) {
        opened.file = TRY(tree_.open_source(layer));
    } else if (const int covered = steps_.back().fd; covered >= 0) {
        opened.file = Fd(::openat(covered, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    }
    if (!opened.file.valid()) return push(Fd(), layer, LayerKind::empty, name);
    if (::fstat(opened.file.get(), &opened.stat) != 0) return failed(errno);
    return take_last(std::move(opened), layer, name);
}

// NAME does not exist in the last step. Where a mount is to be made below it, the runtime will have made it.
Result<void> PathWalk::take_missing(const std::string& name) {
    const Step& here = steps_.back();
    if (missing_ == Missing::is_made || tree_.has_below(here.layer, concat({path_, "/", name}))) {
        return push(Fd(), here.layer, here.kind, name);
    }
    if (here.kind != LayerKind::unknown) return missing();
    return unknown(concat({"what the runtime will put into ", quote(path_), " is not known before it has done so"}));
}

// FILE is what NAME stands for and no symlink: the end of the walk, or one more directory on the way.
Result<void> PathWalk::take_last(Opened file, std::size_t layer, const std::string& name) {
    const bool directory = S_ISDIR(file.stat.st_mode);
    if (directory) return push(std::move(file.file), layer, tree_.kind(layer), name);
    if (wants_directory()) return missing();
    last_ = {std::move(file.file), file.stat, concat({path_, "/", name}), layer};
    at_file_ = true;
    return {};
}

Result<void> PathWalk::take_link(const Opened& link) {
    if (++links_ > kMaxLinks) return failed(ELOOP);
    TRY(require_plain_link(link));
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(link.file.get(), "", target.data(), target.size());
    if (length < 0) return failed(errno);
    const auto size = static_cast<std::size_t>(length);
    TRY(budget_.spend_text(size + rest_.size() - rest_at_).context(quote(asked_)));
    rest_ = concat({std::string_view(target.data(), size), std::string_view(rest_).substr(rest_at_)});
    rest_at_ = 0;
    if (target[0] == '/') {
        steps_.resize(1);
        path_.clear();
    }
    return {};
}

Result<void> PathWalk::push(Fd directory, std::size_t layer, LayerKind kind, const std::string& name) {
    const bool too_deep = steps_.size() >= kMaxWalkDepth || path_.size() + name.size() >= PATH_MAX;
    if (too_deep) return unknown("it leads too deep into directories");
    TRY(require_same_mount(directory.get(), layer));
    path_ += '/';
    path_ += name;
    Step& step = steps_.emplace_back();
    step.fd = directory.get();
    step.owned = std::move(directory);
    step.layer = layer;
    step.kind = kind;
    step.path_size = path_.size();
    return {};
}

// A mount that is no recursive one leaves out what is mounted below its source on the host.
Result<void> PathWalk::require_same_mount(int directory, std::size_t layer) const {
    const Mount* mount = tree_.mount_of(layer);
    const Step& here = steps_.back();
    if (mount == nullptr || mount->recursive || !mount->is_bind() || directory < 0 || layer != here.layer) return {};
    struct stat from {};
    struct stat to {};
    if (::fstat(here.fd, &from) != 0 || ::fstat(directory, &to) != 0) return failed(errno);
    if (from.st_dev == to.st_dev) return {};
    return unknown(concat({quote(mount->destination), " leaves out what is mounted below its source ('bind', not 'rbind')"}));
}

Result<void> PathWalk::require_search() {
    Step& here = steps_.back();
    if (subject_ == nullptr || here.fd < 0 || here.may_be_searched) return {};
    struct stat st {};
    if (::fstat(here.fd, &st) != 0) return failed(errno);
    here.may_be_searched = TRY(may_execute(*subject_, here.fd, st, budget_));
    if (here.may_be_searched) return {};
    return Error{ErrorKind::denied, concat({"the process may not search ", quote(path_.empty() ? "/" : path_)})};
}

// A link in /proc leads anywhere, and some of them elsewhere for each process. One in a sticky directory that others may
// write is followed or not depending on its owner (proc(5), protected_symlinks).
Result<void> PathWalk::require_plain_link(const Opened& link) {
    met_proc_link_ = is_on_procfs(link.file.get());
    if (met_proc_link_) return unknown("it leads through a link in /proc, which means another file for each process");
    struct stat directory {};
    if (::fstat(steps_.back().fd, &directory) != 0) return failed(errno);
    constexpr mode_t kShared = S_ISVTX | S_IWOTH;
    const uid_t follower = subject_ != nullptr ? subject_->uid : ::geteuid();
    const bool shared = (directory.st_mode & kShared) == kShared;
    if (!shared || link.stat.st_uid == directory.st_uid || link.stat.st_uid == follower) return {};
    return unknown("it leads through somebody else's link in a directory that everybody may write");
}

bool PathWalk::has_met_procfs() const {
    if (met_proc_link_) return true;
    const Step& here = steps_.back();
    if (here.fd >= 0) return is_on_procfs(here.fd);
    const Mount* mount = tree_.mount_of(here.layer);
    return mount != nullptr && mount->type == "proc";
}

void PathWalk::go_up() {
    if (steps_.size() == 1) return;
    steps_.pop_back();
    path_.resize(steps_.back().path_size);
}

Error PathWalk::missing() const { return errno_error("find", asked_, ENOENT); }

Error PathWalk::unknown(std::string_view why) const {
    return {ErrorKind::system, concat({"which file ", quote(asked_), " is cannot be told: ", why})};
}

Error PathWalk::failed(int error_number) const {
    if (error_number == ELOOP)
        return {ErrorKind::not_found, concat({"cannot find ", quote(asked_), ": it leads through too many symbolic links"})};
    Error error = errno_error("find", asked_, error_number);
    if (error_number == ENAMETOOLONG) error.kind = ErrorKind::not_found;
    return error;
}

}  // namespace aa::oci
