// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/attachment.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace aa::apparmor {
namespace {

// A profile that attaches to the file, were it alone.
struct Candidate {
    const Profile* profile = nullptr;
    bool exact = false;            // it has the file's path for a name, and no attachment
    std::uint32_t count = 0;       // bytes of the path that it matches literally
    std::uint32_t attributes = 0;  // extended attributes that it found
};

bool accepts(const Automaton& automaton, StateId state) { return (automaton.permissions(state, true).allow & permission::kExec) != 0; }

// How many of the attributes FILE has with values that fit; nothing if it does not fit. STATE is where the path led.
Result<std::optional<std::uint32_t>> match_attributes(const Profile& profile, StateId state, const ExecFile& file) {
    using Found = std::optional<std::uint32_t>;
    const Attachment& attachment = *profile.attachment;
    if (attachment.attributes.empty()) return Found(0);
    if (!file.attribute) {
        return Error{ErrorKind::config, concat({"cannot evaluate whether profile ", quote(profile.name), " attaches to ", quote(file.path),
                                                ": it looks at extended attributes, which are not known"})};
    }
    std::uint32_t found = 0;
    state = attachment.automaton.out_of_band(state);
    for (const std::string& name : attachment.attributes) {
        const auto value = file.attribute(name);
        if (value) {
            state = attachment.automaton.match(attachment.automaton.step(state, 0), *value);
            if (!accepts(attachment.automaton, state)) return Found();
            ++found;
        }
        state = attachment.automaton.out_of_band(state);
        if (!value && state == kDeadState) return Found();
    }
    return Found(found);
}

Result<std::optional<Candidate>> candidate(const Profile& profile, const ExecFile& file, LoopDetection loops) {
    if (!profile.attachment) {
        if (profile.local_name() != file.path) return std::optional<Candidate>();
        return std::optional(Candidate{.profile = &profile, .exact = true});
    }
    const auto match = profile.attachment->automaton.left_match(file.path, loops);
    if (!accepts(profile.attachment->automaton, match.state)) return std::optional<Candidate>();
    const auto attributes = TRY(match_attributes(profile, match.state, file));
    if (!attributes) return std::optional<Candidate>();
    return std::optional(Candidate{.profile = &profile, .count = match.length, .attributes = *attributes});
}

// The walk over CANDIDATES. What was best counts as at least as long as its compiler said, but only from then on: hence an
// order may matter. Where nothing was found yet, a match of no length conflicts with it.
Attached choose(const std::vector<Candidate>& candidates) {
    Attached best;
    std::uint32_t length = 0;
    std::uint32_t attributes = 0;
    for (const Candidate& next : candidates) {
        if (next.exact) return {.profile = next.profile};
        if (next.count < length) continue;
        if (next.count == length && next.attributes <= attributes) {
            if (next.attributes == attributes) best.conflict = true;
            continue;
        }
        best = {.profile = next.profile};
        length = std::max(next.count, next.profile->attachment->length);
        attributes = next.attributes;
    }
    if (best.conflict) best.profile = nullptr;
    return best;
}

Result<Attached> find_among(const std::vector<const Profile*>& list, const ExecFile& file, LoopDetection loops) {
    std::vector<Candidate> candidates;
    for (const Profile* profile : list) {
        if (const auto found = TRY(candidate(*profile, file, loops))) candidates.push_back(*found);
    }
    Attached attached = choose(candidates);
    std::reverse(candidates.begin(), candidates.end());
    attached.ambiguous = attached.conflict || choose(candidates).profile != attached.profile;
    return attached;
}

}  // namespace

Result<Attached> find_attachment(Policy& policy, std::string_view parent, const ExecFile& file) {
    const auto list = TRY(policy.list(parent, file.path));
    const auto known = policy.behaviour().loops;
    const auto attached = TRY(find_among(list, file, known.value_or(LoopDetection::fixed)));
    if (known || TRY(find_among(list, file, LoopDetection::original)).profile == attached.profile) return attached;
    return Error{ErrorKind::config, concat({"cannot evaluate which profile attaches to ", quote(file.path),
                                            ": releases of this kernel compare attachments in two ways, and they differ here; let the "
                                            "rule name its target ('-> PROFILE')"})};
}

}  // namespace aa::apparmor
