// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/cluster.h"

#include <array>
#include <cstdlib>

#include "base/process.h"
#include "base/text.h"
#include "ctl/cli/command.h"

namespace aa::ctl::node {

namespace {

// By these a program in a pod finds the API server (Kubernetes documentation, "Accessing the Kubernetes API from a Pod").
constexpr std::array<const char*, 2> kServer = {"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"};

std::vector<std::string> environment() {
    std::vector<std::string> result = {"HOME=/tmp"};  // where kubectl keeps what it knows of the server's API
    for (const char* name : kServer) {
        if (const char* value = std::getenv(name)) result.push_back(concat({name, "=", value}));
    }
    return result;
}

std::string metadata(const Json& labels, const Json& annotations) {
    const Json document = {{"metadata", {{"labels", labels}, {"annotations", annotations}}}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json value_or_null(bool has_value, const std::string& value) { return has_value ? Json(value) : Json(); }

}  // namespace

Result<void> Cluster::patch(const std::string& document) const {
    if (node_.empty()) return {};
    // A merge patch: what is null in it is removed (RFC 7386).
    const auto outcome = TRY(run_command(
        {{kubectl_, "patch", "node", node_, "--type=merge", "--request-timeout=20s", "--patch=" + document}, {}, environment(), 60}));
    if (outcome.ok()) return {};
    return Error{ErrorKind::system, concat({"cannot tell the cluster about node ", quote(node_), ": kubectl: ", last_words(outcome)})};
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
