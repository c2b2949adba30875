// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/policy_snapshot.h"

#include <algorithm>

#include "base/text.h"

namespace aa::apparmor {
namespace {

// Places the tables of automata one behind the other, from an offset on.
class Tables {
public:
    explicit Tables(std::size_t offset) : next_(offset) {}

    // The descriptor of WORDS, which will lie behind those before it.
    void place(Payload& descriptor, const Words& words) {
        const std::size_t pieces = (words.size() + format::kTablePiece - 1) / format::kTablePiece;
        descriptor.u32(words.size()).u32(words.empty() ? 0 : next_);
        next_ += pieces * format::kBlockHead + words.size() * 8;
        placed_.push_back(&words);
    }

    void write(BlockWriter& file) const {
        for (const Words* words : placed_) write_table(file, *words);
    }

private:
    // In blocks that follow each other, so that each is found by its number.
    static void write_table(BlockWriter& file, const Words& words) {
        for (std::size_t start = 0; start < words.size(); start += format::kTablePiece) {
            Payload piece;
            const std::size_t end = std::min(words.size(), start + format::kTablePiece);
            for (std::size_t i = start; i < end; ++i) piece.u32(words[i] & 0xFFFFFFFFU).u32(words[i] >> 32U);
            file.add(piece);
        }
    }

    std::size_t next_;
    std::vector<const Words*> placed_;
};

void write_automaton(Tables& tables, Payload& descriptor, const Automaton& automaton) {
    const auto& parts = automaton.tables();
    for (const auto* words : {&parts.states, &parts.edges, &parts.accept, &parts.permissions, &parts.classes}) {
        tables.place(descriptor, *words);
    }
}

Payload profile_payload(Tables& tables, const SnapshotProfile& entry) {
    static const Automaton kNone;
    const Profile& profile = *entry.profile;
    Payload payload;
    payload.text(profile.name).tag(profile.mode).u32(profile.hat ? 1 : 0).u32(profile.path_flags);
    payload.u32(profile.capabilities.mask() & 0xFFFFFFFFU).u32(profile.capabilities.mask() >> 32U);
    payload.u32(entry.complete ? 1 : 0).text(entry.digest_file).text(entry.digest).texts(profile.targets);
    payload.u32(profile.files_start).u32(profile.capability_start).u32(profile.attachment ? 1 : 0);
    if (profile.attachment) {
        payload.u32(profile.attachment->length).texts(profile.attachment->attributes);
        write_automaton(tables, payload, profile.attachment->automaton);
    }
    write_automaton(tables, payload, entry.complete ? profile.files : kNone);
    write_automaton(tables, payload, entry.complete ? profile.capability_rules : kNone);
    return payload;
}

// What the paths that PROFILE attaches to begin with, as a key of the trie; nothing if it cannot attach at all.
std::string attachment_key(const Profile& profile) {
    std::string key(profile.parent());
    key += '\0';
    if (profile.attachment) return key + attachment_prefix(profile.attachment->automaton);
    // Without an attachment it is taken for a path that equals its name.
    key += profile.local_name();
    return key + '\0';
}

// Adds all but the tables: profiles, tries, the head. Tells where the head lies.
std::uint32_t add_profiles(BlockWriter& file, Tables& tables, const PolicySnapshot& snapshot) {
    std::vector<Leaf> names;
    std::vector<Leaf> attachments;
    // Blocks lie in the order of the kernel's lists, so that ascending offsets are that order.
    for (const auto& entry : snapshot.profiles) {
        const auto block = file.add(profile_payload(tables, entry));
        names.push_back({entry.profile->name + '\0', block});
        attachments.push_back({attachment_key(*entry.profile), block});
    }
    Payload head;
    head.u32(snapshot.revision & 0xFFFFFFFFU).u32(snapshot.revision >> 32U);
    const auto& loops = snapshot.behaviour.loops;
    head.u32(!loops ? 0 : *loops == LoopDetection::original ? 1 : 2);
    head.u32(snapshot.behaviour.complain_replaces_missing_target ? 1 : 0);
    head.u32(snapshot.behaviour.missing_stack_target_is_not_found ? 1 : 0);
    head.u32(add_trie(file, std::move(names)));
    head.u32(add_trie(file, std::move(attachments)));
    return file.add(head);
}

}  // namespace

std::string attachment_prefix(const Automaton& automaton) {
    constexpr std::size_t kLongest = 64;
    std::string prefix;
    StateId state = kStartState;
    while (prefix.size() < kLongest) {
        // The kernel's left match steps otherwise through such a state (see automaton.h).
        const bool differential = ((automaton.tables().states[state] >> 32U) & Automaton::kDifferential) != 0;
        if (differential || (automaton.permissions(state, true).allow & permission::kExec) != 0) return prefix;
        int only = -1;
        StateId next = kDeadState;
        for (int byte = 0; byte < 256; ++byte) {
            const StateId reached = automaton.step(state, static_cast<std::uint8_t>(byte));
            if (reached == kDeadState) continue;
            if (only >= 0) return prefix;
            only = byte;
            next = reached;
        }
        // A NUL byte stands for the value of an extended attribute, not for a character of the path.
        if (only <= 0) return prefix;
        prefix += static_cast<char>(only);
        state = next;
    }
    return prefix;
}

std::uint32_t add_policy(BlockWriter& file, const PolicySnapshot& snapshot) {
    // What every lookup needs stands in front, in the part of the file that is read at once. Its size does not depend on where
    // the tables lie, which is behind it.
    BlockWriter trial = file;
    Tables unplaced(0);
    add_profiles(trial, unplaced, snapshot);
    Tables tables(trial.size());
    const auto head = add_profiles(file, tables, snapshot);
    tables.write(file);
    return head;
}

}  // namespace aa::apparmor
