// SPDX-License-Identifier: Apache-2.0
//
// MountTree: what a container's tree will consist of once the runtime has made its mounts. Layer 0 is the root filesystem and
// each mount is a layer of its own, attached at a path of another one; as in the kernel, a later mount over a directory
// hides what was mounted below it before. A running container needs no tree: its mounts are made.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "oci/bundle/mount.h"

namespace aa::oci {

inline constexpr std::size_t kRootLayer = 0;

// What lies in a layer.
enum class LayerKind {
    files,    // a directory or a file of the host
    empty,    // nothing but what is mounted below it
    covered,  // a copy of what it covers
    unknown,  // what the kernel or the runtime puts there
};

class MountTree {
public:
    // No mounts.
    MountTree() = default;

    // MOUNTS, which must outlive the tree, in the order in which they are made; relative sources are meant from BUNDLE.
    MountTree(const std::vector<Mount>& mounts, std::string bundle) : mounts_(&mounts), bundle_(std::move(bundle)) {}

    // Says that the next mount of the list is attached at PATH of LAYER (paths are those of the container, resolved).
    void attach(std::size_t layer, std::string path);

    // The layer that is visible at PATH of LAYER: LAYER itself unless something is mounted there.
    [[nodiscard]] std::size_t visible(std::size_t layer, std::string_view path) const;

    // Whether something is mounted below PATH of LAYER: the runtime makes the directories that are missing on the way.
    [[nodiscard]] bool has_below(std::size_t layer, std::string_view path) const;

    // Where LAYER is attached; empty for kRootLayer.
    [[nodiscard]] std::string_view path_of(std::size_t layer) const {
        return layer == kRootLayer ? std::string_view() : points_[layer - 1]->second;
    }

    // The mount that made LAYER; nullptr for kRootLayer.
    [[nodiscard]] const Mount* mount_of(std::size_t layer) const { return layer == kRootLayer ? nullptr : &(*mounts_)[layer - 1]; }
    [[nodiscard]] LayerKind kind(std::size_t layer) const;

    // The path of LAYER's source on the host, and that source opened (O_PATH, symlinks followed: it is the engine's).
    [[nodiscard]] std::string source(std::size_t layer) const;
    [[nodiscard]] Result<Fd> open_source(std::size_t layer) const;

private:
    using Point = std::pair<std::size_t, std::string>;  // a layer, and a path in it
    struct InOrder {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            if (a.first != b.first) return a.first < b.first;
            return std::string_view(a.second) < std::string_view(b.second);
        }
    };

    const std::vector<Mount>* mounts_ = nullptr;
    std::string bundle_;
    // Found by place, as there may be any number of mounts; an entry leads to the layer that is attached there.
    std::map<Point, std::size_t, InOrder> layers_;
    std::vector<const Point*> points_;  // of layer i + 1
};

}  // namespace aa::oci
