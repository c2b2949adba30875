// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/cluster.h"

#include "base/process.h"
#include "base/text.h"
#include "ctl/cli/output.h"
#include "ctl/node/kubeconfig.h"

namespace aa::ctl::node {

namespace {

std::string metadata(const Json& labels, const Json& annotations) {
    const Json document = {{"metadata", {{"labels", labels}, {"annotations", annotations}}}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json value_or_null(bool has_value, const std::string& value) { return has_value ? Json(value) : Json(); }

}  // namespace

Result<void> Cluster::patch(const std::string& document) const {
    if (node_.empty()) return {};
    const std::string what = concat({"cannot tell the cluster about node ", quote(node_)});
    auto environment = TRY(kubectl_environment().context(what));
    // A merge patch: what is null in it is removed (RFC 7386).
    const auto outcome =
        TRY(run_command({{kubectl_, "patch", "node", node_, "--type=merge", "--request-timeout=20s", "--patch=" + document},
                         {},
                         std::move(environment),
                         60})
                .context(what));
    if (outcome.ok()) return {};
    return Error{ErrorKind::system, concat({what, ": kubectl: ", last_words(outcome)})};
}

Result<void> Cluster::tell(const Condition& condition) const {
    return patch(metadata(
        {{"aa-shim/ready", value_or_null(condition.ready, "true")}},
        {{"aa-shim/status", condition.status}, {"aa-shim/catalog", value_or_null(!condition.catalog.empty(), condition.catalog)}}));
}

Result<void> Cluster::forget() const {
    return patch(metadata({{"aa-shim/ready", Json()}}, {{"aa-shim/status", Json()}, {"aa-shim/catalog", Json()}}));
}

}  // namespace aa::ctl::node
