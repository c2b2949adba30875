// SPDX-License-Identifier: Apache-2.0
#include "oci/path/mount_tree.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"

namespace aa::oci {

namespace {

using Wanted = std::pair<std::size_t, std::string_view>;

}  // namespace

void MountTree::attach(std::size_t layer, std::string path) {
    // A second mount at a place is attached to the first one's layer, as the kernel does it: no two have the same point.
    const auto [at, added] = layers_.try_emplace(Point{layer, std::move(path)}, points_.size() + 1);
    (void)added;
    points_.push_back(&at->first);
}

std::size_t MountTree::visible(std::size_t layer, std::string_view path) const {
    if (layers_.empty()) return layer;
    // A mount can only be covered by one that is made later, so this comes to an end at the top of the pile.
    for (auto at = layers_.find(Wanted{layer, path}); at != layers_.end(); at = layers_.find(Wanted{layer, path})) layer = at->second;
    return layer;
}

bool MountTree::has_below(std::size_t layer, std::string_view path) const {
    if (layers_.empty()) return false;
    const std::string below = concat({path, "/"});
    const auto at = layers_.lower_bound(Wanted{layer, below});
    return at != layers_.end() && at->first.first == layer && at->first.second.starts_with(below);
}

LayerKind MountTree::kind(std::size_t layer) const {
    const Mount* mount = mount_of(layer);
    if (mount == nullptr || mount->is_bind()) return LayerKind::files;
    if (mount->type != "tmpfs") return LayerKind::unknown;
    if (mount->copy_up) return LayerKind::covered;
    // The runtimes put devices and links to /proc there.
    return points_[layer - 1]->second == "/dev" ? LayerKind::unknown : LayerKind::empty;
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
