// SPDX-License-Identifier: Apache-2.0
//
// Mount: one entry of config.json's `mounts`, as far as it decides which files the container will see.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oci/json/json.h"

namespace aa::oci {

struct Mount {
    std::string destination;
    std::string source;
    std::string type;
    bool bind = false;       // the options have bind or rbind
    bool recursive = false;  // rbind: with what is mounted below the source
    bool noexec = false;
    bool ro = false;                    // the options have ro, and no rw behind it
    bool rrw = false;                   // mount_setattr(2) makes it writable after all, whatever stands beside (crun)
    bool copy_up = false;               // tmpcopyup: a tmpfs that begins as a copy of what it covers
    bool remapped = false;              // it has id mappings of its own
    std::vector<std::string> layers{};  // of an overlay: all directories that its options name
    json::Extent place{};               // of the entry
    json::Extent source_place{};        // of the source's value, a null included; empty if there is none
    json::Extent options_place{};       // likewise

    [[nodiscard]] bool is_bind() const { return bind || type == "bind"; }
    [[nodiscard]] bool is_read_only() const { return ro && !rrw; }
};

// Adds to LAYERS the directories that OPTIONS, one or several of an overlay's with commas between them, name (lowerdir, upperdir, workdir;
// linux Documentation/filesystems/overlayfs.rst). A backslash is taken off from before the character that it hides.
void add_overlay_layers(std::string_view options, std::vector<std::string>& layers);

}  // namespace aa::oci
