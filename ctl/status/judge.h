// SPDX-License-Identifier: Apache-2.0
//
// Judges processes by what was decided on their container: what the kernel says of them now, against the record, the catalog in force and
// the policy in the kernel. As of when it was made: whoever goes on for long makes a new one for each look.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/policy/loaded_policy.h"
#include "base/result.h"
#include "base/siphash.h"
#include "ctl/containers/running.h"
#include "ctl/status/places.h"
#include "ctl/status/report.h"
#include "ctl/status/standing.h"
#include "shim/decision.h"

namespace aa::ctl::status {

class Judge {
public:
    Judge();

    [[nodiscard]] const apparmor::Kernel& kernel() const { return kernel_; }
    [[nodiscard]] const std::optional<apparmor::CompiledCatalog>& catalog() const { return catalog_; }
    [[nodiscard]] const std::string& no_catalog() const { return no_catalog_; }                     // why there is none
    [[nodiscard]] const std::optional<std::string>& apparmor_off() const { return apparmor_off_; }  // why

    // What was decided on CONTAINER; nothing if aa-shim did not start it.
    [[nodiscard]] Result<std::optional<shim::Decision>> record_of(const RunningContainer& container) const;

    // What the processes of a container may be on which DECISION was made, by the catalog of today.
    [[nodiscard]] Expected expected(const shim::Decision& decision) const;

    // What PLACE's process looks like, without a judgement; nothing if it has ended.
    [[nodiscard]] std::optional<ProcessReport> look_at(const Place& place) const;

    // The same with what of it is not EXPECTED. OWN_CAPABILITIES: it is in the container's user namespace (find_deviation()).
    [[nodiscard]] std::optional<ProcessReport> judge(const Place& place, const Expected& expected, bool own_capabilities);

private:
    struct Seen {
        ProcessReport report;
        std::optional<shim::Observed> observed;
    };
    [[nodiscard]] std::optional<Seen> see(const Place& place) const;
    [[nodiscard]] std::optional<std::string> deviation_of(const std::optional<shim::Observed>& observed, const Expected& expected,
                                                          bool own_capabilities);

    const Result<SipKey> key_;
    apparmor::Kernel kernel_;
    apparmor::LoadedPolicy policy_;
    Labels labels_;
    std::optional<apparmor::CompiledCatalog> catalog_;
    std::string no_catalog_;
    std::optional<std::string> apparmor_off_;
};

}  // namespace aa::ctl::status
