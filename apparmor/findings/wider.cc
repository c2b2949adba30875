// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "apparmor/catalog/gain.h"
#include "apparmor/findings/against_catalog.h"
#include "apparmor/findings/gains.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

class WiderProfiles {
public:
    WiderProfiles(const Catalog& catalog, Policy& policy, Findings& findings) : catalog_(catalog), policy_(policy), findings_(findings) {}

    void find() {
        if (const auto* otherwise = std::get_if<Use>(&catalog_.otherwise)) look_at_choices(*label_of(otherwise->confinement));
    }

private:
    // The label of a confinement by its name; empty if it has none of its own.
    [[nodiscard]] const std::string* label_of(const std::string& name) const {
        static const std::string kNone;
        const auto* confinement = catalog_.find(name);
        const auto* label = confinement != nullptr ? std::get_if<std::string>(&confinement->profile) : nullptr;
        return label != nullptr ? label : &kNone;
    }

    void look_at_choices(const std::string& otherwise) {
        if (otherwise.empty()) return;
        for (const auto& name : catalog_.otherwise_weaker ? std::vector<std::string>() : catalog_.otherwise_selectable) {
            look_at_choice(*label_of(name), otherwise, catalog_.otherwise_origin, concat({"any container may ask for ", quote(name)}));
        }
        for (const auto& rule : catalog_.rules) {
            if (rule.weaker || !is_creators_choice(rule.match)) continue;
            if (const auto* use = std::get_if<Use>(&rule.outcome)) {
                look_at_choice(*label_of(use->confinement), otherwise, rule.origin,
                               concat({"whoever starts a container can make this rule choose ", quote(use->confinement)}));
            }
            for (const auto& name : rule.selectable) {
                look_at_choice(*label_of(name), otherwise, rule.origin,
                               concat({"whoever makes this rule match may ask for ", quote(name)}));
            }
        }
    }

    void look_at_choice(const std::string& label, const std::string& otherwise, const Origin& origin, const std::string& who) {
        const auto gains = told_gains(policy_, label, otherwise);
        if (gains.empty()) return;
        add(origin,
            concat({who, ", whose profile ", quote(label), " allows what ", quote(otherwise), " of \"otherwise\" does not: ", gains}),
            "a rule that seems to tighten then loosens",
            "take it out of the profile, or say \"weaker\" where the catalog allows more, too");
    }

    void add(const Origin& origin, std::string problem, std::string why, std::string cure) {
        findings_.push_back({"AA508", origin, std::move(problem), std::move(why), std::move(cure), {}});
    }

    const Catalog& catalog_;
    Policy& policy_;
    Findings& findings_;
};

}  // namespace

void find_wider_profiles(const Catalog& catalog, Policy& policy, Findings& findings) { WiderProfiles(catalog, policy, findings).find(); }

}  // namespace aa::apparmor
