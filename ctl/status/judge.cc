// SPDX-License-Identifier: Apache-2.0
#include "ctl/status/judge.h"

#include <signal.h>

#include <cerrno>
#include <utility>

#include "shim/host_key.h"
#include "shim/observed.h"
#include "shim/record.h"

namespace aa::ctl::status {

Judge::Judge() : key_(shim::known_host_key()), policy_(kernel_), labels_(policy_) {
    if (const auto enabled = kernel_.require_enabled(); !enabled) apparmor_off_ = enabled.error().message;
    auto catalog = apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath));
    if (catalog) {
        catalog_ = *std::move(catalog);
    } else {
        no_catalog_ = catalog.error().message;
    }
}

Result<std::optional<shim::Decision>> Judge::record_of(const RunningContainer& container) const {
    if (!shim::claims_record(container.state)) return std::optional<shim::Decision>();
    if (!key_) return Error(key_.error());
    return shim::read_record(container.state, {container.root, container.state.bundle, container.id}, *key_);
}

Expected Judge::expected(const shim::Decision& decision) const {
    if (!catalog_) return expected_of(decision, nullptr);
    const auto confinement = catalog_->confinement(decision.confinement);
    return expected_of(decision, confinement ? &*confinement : nullptr);
}

std::optional<Judge::Seen> Judge::see(const Place& place) const {
    auto observed = shim::observe(kernel_, place.pid, !apparmor_off_);
    if (!observed && ::kill(place.pid, 0) != 0 && errno == ESRCH) return std::nullopt;
    ProcessReport report{place.pid, place.command, observed ? observed->label.label : std::string(), std::nullopt};
    return Seen{std::move(report), std::move(observed)};
}

std::optional<ProcessReport> Judge::look_at(const Place& place) const {
    auto seen = see(place);
    return seen ? std::optional(std::move(seen->report)) : std::nullopt;
}

std::optional<ProcessReport> Judge::judge(const Place& place, const Expected& expected, bool own_capabilities) {
    auto seen = see(place);
    if (!seen) return std::nullopt;
    seen->report.deviation = deviation_of(seen->observed, expected, own_capabilities);
    return std::move(seen->report);
}

std::optional<std::string> Judge::deviation_of(const std::optional<shim::Observed>& observed, const Expected& expected,
                                               bool own_capabilities) {
    if (!observed) return "it cannot be looked at";
    if (!apparmor_off_) return find_deviation(*observed, expected, own_capabilities, &labels_);
    if (expected.bounds.profile) return apparmor_off_;
    return find_deviation(*observed, expected, own_capabilities, nullptr);
}

}  // namespace aa::ctl::status
