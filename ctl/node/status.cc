// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/status.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "ctl/cli/output.h"

namespace aa::ctl::node {

namespace {

constexpr const char* kStatus = "/run/aa-shim/node-status";
constexpr const char* kWritten = "written";
constexpr double kStaleSeconds = 600;

// Seconds since the host was started, sleep included. The time of day may be set, and a node's is where it was started without a clock.
double now() {
    timespec time{};
    (void)::clock_gettime(CLOCK_BOOTTIME, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// How long ago the first process of our PID namespace was started, in seconds: of the host, or of the agent's container. Field 22 of
// its stat file, in ticks since the boot; the second is the program's name in parentheses (proc(5)).
std::optional<double> age_of_first_process() {
    const auto text = read_virtual_file(AT_FDCWD, "/proc/1/stat", 4096);
    if (!text) return std::nullopt;
    std::string_view rest(*text);
    rest.remove_prefix(std::min(rest.size(), rest.rfind(')') + 2));
    for (int field = 3; field < 22; ++field) rest.remove_prefix(std::min(rest.size(), rest.find(' ') + 1));
    unsigned long long ticks = 0;
    if (!parse_decimal(rest.substr(0, rest.find(' ')), ticks)) return std::nullopt;
    return now() - static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

Result<void> write_status(const Host& host, const Condition& condition) {
    TRY(host.make_directories("/run/aa-shim"));
    const Json document = {{"ready", condition.ready},
                           {"current", condition.current},
                           {"status", condition.status},
                           {"catalog", condition.catalog},
                           {kWritten, now()}};
    return host.write(kStatus, {document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"});
}

Result<Condition> read_status(const Host& host) {
    const Error none{ErrorKind::not_found, "the agent has not finished a round on this node since the last boot"};
    const auto file = TRY(host.read(kStatus));
    if (!file) return none;
    const auto document = Json::parse(file->text, nullptr, false);
    if (!document.is_object() || !document.contains(kWritten) || !document[kWritten].is_number())
        return Error{ErrorKind::system, concat({quote(kStatus), " is not what the agent wrote"})};
    const double age = now() - document[kWritten].get<double>();
    if (age < 0) return none;
    if (const auto ours = age_of_first_process(); ours && age > *ours) {
        return Error{ErrorKind::not_found, "the agent has not finished a round since its container was started"};
    }
    if (age > kStaleSeconds) {
        return Error{ErrorKind::system, concat({"the agent's last round was ", decimal(static_cast<long long>(age)), " seconds ago"})};
    }
    return Condition{document.value("ready", false), document.value("current", false), document.value("status", std::string()),
                     document.value("catalog", std::string())};
}

Result<void> remove_status(const Host& host) { return host.remove(kStatus); }

}  // namespace aa::ctl::node
