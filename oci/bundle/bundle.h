// SPDX-License-Identifier: Apache-2.0
//
// A bundle: the directory that create, run and restore name, and the config.json in it. config.json stays a document:
// it is read in one pass, and only the bytes of the fields that aa-shim owns ever change.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "oci/bundle/host_request.h"
#include "oci/bundle/id_map.h"
#include "oci/bundle/mount.h"
#include "oci/bundle/process_spec.h"
#include "oci/bundle/seccomp.h"
#include "oci/json/json.h"
#include "oci/json/splice.h"

namespace aa::oci {

inline constexpr const char* kConfigName = "config.json";

// Longer config.json files are refused: an engine's real ones are 10 KB to 100 KB.
inline constexpr std::size_t kMaxConfigBytes = std::size_t{32} << 20;

struct Annotation {
    std::string key;
    std::string value;
    json::Extent place;  // of the value, quotes included
};

// What aa-shim reads of a config.json.
struct Config {
    ProcessSpec process;
    std::vector<Annotation> annotations;
    std::optional<json::Extent> annotations_place;  // of the object or the null
    bool annotations_present = false;               // an object
    std::string root_path;
    std::vector<Mount> mounts;
    std::string hostname;
    std::string cgroups_path;
    std::optional<json::Extent> linux_place;  // of the object or the null
    bool linux_present = false;               // an object
    bool linux_empty = false;
    Seccomp seccomp;
    HostRequest host;
    std::vector<IdRange> uid_mappings;
    std::vector<IdRange> gid_mappings;
    json::Extent object;  // of the whole document

    // The value of the annotation KEY, if it is there.
    [[nodiscard]] std::optional<std::string_view> annotation(std::string_view key) const;

    // How the container will number users and groups. An error: it joins a user namespace whose maps config.json does not say.
    [[nodiscard]] Result<IdMaps> id_maps() const;
};

// Reads the whole of TEXT. Refused, beyond what json::Reader refuses: a duplicate or case variant of a member that is owned
// or read, or of one of its parents; duplicate annotation keys; the annotation `bundle` or one whose key begins `bundle=` (runc's
// exec would look for its config.json there: utils.SearchLabels takes the first label with that prefix); a wrong type; no
// process.
Result<Config> read_config(std::string_view text);

struct ConfigChanges {
    ProcessChanges process;
    std::span<const std::pair<std::string, std::string>> annotations;  // set each of these
    std::span<const std::string> deny_syscalls;
    std::span<const std::string> architectures;  // for a seccomp profile made from nothing: "SCMP_ARCH_X86_64" …
    HostChanges host{};
};

// The splices that make CONFIG obey CHANGES; an error if a place cannot be edited without doubt. Idempotent.
Result<Splices> change_config(const Config& config, std::string_view text, const ConfigChanges& changes);

// An opened bundle. Nothing in it has been judged yet but its ownership.
class Bundle {
public:
    // Opens the bundle directory PATH ("": the working directory) and reads its config.json. Refused: a directory or file that
    // someone else could have written, a symlink (parents of the bundle may be some), anything but a regular file, over
    // kMaxConfigBytes.
    static Result<Bundle> open(std::string_view path);

    [[nodiscard]] std::string_view text() const { return text_.text(); }
    [[nodiscard]] const std::string& path() const { return path_; }  // as given

    // Where it really lies: absolute, no symlink in it. What is told by the place of a bundle is told by this.
    [[nodiscard]] Result<std::string> resolved_path() const;

    // Writes the document as SPLICES make it, completely or not at all; nothing is written if SPLICES is empty.
    Result<void> store(const Splices& splices) const;

private:
    Fd directory_;
    std::string path_;
    Buffer text_;
    struct stat stat_ {};
};

}  // namespace aa::oci
