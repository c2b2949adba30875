// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/session.h"

#include <unistd.h>

#include <ctime>
#include <memory>
#include <optional>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/kernel/profile_name.h"
#include "apparmor/load.h"
#include "base/text.h"
#include "base/time.h"
#include "ctl/catalog/examine.h"
#include "ctl/cli/ending.h"
#include "ctl/denials/intake.h"
#include "ctl/denials/kernel_log.h"
#include "ctl/learn/audit_limits.h"
#include "ctl/learn/learned_profile.h"
#include "ctl/learn/place.h"
#include "ctl/learn/recorder.h"
#include "ctl/learn/whom.h"
#include "ctl/twin/twin.h"

namespace aa::ctl {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// The profile of CONFINEMENT that its containers are to have a twin of.
Result<std::string> profile_of(const apparmor::CompiledCatalog& catalog, const std::string& confinement) {
    const auto found = TRY(catalog.confinement(confinement));
    const auto* profile = std::get_if<std::string>(&found.profile);
    const auto what = concat({"confinement ", quote(confinement), " (", found.origin.text(), ")"});
    if (!shim::learning_file(confinement)) {
        return Error{ErrorKind::config, concat({what, " cannot be learned from: rename it, to letters, digits and '-', '_' or '.'"})};
    }
    if (profile == nullptr) {
        return Error{ErrorKind::config, concat({what, " has no profile to learn for: give it one, be it one that allows nothing"})};
    }
    if (profile->find("//") != std::string::npos) {
        return Error{ErrorKind::config, concat({what, " has the profile ", quote(*profile),
                                                ", a child or a stack, which has no twin: give it a profile of its own"})};
    }
    return *profile;
}

// Where profiles are looked for: the catalog in force does not say it, its files do.
Result<std::vector<std::string>> catalog_directories() {
    const auto sources = TRY(read_catalog_files({std::string(apparmor::kCatalogDirectory)}, Trust::required));
    const auto reading = apparmor::read_catalog(sources);
    if (!reading.ok()) return Error{ErrorKind::config, reading.errors.front().text()};
    return reading.catalog.profile_dirs;
}

class Session {
public:
    Session(const LearnOptions& options, const std::function<void(const std::string&)>& tell) : options_(options), tell_(tell) {}

    Result<Learned> run() {
        TRY(prepare());
        block_end_signals();  // one that comes before it is waited for would leave the limit raised
        const auto backlog = RaisedBacklog::raise();
        if (!backlog)
            remark("the kernel's audit limits stay as they are, and losses in its queue are not known: " + backlog.error().message);
        recorder_.emplace(kernel_, options_.confinement, profile_->name(), learned_.read, TRY(read_kept_recording(options_.confinement)),
                          TRY(read_kept_progress(options_.confinement)));
        const TakeEvent take = [this](const apparmor::Event& event) { return hear(event); };
        Intake intake(learned_.read, take);
        auto followed = follow_kernel(intake, 0, [this] { return beat(); });
        if (failure_) followed = *failure_;
        TRY(end());
        TRY(std::move(followed));
        return std::move(learned_);
    }

private:
    void remark(std::string text) { learned_.remarks.push_back(std::move(text)); }

    Result<void> prepare() {
        if (::geteuid() != 0) return Error{ErrorKind::system, "only root can load AppArmor profiles: run aa-shimctl as root"};
        TRY(kernel_.require_enabled());
        const auto catalog = TRY(apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath)));
        own_ = TRY(profile_of(catalog, options_.confinement));
        const auto make = options_.in_place ? LearnedProfile::in_place : LearnedProfile::twin_of;
        profile_ = make(kernel_, own_, options_.confinement);
        const auto lock = TRY(apparmor::lock_for_load(std::string(apparmor::kCatalogPath)));
        TRY(require_nobody_else());
        find_directories();
        for (auto& done : TRY(settle_twins(kernel_, directories_))) remark(std::move(done));
        if (options_.in_place)
            whom_ = TRY(whom_it_touches(kernel_, catalog, {options_.confinement, own_, options_.containers, options_.shared}));
        return {};
    }

    Result<void> require_nobody_else() const {
        const auto learning = shim::LearningPlace(kernel_).of(options_.confinement);
        if (!learning || !*learning) return {};
        return Error{ErrorKind::config, concat({"confinement ", quote(options_.confinement),
                                                " is learned from already: see 'aa-shimctl learn --status', and end that one first"})};
    }

    void find_directories() {
        const auto own = catalog_directories();
        if (!own) remark(concat({"profiles of the catalog's \"profileDirs\" are not found: ", own.error().message}));
        directories_ = apparmor::profile_directories(own ? *own : std::vector<std::string>());
    }

    // Until the kernel is heard, the profile is loaded again and again.
    bool beat() {
        const auto done = announcement_ ? go_on(std::time(nullptr)) : speak_up();
        if (!done) failure_ = done.error();
        return done && shim::learning_clock() < deadline_ && profile_->goes_on();
    }

    // The kernel tells of each profile that is loaded. Who does not hear that would learn nothing, and find that nothing was lost: the
    // kernel sends its audit messages into the first network namespace alone (kernel/audit.c, kauditd_send_multicast_skb()), and none if it
    // was started with audit=0.
    Result<void> speak_up() {
        constexpr int kMostTries = 10;  // a second each
        if (tries_++ == kMostTries) {
            return Error{ErrorKind::system, concat({"nothing is heard from the kernel, which has just loaded ", quote(profile_->name()),
                                                    ", so that nothing could be learned: run it in the host's network namespace, on a "
                                                    "kernel that was not started with audit=0; it listened to ",
                                                    learned_.read.name})};
        }
        const auto lock = TRY(apparmor::lock_for_load(std::string(apparmor::kCatalogPath)));
        TRY(profile_->complain());
        is_loaded_ = true;
        return {};
    }

    // Whether more is wanted. With the first word of the profile it begins, as from then on nothing is missed.
    bool hear(const apparmor::Event& event) {
        const auto now = std::time(nullptr);
        const bool is_of_profile =
            event.teller == apparmor::Teller::kernel && event.type == apparmor::EventType::status && event.name == profile_->name();
        if (!announcement_ && is_of_profile) {
            const auto begun = begin(now);
            if (!begun) failure_ = begun.error();
            return begun.has_value();
        }
        take_calls(now);
        recorder_->take(event, now);
        return true;
    }

    // Loads it once more: a `load` meanwhile may have had it enforce; and another learning may have been quicker.
    Result<void> begin(long long now) {
        {
            const auto lock = TRY(apparmor::lock_for_load(std::string(apparmor::kCatalogPath)));
            auto alone = require_nobody_else();
            is_loaded_ = alone.has_value() || options_.in_place;  // else the twin is the other's
            TRY(std::move(alone));
            TRY(profile_->complain());
            deadline_ = shim::learning_clock() + static_cast<std::uint64_t>(options_.seconds) * kSecond;
            announcement_.emplace(TRY(Announcement::make(options_.confinement, {profile_->name(), own_, deadline_, options_.filter})));
        }
        TRY(recorder_->begin(now, now + options_.seconds));
        tell_(concat({"Learning from confinement ", quote(options_.confinement), " until ", rfc3339(now + options_.seconds), ": ", how()}));
        return {};
    }

    [[nodiscard]] std::string how() const {
        const auto name = quote(profile_->name());
        if (!options_.in_place) return concat({"containers that are started now run under ", name, ", which forbids next to nothing."});
        return concat({name, " itself forbids next to nothing now, to ", whom_, ". What is open already is not looked at again."});
    }

    Result<void> go_on(long long now) {
        take_calls(now);
        return recorder_->save_sometimes(now);
    }

    void take_calls(long long now) {
        if (!announcement_) return;
        for (const auto& call : announcement_->new_calls()) recorder_->take(call, now);
    }

    // Whatever happened, nobody is to stay under what complains. Under the lock, so that nobody takes it for one that was killed meanwhile.
    Result<void> end() {
        const auto now = std::time(nullptr);
        take_calls(now);
        auto saved = is_loaded_ ? recorder_->save(now) : Result<void>();
        {
            const auto lock = TRY(apparmor::lock_for_load(std::string(apparmor::kCatalogPath)));
            announcement_.reset();
            if (is_loaded_) remark(TRY(profile_->end(directories_)));
        }
        learned_.progress = recorder_->progress();
        learned_.losses = recorder_->recording().losses();
        learned_.facts = recorder_->recording().facts().size();
        return saved;
    }

    const LearnOptions& options_;
    const std::function<void(const std::string&)>& tell_;
    const apparmor::Kernel kernel_;
    std::vector<std::string> directories_;
    std::string own_;   // the confinement's profile
    std::string whom_;  // it touches, in place
    std::unique_ptr<LearnedProfile> profile_;
    std::uint64_t deadline_ = ~std::uint64_t{0};
    bool is_loaded_ = false;
    int tries_ = 0;
    std::optional<Recorder> recorder_;
    std::optional<Announcement> announcement_;
    std::optional<Error> failure_;
    Learned learned_;
};

}  // namespace

Result<Learned> learn(const LearnOptions& options, const std::function<void(const std::string&)>& tell) {
    return Session(options, tell).run();
}

}  // namespace aa::ctl
