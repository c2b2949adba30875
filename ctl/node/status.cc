// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/status.h"

#include <ctime>

#include "base/text.h"
#include "ctl/cli/command.h"

namespace aa::ctl::node {

namespace {

constexpr const char* kStatus = "/run/aa-shim/node-status";
constexpr long kStaleSeconds = 600;

}  // namespace

Result<void> write_status(const Host& host, const Condition& condition) {
    TRY(host.make_directories("/run/aa-shim"));
    const Json document = {
        {"ready", condition.ready}, {"current", condition.current}, {"status", condition.status}, {"catalog", condition.catalog}};
    return host.write(kStatus, {document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"});
}

Result<Condition> read_status(const Host& host) {
    const auto written = host.status(kStatus);
    const auto file = TRY(host.read(kStatus));
    if (!written || !file) return Error{ErrorKind::not_found, "the agent has not finished a round on this node since the last boot"};
    const long age = ::time(nullptr) - written->st_mtim.tv_sec;
    if (age > kStaleSeconds) return Error{ErrorKind::system, concat({"the agent's last round was ", decimal(age), " seconds ago"})};
    const auto document = Json::parse(file->text, nullptr, false);
    if (!document.is_object()) return Error{ErrorKind::system, concat({quote(kStatus), " is not what the agent wrote"})};
    return Condition{document.value("ready", false), document.value("current", false), document.value("status", std::string()),
                     document.value("catalog", std::string())};
}

Result<void> remove_status(const Host& host) { return host.remove(kStatus); }

}  // namespace aa::ctl::node
