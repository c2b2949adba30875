// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/whom.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <variant>

#include "apparmor/kernel/profile_name.h"
#include "base/text.h"
#include "ctl/containers/running.h"
#include "ctl/status/places.h"
#include "shim/exec_decision.h"
#include "shim/host_key.h"
#include "shim/record.h"

namespace aa::ctl {
namespace {

constexpr std::size_t kMostTold = 10;

struct Touched {
    std::string container, confinement;  // empty: not started by aa-shim
    bool is_meant = false;
};

bool begins_as(const std::string& id, const std::vector<std::string>& beginnings) {
    return beginnings.empty() || std::any_of(beginnings.begin(), beginnings.end(), [&](const auto& one) { return id.starts_with(one); });
}

// The confinement that FOUND was started under; empty: aa-shim did not start it.
std::string confinement_of(const FoundContainer& found, const Result<SipKey>& key) {
    if (!key || !shim::claims_record(*found.state)) return {};
    const auto record = shim::read_record(*found.state, {found.root, found.state->bundle, found.id}, *key);
    return record && *record ? (*record)->confinement : std::string();
}

// The other confinements of CATALOG whose containers, or execs, are under the profile.
Result<std::vector<std::string>> others_that_use_it(const apparmor::CompiledCatalog& catalog, const InPlaceWish& wish) {
    std::vector<std::string> others;
    for (const auto& one : TRY(catalog.confinements())) {
        const auto* profile = std::get_if<std::string>(&one.profile);
        auto labels = shim::exec_rule_labels(one, profile == nullptr ? std::string() : *profile);
        if (profile != nullptr) labels.push_back(*profile);
        const bool uses =
            std::any_of(labels.begin(), labels.end(), [&](const auto& label) { return apparmor::is_under(label, wish.profile); });
        if (uses && one.name != wish.confinement) others.push_back(concat({"confinement ", quote(one.name)}));
    }
    return others;
}

// What runs under the profile now.
class Look {
public:
    Look(const apparmor::Kernel& kernel, const InPlaceWish& wish) : kernel_(kernel), wish_(wish) {}

    Result<void> run() {
        const auto places = TRY(status::read_places());
        const auto key = shim::known_host_key();
        std::vector<pid_t> inits;
        for (const auto& found : find_all({})) {
            if (!found.state || found.state->init_pid == 0) continue;
            auto confinement = confinement_of(found, key);
            const bool is_meant = confinement == wish_.confinement && begins_as(found.id, wish_.containers);
            inits.push_back(found.state->init_pid);
            all_.push_back({found.id, std::move(confinement), is_meant});
        }
        const auto self = status::place_of(::getpid());
        if (!self) return Error{ErrorKind::system, "/proc does not show this process: is it the host's?"};
        const status::Sharing sharing(places, inits, *self);
        for (const auto& place : places) {
            const auto label = kernel_.task_label(place.pid);
            if (!label || !apparmor::is_under(label->label, wish_.profile)) continue;
            const auto number = sharing.container_of(place);
            if (number) containers_.insert(*number);
            if (!number) processes_.push_back(concat({"process ", decimal(place.pid), " (", quote(place.command), ")"}));
        }
        return {};
    }

    // Containers and processes that nobody named.
    [[nodiscard]] std::vector<std::string> not_meant() const {
        std::vector<std::string> result;
        for (const auto number : containers_) {
            const auto& [id, confinement, is_meant] = all_[number];
            if (is_meant) continue;
            const auto whose =
                confinement.empty() ? std::string("which aa-shim did not start") : concat({"of confinement ", quote(confinement)});
            result.push_back(concat({"container ", quote(id), " (", whose, ")"}));
        }
        result.insert(result.end(), processes_.begin(), processes_.end());
        return result;
    }

    // The beginning of an ID with which none of those begins that are meant; empty: there is none.
    [[nodiscard]] std::string missing() const {
        for (const auto& beginning : wish_.containers) {
            const bool runs = std::any_of(containers_.begin(), containers_.end(), [&](std::size_t number) {
                return all_[number].is_meant && all_[number].container.starts_with(beginning);
            });
            if (!runs) return beginning;
        }
        return {};
    }

    [[nodiscard]] std::size_t containers() const { return containers_.size(); }

private:
    const apparmor::Kernel& kernel_;
    const InPlaceWish& wish_;
    std::vector<Touched> all_;
    std::set<std::size_t> containers_;  // of all
    std::vector<std::string> processes_;
};

std::string listed(const std::vector<std::string>& all) {
    std::vector<std::string> told(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kMostTold)));
    if (all.size() > kMostTold) told.push_back(concat({decimal(static_cast<long long>(all.size() - kMostTold)), " more"}));
    return join(told, ", ");
}

}  // namespace

Result<std::string> whom_it_touches(const apparmor::Kernel& kernel, const apparmor::CompiledCatalog& catalog, const InPlaceWish& wish) {
    auto others = TRY(others_that_use_it(catalog, wish));
    Look look(kernel, wish);
    TRY(look.run());
    if (const auto missing = look.missing(); !missing.empty()) {
        return Error{ErrorKind::not_found, concat({"no container whose ID begins with ", quote(missing), " runs under profile ",
                                                   quote(wish.profile), " by confinement ", quote(wish.confinement)})};
    }
    const auto strangers = look.not_meant();
    others.insert(others.end(), strangers.begin(), strangers.end());
    if (!others.empty() && !wish.shared) {
        return Error{ErrorKind::config, concat({"profile ", quote(wish.profile), " would forbid next to nothing to more than was named: ",
                                                listed(others), "; say --shared if that is meant"})};
    }
    const auto count = concat({decimal(static_cast<long long>(look.containers())), " containers that run"});
    return concat({"all that is under it, ", count, others.empty() ? "" : ", ", listed(others), ", and each that is started under it"});
}

}  // namespace aa::ctl
