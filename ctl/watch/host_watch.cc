// SPDX-License-Identifier: Apache-2.0
#include "ctl/watch/host_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "apparmor/load.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/cli/ending.h"
#include "oci/state/state.h"
#include "shim/watched_process.h"

namespace aa::ctl::watch {
namespace {

using std::chrono::steady_clock;

// Between two looks at everything for the sake of containers that are not known yet, at least.
constexpr std::chrono::milliseconds kForNewContainers{250};

// What of the policy is another one. Nothing while a load is under way, which replaces profiles before it publishes their catalog.
Result<std::vector<apparmor::Drift>> look_at_policy(const status::Judge& judge) {
    std::vector<apparmor::Drift> none;
    if (judge.apparmor_off()) return none;
    const std::string path(apparmor::kCatalogPath);
    const auto lock = TRY(apparmor::try_to_hold_loads(path));
    if (!lock) return none;
    const auto catalog = apparmor::CompiledCatalog::open(path);
    if (!catalog) return none;  // which is a finding of its own
    return apparmor::find_drift(*catalog, judge.kernel());
}

// Whether PID may still be the runtime's own program, on its way into a container: runc executes itself from a memory file, or from a mount of its
// own of which no path is left, or only the name (libcontainer/nsenter/cloned_binary.c, libcontainer/dmz); crun from its file. What calls itself so
// in a container gains two seconds.
bool may_be_runtime(pid_t pid) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlink(concat({"/proc/", decimal(pid), "/exe"}).c_str(), target.data(), target.size());
    if (size <= 0) return true;
    std::string_view path(target.data(), static_cast<std::size_t>(size));
    path = path.substr(0, path.rfind(" (deleted)"));
    const auto name = path.substr(path.rfind('/') + 1);
    return path.starts_with("/memfd:") || name.empty() || name == "runc" || name == "crun";
}

// Whether REPORT's container may have programs executed in it that are not its own: its program has not begun, or hooks come before that.
bool is_on_its_way(const status::ContainerReport& report) {
    return report.decision->start_hooks || oci::waits_for_start(report.root, report.id);
}

}  // namespace

void HostWatch::begin() {
    auto events = ExecEvents::open();
    if (events) {
        events_ = *std::move(events);
    } else {
        blind_ = events.error().message;
    }
}

Result<void> HostWatch::run() {
    const Fd signals = TRY(end_signals());
    const Fd end = TRY(end_after(settings_.seconds));
    std::array<pollfd, 3> wait{{{signals.get(), POLLIN, 0}, {end.get(), POLLIN, 0}, {events_ ? events_->fd() : -1, POLLIN, 0}}};
    for (;;) {
        if (steady_clock::now() >= next_ && !TRY(look_at_all())) return {};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ - steady_clock::now()).count();
        const int ready = ::poll(wait.data(), wait.size(), static_cast<int>(std::clamp<long long>(left, 0, INT_MAX)));
        if (ready < 0 && errno != EINTR) return errno_error("wait for", "what happens", errno);
        if (ready > 0 && (wait[0].revents != 0 || wait[1].revents != 0)) return {};
        if (ready > 0 && !TRY(look_at_execs())) return {};
    }
}

Result<bool> HostWatch::look_at_all() {
    const auto now = steady_clock::now();
    next_ = now + std::chrono::seconds(settings_.every);
    not_before_ = now + kForNewContainers;
    auto survey = TRY(status::take_survey(settings_.survey));
    const auto drift = TRY(look_at_policy(status::Judge()));
    auto found = findings_of(survey, drift);
    remember(std::move(survey.containers));
    for (const auto& finding : ledger_.take(std::move(found), steady_clock::now())) {
        if (!hand_on(finding)) return false;
    }
    return true;
}

void HostWatch::remember(std::vector<status::ContainerReport> containers) {
    watched_.clear();
    std::vector<status::Place> places;
    if (const auto host = status::place_of(1)) places.push_back(*host);
    std::vector<pid_t> inits;
    self_ = status::place_of(::getpid()).value_or(status::Place());
    for (auto& report : containers) {
        auto place = report.init == 0 ? std::nullopt : status::place_of(report.init);
        if (!place) continue;
        places.push_back(*place);
        inits.push_back(report.init);
        watched_.push_back({std::move(report), *std::move(place)});
    }
    sharing_.emplace(places, inits, self_);
}

Result<bool> HostWatch::look_at_execs() {
    for (const pid_t pid : TRY(events_->read())) {
        const auto finding = look_at_exec(pid);
        if (finding && ledger_.take_one(*finding, steady_clock::now()) && !hand_on(*finding)) return false;
    }
    return true;
}

std::optional<Finding> HostWatch::look_at_exec(pid_t pid) {
    const auto place = status::place_of(pid);
    if (!place || (place->mount_namespace == self_.mount_namespace && place->pid_namespace == self_.pid_namespace)) return std::nullopt;
    const auto number = sharing_->container_of(*place);
    if (!number) {
        if (place->pid_namespace != self_.pid_namespace) next_ = std::min(next_, not_before_);
        return std::nullopt;
    }
    const auto& [report, first] = watched_[*number];
    if (!report.decision || report.decision->pass || may_be_runtime(pid) || is_on_its_way(report)) return std::nullopt;
    const bool own_capabilities = place->user_namespace == first.user_namespace;
    status::Judge judge;
    const auto process = judge.judge(*place, judge.expected(*report.decision), own_capabilities);
    if (!process || !process->deviation) return std::nullopt;
    return found_process(report, *process);
}

const HostWatch::Watched* HostWatch::find(const Finding& finding) const {
    const auto found = std::find_if(watched_.begin(), watched_.end(), [&](const Watched& one) {
        return one.report.root == finding.root && one.report.id == finding.container;
    });
    return found == watched_.end() ? nullptr : &*found;
}

// It is the process that is looked at once more which is killed, or none: what the number stands for cannot have ended and come again in between.
bool HostWatch::kill_if_it_deviates(const Finding& finding) const {
    const auto* const watched = find(finding);
    const shim::WatchedProcess process(finding.process.pid);
    const auto place = status::place_of(process.pid());
    if (watched == nullptr || !place) return false;
    const auto number = sharing_->container_of(*place);
    if (!number || &watched_[*number] != watched) return false;
    status::Judge judge;
    const auto expected = judge.expected(*watched->report.decision);
    const auto report = judge.judge(*place, expected, place->user_namespace == watched->first.user_namespace);
    if (!report || !report->deviation || process.ends_within(0)) return false;
    process.kill();
    return process.ends_within(1000);
}

bool HostWatch::hand_on(const Finding& finding) {
    const bool killed = settings_.kill && finding.kind == Kind::process && kill_if_it_deviates(finding);
    return tell_(finding, killed);
}

}  // namespace aa::ctl::watch
