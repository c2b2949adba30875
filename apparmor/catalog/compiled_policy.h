// SPDX-License-Identifier: Apache-2.0
//
// The policy in a compiled catalog: what the kernel held when the catalog was loaded. It is read in small pieces, each when a
// question first needs it. Whether it is still what the kernel holds is for current_policy to find out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/policy/policy.h"

namespace aa::apparmor {

class CompiledPolicy : public Policy {
public:
    // How much of the copy is believed.
    enum class Trust : std::uint8_t {
        all,       // the kernel's policy has not changed since
        profiles,  // it has, but a profile counts whose digest is unchanged; what is *not* there, and lists, cannot be told
    };

    // The policy in CATALOG, which must outlive it; nullptr if that has none.
    static Result<std::unique_ptr<CompiledPolicy>> open(const CompiledCatalog& catalog);

    // Of the kernel's policy when the copy was taken.
    [[nodiscard]] std::uint64_t revision() const { return revision_; }

    // The kernel's file with the digest of a profile, and what it said; empty: there was none.
    struct Digest {
        std::string file;
        std::string value;
    };
    // Tells whether the kernel says the same today.
    using IsCurrent = std::function<bool(const Digest&)>;

    // Whether the copy has all of PROFILE.
    [[nodiscard]] Result<bool> has_all_of(std::string_view profile);

    // What PROFILE was like when the copy was taken; nothing if the copy has not all of it.
    struct Remembered {
        Mode mode = Mode::unknown;
        Digest digest;
    };
    [[nodiscard]] Result<std::optional<Remembered>> remembered(std::string_view profile);

    void trust_all() { trust_ = Trust::all; }
    void trust_profiles(IsCurrent is_current) {
        trust_ = Trust::profiles;
        is_current_ = std::move(is_current);
    }
    // Whether a question was asked that, at this trust, the copy cannot answer. Such questions get an error.
    [[nodiscard]] bool was_unsure() const { return unsure_; }
    // An error if a part of the copy that was needed could not be read: then no answer counts.
    [[nodiscard]] Result<void> intact() const;

    Result<const Profile*> find(std::string_view name) override;
    Result<std::vector<const Profile*>> list(std::string_view parent, std::string_view path) override;
    Result<std::vector<const Profile*>> all() override;
    [[nodiscard]] KernelBehaviour behaviour() const override { return behaviour_; }

private:
    class Table;
    struct Entry {
        std::uint32_t offset = 0;
        bool complete = false;
        bool current = false;  // its digest is known to be
        Digest digest;
        Profile profile;
    };

    explicit CompiledPolicy(const BlockFile& file) : file_(file) {}
    Result<Entry*> entry(std::string_view name);
    Result<Entry*> entry_at(std::uint32_t offset);
    Error unsure();

    const BlockFile& file_;
    std::uint64_t revision_ = 0;
    KernelBehaviour behaviour_;
    std::uint32_t names_ = 0;
    std::uint32_t attachments_ = 0;
    Trust trust_ = Trust::all;
    IsCurrent is_current_;
    bool unsure_ = false;
    std::shared_ptr<std::optional<Error>> failure_ = std::make_shared<std::optional<Error>>();
    std::vector<std::unique_ptr<Entry>> entries_;  // read so far
};

}  // namespace aa::apparmor
