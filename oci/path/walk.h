// SPDX-License-Identifier: Apache-2.0
//
// PathWalk: the kernel's path resolution done by hand, below a root that is never left: one name at a time, each opened
// with O_PATH | O_NOFOLLOW from the directory it stands in, and `..` means the directory that we came from. Whatever others
// rename or replace meanwhile: every descriptor was reached by going down from the root, and the kernel follows no symlink.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "oci/path/budget.h"
#include "oci/path/mount_tree.h"
#include "oci/path/permission.h"

namespace aa::oci {

// Deeper directories are not walked into, for each level holds a descriptor.
inline constexpr std::size_t kMaxWalkDepth = 512;

// Where a walk ended.
struct Place {
    Fd file;  // O_PATH; invalid for a directory, and where nothing exists yet
    struct stat stat {};
    std::string path;  // as it was walked: from the root, no symlink in it
    std::size_t layer = kRootLayer;
};

// Whether the file behind the descriptor FD lies on a procfs, or that cannot be told.
bool is_on_procfs(int fd);

// How a walk fails: not_found is sure (there is no such file, or nobody can follow that many links), denied is sure too
// (the subject may not search a directory), any other kind means that it cannot be told; limit: for it would take too much work.
class PathWalk {
public:
    // Walks below the directory ROOT, in TREE, as SUBJECT (nullptr: as one who may search everything), on BUDGET. All must outlive it.
    PathWalk(int root, const MountTree& tree, const Subject* subject, Budget& budget);

    // The existing file at PATH, symlinks followed.
    Result<Place> find(std::string_view path) { return walk(path, Missing::is_error); }

    // The place where a runtime makes a mount with the destination PATH: symlinks followed, what is missing is made.
    Result<Place> find_mountpoint(std::string_view path) { return walk(path, Missing::is_made); }

    // Whether the walk ended in a /proc, or was to go through a link there.
    [[nodiscard]] bool has_met_procfs() const;

private:
    enum class Missing { is_error, is_made };
    struct Step {
        Fd owned;     // the directory, unless it is the root
        int fd = -1;  // of it; -1: nothing but mounts is in it
        std::size_t layer = kRootLayer;
        LayerKind kind = LayerKind::files;
        std::size_t path_size = 0;     // of path_ when this directory is where we stand
        bool may_be_searched = false;  // by the subject, as far as it was asked
    };
    struct Opened {
        Fd file;
        struct stat stat {};
    };

    Result<Place> walk(std::string_view path, Missing missing);
    std::string next_name();
    [[nodiscard]] bool wants_directory() const { return rest_at_ < rest_.size(); }
    Result<void> take(const std::string& name);
    Result<void> take_mount(std::size_t layer, const std::string& name);
    Result<void> take_missing(const std::string& name);
    Result<void> take_last(Opened file, std::size_t layer, const std::string& name);
    Result<void> take_link(const Opened& link);
    Result<void> push(Fd directory, std::size_t layer, LayerKind kind, const std::string& name);
    Result<void> require_search();
    Result<void> require_plain_link(const Opened& link);
    Result<void> require_same_mount(int directory, std::size_t layer) const;
    void go_up();
    [[nodiscard]] Error missing() const;
    [[nodiscard]] Error unknown(std::string_view why) const;
    [[nodiscard]] Error failed(int error_number) const;

    const MountTree& tree_;
    const Subject* subject_;
    Budget& budget_;
    Missing missing_ = Missing::is_error;
    std::vector<Step> steps_;  // from the root to where we stand
    std::string path_;         // of the last step; empty for the root
    std::string rest_;         // what is still to be walked, from `rest_at_` on
    std::size_t rest_at_ = 0;
    std::string asked_;  // the path that was asked for
    unsigned links_ = 0;
    Place last_;  // what was found instead of a step
    bool at_file_ = false;
    bool met_proc_link_ = false;
};

}  // namespace aa::oci
