// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/put_in_force.h"

#include <fcntl.h>

#include <utility>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/findings/profiles.h"
#include "apparmor/load.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/catalog/revealed.h"
#include "ctl/catalog/runtime_features.h"
#include "shim/host_key.h"
#include "shim/log/counters.h"

namespace aa::ctl {
namespace {

using Remarks = std::vector<std::string>;

constexpr std::size_t kMaxCatalogBytes = std::size_t{1} << 30;

bool capabilities_only(const apparmor::Catalog& catalog) {
    return catalog.without_apparmor == apparmor::WithoutAppArmor::capabilities_only;
}

// The file beside the catalog at PATH that is called as the one at USUAL is.
std::string beside(const std::string& path, std::string_view usual) {
    return concat({path.substr(0, path.rfind('/') + 1), usual.substr(usual.rfind('/') + 1)});
}

// Has decisions counted beside the catalog at PATH. That they are not is no reason to refuse a catalog.
void count_from_now(const std::string& path, Remarks& remarks) {
    const auto counters = beside(path, shim::kCountersPath);
    if (const auto made = shim::make_counters(counters); !made) remarks.push_back("decisions are not counted: " + made.error().message);
}

// Puts into CATALOG what the runtime in use says that it interprets. aa-shim knows the documented ones anyway, so a runtime that says
// nothing sensible is a remark.
void ask_runtime(apparmor::Catalog& catalog, Remarks& remarks) {
    auto annotations = unsafe_annotations_of_runtime();
    if (annotations) {
        catalog.unsafe_annotations = *std::move(annotations);
    } else {
        remarks.push_back(annotations.error().message + "; only the documented ones are refused");
    }
}

// The catalog compiled where AppArmor is off for the reason WHY.
Result<std::string> compile_without_apparmor(const apparmor::Catalog& catalog, const Error& why, Remarks& remarks) {
    if (!capabilities_only(catalog)) {
        return Error{why.kind, why.message + "; or let the catalog say \"withoutAppArmor\": \"capabilities-only\""};
    }
    remarks.push_back("no profile is enforced: " + why.message + " (\"withoutAppArmor\": \"capabilities-only\")");
    for (const auto& confinement : catalog.confinements) {
        if (confinement.start != apparmor::Start::from_profile) continue;
        remarks.push_back(concat({"confinement ", quote(confinement.name), " (", confinement.origin.text(),
                                  ") says \"start\": \"from-profile\", which does nothing without AppArmor"}));
    }
    return apparmor::compile_catalog(catalog);
}

Result<std::string> compile_with_profiles(const Candidate& candidate, Remarks& remarks) {
    TRY(candidate.load_profiles());
    for (const auto& profile : TRY(apparmor::not_enforced(candidate.catalog, candidate.kernel))) {
        remarks.push_back("profile " + profile + ": nothing that it forbids is refused");
    }
    const auto state = TRY(apparmor::evaluate_profiles(candidate.catalog, candidate.kernel));
    if (!state.remark.empty()) remarks.push_back(state.remark);
    for (const auto& finding : apparmor::find_in_policy(candidate.catalog, *state.policy)) {
        if (finding.severity() != apparmor::Severity::note) remarks.push_back(concat({finding.origin.text(), ": ", finding.message()}));
    }
    return apparmor::compile_catalog(candidate.catalog, state.snapshot ? &*state.snapshot : nullptr);
}

// Writes down what is about to be published.
Result<void> begin(const Candidate& candidate, History& history, bool has_apparmor, std::string_view compiled) {
    return history.begin(TRY(candidate.keep(history, has_apparmor ? &candidate.kernel : nullptr, compiled)));
}

void not_kept(const Error& error, Remarks& remarks) {
    remarks.push_back("this load is not kept, and 'aa-shimctl load --rollback' will not find it: " + error.message);
}

}  // namespace

Result<std::optional<History>> open_history(const std::string& path) {
    if (path != apparmor::kCatalogPath) return std::optional<History>();
    const auto published = read_file_at(AT_FDCWD, path, kMaxCatalogBytes);
    if (!published && published.error().kind != ErrorKind::not_found) return published.error();
    return std::optional<History>(TRY(History::open(std::string(kHistoryDirectory), published ? published->text() : std::string_view())));
}

Result<Remarks> put_in_force(const Candidate& candidate, Result<std::optional<History>> history) {
    Remarks remarks;
    ask_runtime(candidate.catalog, remarks);
    TRY(shim::make_host_key(beside(candidate.path, shim::kHostKeyPath)));  // without it, no container can be started
    const auto enabled = candidate.kernel.require_enabled();
    const auto compiled =
        TRY(enabled ? compile_with_profiles(candidate, remarks) : compile_without_apparmor(candidate.catalog, enabled.error(), remarks));
    auto kept = history ? Result<void>() : Result<void>(history.error());
    const bool keeps = history && history->has_value();
    if (keeps) kept = begin(candidate, **history, enabled.has_value(), compiled);
    TRY(apparmor::publish_catalog(compiled, candidate.path));
    if (keeps && kept) kept = (*history)->commit();
    if (!kept) not_kept(kept.error(), remarks);
    count_from_now(candidate.path, remarks);
    if (enabled) {
        if (const auto done = forget_revealed(beside(candidate.path, kRevealedPath), candidate.kernel); !done)
            remarks.push_back(done.error().message);
    }
    return remarks;
}

}  // namespace aa::ctl
