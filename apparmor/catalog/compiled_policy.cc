// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/compiled_policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "apparmor/catalog/compiled_format.h"
#include "apparmor/catalog/payload.h"
#include "base/text.h"

namespace aa::apparmor {

// A table of words in the blocks of the file.
class CompiledPolicy::Table : public WordSource {
public:
    Table(const BlockFile& file, std::uint32_t offset, std::size_t size, std::shared_ptr<std::optional<Error>> failure)
        : file_(file), offset_(offset), size_(size), failure_(std::move(failure)) {}

    const std::uint64_t* piece(std::size_t index) override {
        Window scratch;
        const auto payload = file_.block(static_cast<std::uint32_t>(offset_ + index * format::kTableStride), scratch);
        const std::size_t words = std::min(format::kTablePiece, size_ - index * format::kTablePiece);
        if (!payload || payload->size() != words * 8) {
            *failure_ = payload ? file_.damaged("is damaged: a table of a profile is not what it should be") : payload.error();
            return nullptr;
        }
        auto& piece = pieces_.emplace_back(std::make_unique_for_overwrite<std::uint64_t[]>(format::kTablePiece));
        for (std::size_t i = 0; i < words; ++i) piece[i] = format::load_u64(payload->data() + i * 8);
        return piece.get();
    }

private:
    const BlockFile& file_;
    std::uint32_t offset_;
    std::size_t size_;
    std::shared_ptr<std::optional<Error>> failure_;
    std::vector<std::unique_ptr<std::uint64_t[]>> pieces_;
};

Result<std::unique_ptr<CompiledPolicy>> CompiledPolicy::open(const CompiledCatalog& catalog) {
    if (catalog.policy_offset() == 0) return std::unique_ptr<CompiledPolicy>();
    std::unique_ptr<CompiledPolicy> policy(new CompiledPolicy(catalog.file()));
    Window scratch;
    Cursor cursor(TRY(catalog.file().block(catalog.policy_offset(), scratch)));
    policy->revision_ = cursor.u32();
    policy->revision_ |= std::uint64_t{cursor.u32()} << 32U;
    const auto loops = cursor.u32();
    policy->behaviour_.loops = loops == 0 ? std::nullopt : std::optional(loops == 1 ? LoopDetection::original : LoopDetection::fixed);
    policy->behaviour_.complain_replaces_missing_target = cursor.u32() != 0;
    policy->behaviour_.missing_stack_target_is_not_found = cursor.u32() != 0;
    policy->names_ = cursor.u32();
    policy->attachments_ = cursor.u32();
    if (!cursor.ok()) return catalog.file().damaged("is damaged: its policy ends too early");
    return policy;
}

Result<CompiledPolicy::Entry*> CompiledPolicy::entry_at(std::uint32_t offset) {
    for (const auto& known : entries_) {
        if (known->offset == offset) return known.get();
    }
    Window scratch;
    Cursor cursor(TRY(file_.block(offset, scratch)));
    const auto table = [&] {
        const std::size_t size = cursor.u32();
        const auto first = cursor.u32();
        return size == 0 ? Words() : Words(size, std::make_shared<Table>(file_, first, size, failure_));
    };
    const auto automaton = [&] {
        Automaton::Tables tables;
        for (auto* words : {&tables.states, &tables.edges, &tables.accept, &tables.permissions, &tables.classes}) *words = table();
        return Automaton(std::move(tables));
    };
    auto read = std::make_unique<Entry>();
    read->offset = offset;
    Profile& profile = read->profile;
    profile.name = cursor.text();
    profile.mode = cursor.tag<Mode>(static_cast<std::uint32_t>(Mode::unknown) + 1);
    profile.hat = cursor.u32() != 0;
    profile.path_flags = cursor.u32();
    const std::uint64_t low = cursor.u32();
    profile.capabilities = CapabilitySet(low | (std::uint64_t{cursor.u32()} << 32U));
    read->complete = cursor.u32() != 0;
    read->digest.file = cursor.text();
    read->digest.value = cursor.text();
    profile.targets = cursor.texts();
    profile.files_start = cursor.u32();
    profile.capability_start = cursor.u32();
    if (cursor.u32() != 0) {
        profile.attachment.emplace();
        profile.attachment->length = cursor.u32();
        profile.attachment->attributes = cursor.texts();
        profile.attachment->automaton = automaton();
    }
    profile.files = automaton();
    profile.capability_rules = automaton();
    if (!cursor.ok()) return file_.damaged("is damaged: a profile ends too early");
    entries_.push_back(std::move(read));
    return entries_.back().get();
}

Result<CompiledPolicy::Entry*> CompiledPolicy::entry(std::string_view name) {
    for (const auto& known : entries_) {
        if (known->profile.name == name) return known.get();
    }
    Window scratch;
    std::vector<std::uint32_t> found;
    TRY(file_.search(names_, KeyWalk(name), scratch, found));
    if (found.empty()) return static_cast<Entry*>(nullptr);
    return entry_at(found.front());
}

Error CompiledPolicy::unsure() {
    unsure_ = true;
    return {ErrorKind::config, "AppArmor policy has changed since the catalog was loaded: run 'aa-shimctl load'"};
}

Result<bool> CompiledPolicy::has_all_of(std::string_view profile) {
    const auto* const found = TRY(entry(profile));
    return found != nullptr && found->complete;
}

Result<std::optional<CompiledPolicy::Remembered>> CompiledPolicy::remembered(std::string_view profile) {
    const auto* const found = TRY(entry(profile));
    if (found == nullptr || !found->complete) return std::optional<Remembered>();
    return std::optional(Remembered{found->profile.mode, found->digest});
}

Result<void> CompiledPolicy::intact() const {
    if (*failure_) return **failure_;
    return {};
}

Result<const Profile*> CompiledPolicy::find(std::string_view name) {
    Entry* const found = TRY(entry(name));
    if (trust_ == Trust::profiles) {
        if (found == nullptr) return unsure();
        found->current = found->current || (!found->digest.file.empty() && is_current_(found->digest));
        if (!found->current) return unsure();
    }
    return found == nullptr ? static_cast<const Profile*>(nullptr) : &found->profile;
}

Result<std::vector<const Profile*>> CompiledPolicy::list(std::string_view parent, std::string_view path) {
    if (trust_ != Trust::all) return unsure();
    Window scratch;
    std::vector<std::uint32_t> found;
    TRY(file_.search(attachments_, KeyWalk(parent, path), scratch, found));
    std::sort(found.begin(), found.end());
    std::vector<const Profile*> result;
    result.reserve(found.size());
    for (const auto offset : found) result.push_back(&TRY(entry_at(offset))->profile);
    return result;
}

Result<std::vector<const Profile*>> CompiledPolicy::all() {
    return Error{ErrorKind::config, "the compiled catalog does not hold all profiles"};
}

}  // namespace aa::apparmor
