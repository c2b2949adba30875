// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "apparmor/algebra/comparison.h"
#include "apparmor/algebra/spelling.h"
#include "apparmor/policy/label.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr unsigned kClasses = 256;

const FileGrammar kFileTexts;
const MountGrammar kMountTexts;
const AnyGrammar kAnyTexts;

class Comparer {
public:
    Comparer(const RuleQuestion& question, Budget& budget) : question_(question), comparison_(question, budget) {}

    Difference run() {
        if (wanted(mediation::kFile)) compare_files();
        if (wanted(mediation::kCapability)) compare_capabilities();
        for (unsigned number = 0; number < kClasses; ++number) {
            const auto mediation_class = static_cast<std::uint8_t>(number);
            const bool elsewhere = mediation_class == mediation::kFile || mediation_class == mediation::kCapability ||
                                   mediation_class == mediation::kLabel || mediation_class == mediation::kNetworkV9;
            if (!elsewhere && wanted(mediation_class)) compare_class(mediation_class);
        }
        return std::move(comparison_.result());
    }

private:
    [[nodiscard]] bool wanted(std::uint8_t mediation_class) const {
        const auto& classes = question_.classes;
        return classes.empty() || std::find(classes.begin(), classes.end(), mediation_class) != classes.end();
    }

    void compare_files() {
        if (comparison_.outside_allows_all(mediation::kFile) || comparison_.same(mediation::kFile)) return;
        Question question = comparison_.asked(kFileTexts, Shape::paths, mediation::kFile);
        question.mask = question_.files;
        const auto patterns = comparison_.covered(question).patterns;
        for (const auto& pattern : patterns) {
            for (const Granted part : parts_of(pattern.granted)) {
                if ((part.either() & permission::kOnExec) != 0 && changes_at_once(patterns, pattern.witness)) continue;
                comparison_.add(mediation::kFile, file_rule(pattern.glob.text(), part),
                                file_rule(Glob::literal(pattern.witness).text(), part), pattern.partly);
            }
        }
    }

    // Whoever may change to a label at once may do so with the next exec.
    static bool changes_at_once(const std::vector<Pattern>& patterns, std::string_view pair) {
        const auto label = pair.substr(pair.find('\0') + 1);
        return std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& pattern) {
            return (pattern.granted.either() & permission::kChangeProfile) != 0 && pattern.glob.matches(label);
        });
    }

    // What has to be said in rules of their own.
    static std::vector<Granted> parts_of(Granted granted) {
        constexpr std::uint32_t kChanges = permission::kChangeProfile | permission::kOnExec;
        std::vector<Granted> parts;
        const std::uint32_t always = granted.owner & granted.other & ~kChanges;
        if (always != 0) parts.push_back(all_of(always));
        if (const std::uint32_t owner = granted.owner & ~granted.other & ~kChanges; owner != 0) parts.push_back({owner, 0});
        if (const std::uint32_t other = granted.other & ~granted.owner & ~kChanges; other != 0) parts.push_back({0, other});
        for (const std::uint32_t change : {permission::kChangeProfile, permission::kOnExec}) {
            if ((granted.either() & change) != 0) parts.push_back(all_of(change));
        }
        return parts;
    }

    static CapabilitySet capabilities_of(const Confining& profiles) {
        CapabilitySet result = CapabilitySet::all();
        for (const auto* profile : profiles) result = result & profile->rule_capabilities();
        return result;
    }

    void compare_capabilities() {
        CapabilitySet allowed = CapabilitySet::all();
        for (const auto& profiles : question_.inside) allowed = allowed & capabilities_of(profiles);
        if (question_.outside != nullptr) allowed = allowed - capabilities_of(*question_.outside);
        for (unsigned capability = 0; capability < CapabilitySet::kKnown; ++capability) {
            if (!allowed.has(capability)) continue;
            const std::string rule = capability_rule(capability);
            comparison_.add(mediation::kCapability, rule, rule);
        }
    }

    void compare_class(std::uint8_t mediation_class) {
        if (comparison_.unmediated(mediation_class)) {
            note_unmediated(mediation_class);
            return;
        }
        if (comparison_.outside_allows_all(mediation_class) || comparison_.same(mediation_class)) return;
        switch (mediation_class) {
            case mediation::kSignal:
                return compare_signals(comparison_);
            case mediation::kNetwork:
                return compare_sockets(comparison_);
            case mediation::kNamespace:
                return compare_namespaces();
            case mediation::kPtrace:
                return compare_ptrace(comparison_);
            case mediation::kIoUring:
                return compare_io_uring(comparison_);
            case mediation::kMount:
                return compare_texts(kMountTexts, Shape::fields, mediation_class);
            default:
                return compare_texts(AnyGrammar(text_permissions(mediation_class)), Shape::fields, mediation_class);
        }
    }

    // Classes that have a name: of the others nobody would expect a rule.
    void note_unmediated(std::uint8_t mediation_class) {
        static constexpr std::array kNamed = {mediation::kMount,        mediation::kPtrace,    mediation::kSignal,  mediation::kNetwork,
                                              mediation::kMessageQueue, mediation::kNamespace, mediation::kIoUring, mediation::kDbus};
        if (std::find(kNamed.begin(), kNamed.end(), mediation_class) == kNamed.end()) return;
        comparison_.result().unmediated.push_back(class_name(mediation_class));
    }

    static std::string rule_of(std::uint8_t mediation_class, std::uint32_t permissions, std::string_view glob) {
        if (mediation_class == mediation::kPtrace) return ptrace_rule(permissions, glob);
        if (mediation_class == mediation::kIoUring) return io_uring_rule(permissions, glob);
        if (mediation_class == mediation::kMount) return mount_rule(permissions, glob);
        return other_rule(mediation_class, permissions, glob);
    }

    void compare_texts(const Grammar& grammar, Shape shape, std::uint8_t mediation_class) {
        for (const auto& pattern : comparison_.covered(comparison_.asked(grammar, shape, mediation_class)).patterns) {
            // Mounting, unmounting and so on are said in rules of their own; other permissions of a text in one.
            std::uint32_t left = pattern.granted.either();
            while (left != 0) {
                const std::uint32_t some = mediation_class == mediation::kMount ? left & (~left + 1) : left;
                left &= ~some;
                comparison_.add(mediation_class, rule_of(mediation_class, some, pattern.glob.text()),
                                rule_of(mediation_class, some, Glob::literal(pattern.witness).text()));
            }
        }
    }

    // AA_USERNS_CREATE where the class begins (security/apparmor/task.c, aa_profile_ns_perm).
    void compare_namespaces() {
        const auto question = comparison_.asked(kAnyTexts, Shape::fields, mediation::kNamespace);
        const std::uint32_t left = gained_at_start(question, access::kCreateNamespace);
        if (left != 0) comparison_.add(mediation::kNamespace, "userns", "userns");
    }

    const RuleQuestion& question_;
    Comparison comparison_;
};

}  // namespace

Result<Confining> confining_profiles(Policy& policy, std::string_view label) {
    Confining result;
    for (const auto component : TRY(label_components(label))) {
        if (component == kUnconfined) continue;
        const Profile* profile = TRY(find_component(policy, component));
        if (profile->mode == Mode::enforce || profile->mode == Mode::kill) result.push_back(profile);
    }
    return result;
}

Difference allowed_rules(const RuleQuestion& question, Budget& budget) { return Comparer(question, budget).run(); }

}  // namespace aa::apparmor
