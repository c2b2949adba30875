// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/comparison.h"

#include <algorithm>
#include <utility>

namespace aa::apparmor {

namespace {

bool equal(const Words& a, const Words& b) {
    std::size_t at = 0;
    while (a.size() == b.size() && at < a.size() && a[at] == b[at]) ++at;
    return a.size() == b.size() && at == a.size();
}

bool equal(const Automaton& a, const Automaton& b) {
    const auto& ours = a.tables();
    const auto& theirs = b.tables();
    return equal(ours.states, theirs.states) && equal(ours.edges, theirs.edges) && equal(ours.accept, theirs.accept) &&
           equal(ours.permissions, theirs.permissions) && equal(ours.classes, theirs.classes);
}

Operand operand_of(const Confining& profiles, std::uint8_t mediation_class) {
    Operand operand;
    for (const auto* profile : profiles) {
        if (mediation_class == mediation::kFile) {
            operand.push_back({&profile->files, profile->files.empty() ? kDeadState : profile->files_start});
        } else if (const StateId start = start_of(*profile, mediation_class); start != kDeadState) {
            operand.push_back({&profile->rules, start});
        }
    }
    return operand;
}

}  // namespace

// Of sockets the kernel looks at the newer class if the policy has it (security/apparmor/include/policy.h, RULE_MEDIATES_NET).
StateId start_of(const Profile& profile, std::uint8_t mediation_class) {
    if (mediation_class != mediation::kNetwork) return profile.rules_of(mediation_class);
    const StateId newer = profile.rules_of(mediation::kNetworkV9);
    return newer != kDeadState ? newer : profile.rules_of(mediation::kNetwork);
}

bool mediates(const Confining& profiles, std::uint8_t mediation_class) { return !operand_of(profiles, mediation_class).empty(); }

bool Comparison::unmediated(std::uint8_t mediation_class) const {
    const auto is_mediated = [&](const Confining& profiles) { return mediates(profiles, mediation_class); };
    return std::none_of(question_.inside.begin(), question_.inside.end(), is_mediated) &&
           (question_.outside == nullptr || !is_mediated(*question_.outside));
}

// One answer for files, one for all other classes, which are in one automaton.
bool Comparison::same(std::uint8_t mediation_class) {
    const bool files = mediation_class == mediation::kFile;
    auto& known = same_[files ? 1 : 0];
    if (known) return *known;
    known = false;
    if (question_.outside == nullptr || question_.outside->size() != 1 || question_.own != question_.their_own) return false;
    const Profile& theirs = *question_.outside->front();
    known = std::any_of(question_.inside.begin(), question_.inside.end(), [&](const Confining& profiles) {
        return std::any_of(profiles.begin(), profiles.end(), [&](const Profile* ours) {
            return files ? ours->files_start == theirs.files_start && equal(ours->files, theirs.files)
                         : ours->rules_start == theirs.rules_start && equal(ours->rules, theirs.rules);
        });
    });
    return *known;
}

bool Comparison::outside_allows_all(std::uint8_t mediation_class) const {
    return question_.outside != nullptr && !mediates(*question_.outside, mediation_class);
}

// One for files, one for all other classes.
const Alphabet& Comparison::alphabet_of(std::uint8_t mediation_class) {
    const bool files = mediation_class == mediation::kFile;
    auto& alphabet = alphabets_[files ? 1 : 0];
    if (alphabet) return *alphabet;
    alphabet.emplace();
    const auto split = [&](const Confining& profiles) {
        for (const auto* profile : profiles) alphabet->split_by(files ? profile->files : profile->rules);
    };
    for (const auto& profiles : question_.inside) split(profiles);
    if (question_.outside != nullptr) split(*question_.outside);
    return *alphabet;
}

Question Comparison::asked(const Grammar& grammar, Shape shape, std::uint8_t mediation_class, std::string_view prefix) {
    Question question{grammar, shape, {}, {}, alphabet_of(mediation_class), kEverything, {}};
    for (const auto& profiles : question_.inside) question.inside.push_back(operand_of(profiles, mediation_class));
    if (question_.outside != nullptr) question.outside.push_back(operand_of(*question_.outside, mediation_class));
    const auto step = [&](std::vector<Operand>& operands) {
        for (auto& operand : operands) {
            for (auto& part : operand) part.start = part.automaton->match(part.start, prefix);
        }
    };
    step(question.inside);
    step(question.outside);
    return question;
}

Cover Comparison::covered(const Question& question) {
    auto found = cover(question, budget_, question_.most);
    result_.complete = result_.complete && found.complete;
    result_.proved = result_.proved && found.proved;
    return found;
}

void Comparison::add(std::uint8_t mediation_class, std::string rule, std::string example, bool partly) {
    const auto said = [&](const Allowance& allowance) { return allowance.rule == rule; };
    if (std::any_of(result_.allowances.begin(), result_.allowances.end(), said)) return;
    result_.allowances.push_back({mediation_class, std::move(rule), std::move(example), partly});
}

std::uint32_t allowed_at_start(const Operand& operand) {
    std::uint32_t result = ~std::uint32_t{0};
    for (const auto& part : operand) {
        const auto permissions = part.automaton->permissions(part.start, true);
        result &= permissions.allow & ~permissions.deny;
    }
    return result;
}

std::uint32_t gained_at_start(const Question& question, std::uint32_t wanted) {
    for (const auto& operand : question.inside) wanted &= allowed_at_start(operand);
    for (const auto& operand : question.outside) wanted &= ~allowed_at_start(operand);
    return wanted;
}

}  // namespace aa::apparmor
