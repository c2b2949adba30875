// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/agent.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "base/text.h"
#include "ctl/cli/output.h"
#include "ctl/node/in_force.h"
#include "ctl/node/removal.h"
#include "ctl/node/status.h"

namespace aa::ctl::node {

namespace {

constexpr const char* kLock = "/run/aa-shim/node-lock";
constexpr const char* kLeaving = "aa-shim is being removed from this node";
constexpr auto kLookAgain = std::chrono::minutes(1);
constexpr auto kTellAgain = std::chrono::minutes(5);  // a label or annotation that somebody else changed is set right by then

Condition ready(const std::string& hash, const std::string& refused) {
    if (refused.empty()) return {true, true, concat({"ready: aa-shim " AA_VERSION ", catalog ", hash}), hash};
    return {true, false, concat({"ready with the catalog ", hash, ", which stays in force: the delivered one is refused: ", refused}),
            hash};
}

std::string host_name() {
    utsname names{};
    (void)::uname(&names);
    return names.nodename;
}

}  // namespace

Agent::Agent(Settings settings, Host host)
    : settings_(std::move(settings)),
      host_(std::move(host)),
      cluster_(settings_.kubectl, settings_.name),
      programs_(host_),
      learnings_(host_, settings_.name.empty() ? host_name() : settings_.name, settings_.learn) {}

Condition Agent::not_ready(const std::string& reason) const { return {false, false, "not ready: " + reason, in_force_}; }

// Two pods may be there for a moment when the agent itself is replaced. The lock goes with the process that holds it.
Result<void> Agent::lock() {
    if (lock_.valid()) return {};
    TRY(host_.make_directories("/run/aa-shim"));
    Fd fd = TRY(host_.open_below(kLock, O_RDWR | O_CREAT, 0600));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return Error{ErrorKind::system, "another agent is at work on this node"};
        return errno_error("lock", host_.place(kLock), errno);
    }
    lock_ = std::move(fd);
    return {};
}

Condition Agent::round(bool follows) {
    if (const auto locked = lock(); !locked) return not_ready(locked.error().message);  // the other one tells
    in_force_.clear();
    const auto settled = settle();
    Condition condition = settled ? *settled : not_ready(settled.error().message);
    if (!settings_.prepare) add_learning(condition, follows);
    tell(condition);
    write_metrics();
    return condition;
}

// Whatever the round came to, what is not marked any more is not learned from.
void Agent::add_learning(Condition& condition, bool follows) {
    const auto news = learnings_.follow(settings_.catalog, condition.ready && follows);
    if (!news.text.empty()) condition.status += "; " + news.text;
    if (news.wrong) condition.current = false;
}

Result<Condition> Agent::settle() {
    const bool new_program = TRY(programs_.install("/proc/self/exe", kCtl));
    const auto in_force = TRY(bring_catalog(new_program));
    in_force_ = in_force.hash;
    TRY(programs_.install(settings_.shim, kShim));
    TRY(make_handlers(host_, settings_.engine.handlers));
    TRY(install_boot_unit(host_));
    TRY(bring_engine());
    return ready(in_force.hash, in_force.refused);
}

Result<void> Agent::check(const Delivery& delivery) {
    const auto now = Clock::now();
    if (refusal_ && refusal_->hash == delivery.hash && now - refusal_->at < kLookAgain) return Error{ErrorKind::config, refusal_->reason};
    refusal_.reset();
    auto checked = check_delivery(host_, delivery, settings_.prepare ? Judge::files_only : Judge::node);
    if (!checked && checked.error().kind == ErrorKind::config) refusal_ = {delivery.hash, checked.error().message, now};
    return checked;
}

// An error if no catalog is in force afterwards, or none that we know. A delivery that is wrong is not one: then the catalog
// that was delivered before stays in force.
Result<Agent::InForce> Agent::bring_catalog(bool new_program) {
    if (new_program) refusal_.reset();
    const auto delivered = read_delivery(settings_.catalog);
    auto installed = read_installed(host_);
    std::string refused;
    if (!delivered) {
        refused = delivered.error().message;
    } else if (!installed || installed->hash != delivered->hash) {
        auto checked = check(*delivered);
        if (!checked && checked.error().kind != ErrorKind::config) return std::move(checked).error();
        if (checked) {
            TRY(install_delivery(host_));
            installed = read_installed(host_);
        } else {
            refused = checked.error().message;
        }
    }
    if (!installed) return Error{installed.error().kind, refused.empty() ? installed.error().message : refused};
    const bool stale = !settings_.prepare && (new_program || !is_in_force(host_, installed->hash) || Learnings::are_left(host_));
    if (stale) TRY(put_in_force(host_, installed->hash));
    return InForce{installed->hash, refused};
}

Result<void> Agent::bring_engine() {
    TRY(configure_engine(host_, settings_.engine));
    if (settings_.prepare) return {};
    TRY(require_runtime(host_));
    if (!restart_is_pending(host_)) return {};
    if (!settings_.restart_engine) return Error{ErrorKind::system, restart_advice()};
    // No pod may be sent here while the engine does not know the handlers.
    tell(not_ready("the engine is being restarted"));
    return restart_engine(host_);
}

// Counters are no part of what makes a node ready.
void Agent::write_metrics() const {
    if (settings_.metrics.empty() || settings_.prepare) return;
    const auto written = host_.run({kCtl, "metrics", "--output", settings_.metrics}, 60);
    if (written && written->ok()) return;
    complain("metrics: " + (written ? last_words(*written) : written.error().message));
}

void Agent::tell(const Condition& condition) {
    if (condition.status != logged_) {
        say(condition.status);
        (void)std::fflush(stdout);
        logged_ = condition.status;
    }
    note(condition);
    if (const auto told = tell_cluster(condition); !told) complain(told.error().message);
}

void Agent::note(const Condition& condition) const {
    if (const auto written = write_status(host_, condition); !written) complain(written.error().message);
}

Result<void> Agent::tell_cluster(const Condition& condition) {
    const auto now = Clock::now();
    if (settings_.prepare || (told_ == condition && now - told_at_ < kTellAgain)) return {};
    told_.reset();
    TRY(cluster_.tell(condition));
    told_ = condition;
    told_at_ = now;
    return {};
}

// Nobody is sent here any more before anything is taken away.
Result<void> Agent::take_away() {
    TRY(lock());
    if (!told_) {
        const Condition leaving{false, false, kLeaving, {}};
        note(leaving);
        TRY(tell_cluster(leaving));
    }
    TRY(restore_engine(host_, settings_.engine));
    if (!settings_.prepare && restart_is_pending(host_)) {
        if (!settings_.restart_engine) return Error{ErrorKind::system, restart_advice()};
        TRY(restart_engine(host_));
    }
    if (!settings_.prepare && Learnings::are_left(host_)) TRY(host_.run({kCtl, "load"}, 300));
    if (const auto users = containers_of_ours(host_); !users.empty()) {
        return Error{ErrorKind::system,
                     concat({kShim, " cannot be removed before the containers that it has started: drain the node, or delete their pods (",
                             decimal(static_cast<long long>(users.size())), ": ", users.front(), users.size() > 1 ? ", …)" : ")"})};
    }
    TRY(remove_files(host_));
    TRY(remove_status(host_));
    if (!settings_.prepare) TRY(cluster_.forget());
    return {};
}

Result<void> Agent::remove() {
    auto removed = take_away();
    if (removed || !lock_.valid()) return removed;
    const Condition waiting{false, false, concat({kLeaving, ": ", removed.error().message}), {}};
    note(waiting);
    if (told_) {
        if (const auto told = tell_cluster(waiting); !told) complain(told.error().message);
    }
    return removed;
}

void Agent::stay_removed() const { note({false, true, "aa-shim is removed from this node", {}}); }

void Agent::leave() const { (void)remove_status(host_); }

}  // namespace aa::ctl::node
