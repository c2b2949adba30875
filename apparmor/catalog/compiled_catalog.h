// SPDX-License-Identifier: Apache-2.0
//
// The compiled catalog: one file in which aa-shim looks things up. Nothing is parsed, what has nothing to do with the
// container is not read, and everything that is read was bounds-checked and checksummed first, so that a truncated or
// damaged file is refused and never misread. The format is described in docs/compiled-catalog.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/block_file.h"
#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/facts.h"
#include "base/result.h"

namespace aa::apparmor {

class Cursor;
struct PolicySnapshot;

inline constexpr std::string_view kCatalogPath = "/run/aa-shim/catalog";

// The bytes of CATALOG compiled, with SNAPSHOT, the policy that goes with it (nullptr: without). Deterministic on one machine.
std::string compile_catalog(const Catalog& catalog, const PolicySnapshot* snapshot = nullptr);

// The first rule that matches, as a decision needs it.
struct Selection {
    Outcome outcome;
    std::vector<std::string> selectable;
    std::string why;          // "rule /etc/aa-shim/catalog.d/10-web.json:30:5", "otherwise, FILE:L:C", "the default for a pod's sandbox"
    bool by_default = false;  // a sandbox that no rule names
};

// How much a catalog holds.
struct CatalogSize {
    std::size_t rules = 0;  // without `otherwise`
    std::size_t confinements = 0;
};

class CompiledCatalog {
public:
    // Opens PATH and reads its beginning. Refused: missing (with what to type), not root's alone to write (its directory
    // too), truncated, another version, a wrong checksum.
    static Result<CompiledCatalog> open(const std::string& path);

    // The same over BYTES, which must outlive the value. NAME is what messages call them.
    static Result<CompiledCatalog> view(std::string_view bytes, std::string name);

    // The rule for FACTS: the first that matches, else `otherwise`; a pod's sandbox that no rule with "sandbox": true
    // matches is left as its engine made it. Its cost does not grow with the number of rules that have nothing to do with
    // FACTS.
    [[nodiscard]] Result<Selection> select(const Facts& facts) const;

    // The confinement NAME; an error of kind not_found if the catalog has none.
    [[nodiscard]] Result<Confinement> confinement(std::string_view name) const;

    // All confinements, in the order in which they were written: for aa-shimctl only.
    [[nodiscard]] Result<std::vector<Confinement>> confinements() const;

    // All of it as it was written, but for what only `check` and `load` look at ("weaker", "profileDirs", "externalProfiles"): for
    // aa-shimctl only, in the library aa_apparmor_load.
    [[nodiscard]] Result<Catalog> written_again() const;

    // Counts what it holds, reading all of its index: for aa-shimctl only.
    [[nodiscard]] Result<CatalogSize> size() const;

    // Whether any rule looks at facts from the engine's own record (image, name, labels, privileged).
    [[nodiscard]] bool needs_engine_record() const;

    // Whether any rule looks at the entrypoint, which takes looking for it in the container's files.
    [[nodiscard]] bool needs_entrypoint() const;

    // Whether devices are looked for by the names that the host gives them.
    [[nodiscard]] bool needs_device_names() const;

    [[nodiscard]] WithoutAppArmor without_apparmor() const;
    [[nodiscard]] std::string_view decision_log() const { return decision_log_; }
    // Whether it is logged which process an exec becomes.
    [[nodiscard]] bool logs_exec_processes() const;
    [[nodiscard]] CompareExecs compare_execs() const;
    // For a seccomp profile made from nothing: this machine's architectures, "SCMP_ARCH_X86_64" and its compat ones.
    [[nodiscard]] const std::vector<std::string>& architectures() const { return architectures_; }

    // What the runtime in use interprets beyond what aa-shim knows (Catalog::unsafe_annotations).
    [[nodiscard]] const std::vector<std::string>& unsafe_annotations() const { return unsafe_annotations_; }

    // The file that it is, and where in it the policy begins; 0: it holds none.
    [[nodiscard]] const BlockFile& file() const { return *file_; }
    [[nodiscard]] std::uint32_t policy_offset() const { return policy_; }

private:
    static constexpr std::size_t kTries = 11;

    explicit CompiledCatalog(BlockFile file) : file_(std::make_unique<BlockFile>(std::move(file))) {}
    [[nodiscard]] Result<void> read_header();
    [[nodiscard]] Result<std::vector<std::uint32_t>> confinement_offsets(Window& scratch) const;
    [[nodiscard]] Result<std::vector<std::uint32_t>> rule_offsets(Window& scratch) const;
    [[nodiscard]] Result<Rule> rule_at(std::uint32_t offset, Window& scratch) const;
    [[nodiscard]] Result<Confinement> confinement_at(std::uint32_t offset, Window& scratch) const;
    [[nodiscard]] Result<std::vector<std::uint32_t>> candidates(const Facts& facts, Window& scratch) const;
    // Adds to FOUND the rules that no trie leads to.
    [[nodiscard]] Result<void> read_always(Window& scratch, std::vector<std::uint32_t>& found) const;
    [[nodiscard]] Result<std::optional<Selection>> try_rule(std::uint32_t offset, const Facts& facts, Window& scratch) const;
    [[nodiscard]] Result<Selection> otherwise(Window& scratch) const;

    std::unique_ptr<BlockFile> file_;
    std::uint32_t flags_ = 0;
    std::uint32_t otherwise_ = 0;
    std::uint32_t always_ = 0;
    std::uint32_t policy_ = 0;
    std::array<std::uint32_t, kTries> tries_{};
    std::string decision_log_;
    std::vector<std::string> architectures_;
    std::vector<std::string> unsafe_annotations_;
};

}  // namespace aa::apparmor
