// SPDX-License-Identifier: Apache-2.0
#include "oci/path/mount_tree.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"

namespace aa::oci {

std::size_t MountTree::visible(std::size_t layer, std::string_view path) const {
    // A mount can only be covered by one that is made later, so one walk finds a whole pile.
    for (std::size_t i = 0; i < points_.size(); ++i) {
        if (points_[i].layer == layer && points_[i].path == path) layer = i + 1;
    }
    return layer;
}

bool MountTree::has_below(std::size_t layer, std::string_view path) const {
    const auto below = [&](const Point& point) {
        const std::string_view at = point.path;
        return point.layer == layer && at.size() > path.size() && at.starts_with(path) && at[path.size()] == '/';
    };
    return std::any_of(points_.begin(), points_.end(), below);
}

LayerKind MountTree::kind(std::size_t layer) const {
    const Mount* mount = mount_of(layer);
    if (mount == nullptr || mount->is_bind()) return LayerKind::files;
    if (mount->type != "tmpfs") return LayerKind::unknown;
    if (mount->copy_up) return LayerKind::covered;
    // The runtimes put devices and links to /proc there.
    return points_[layer - 1].path == "/dev" ? LayerKind::unknown : LayerKind::empty;
}

std::string MountTree::source(std::size_t layer) const {
    const Mount* mount = mount_of(layer);
    if (mount == nullptr || !mount->is_bind()) return {};
    return mount->source.starts_with('/') ? mount->source : concat({bundle_, "/", mount->source});
}

Result<Fd> MountTree::open_source(std::size_t layer) const {
    return open_file(AT_FDCWD, source(layer), O_PATH).context(concat({"the mount at ", quote(mount_of(layer)->destination)}));
}

}  // namespace aa::oci
