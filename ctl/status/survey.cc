// SPDX-License-Identifier: Apache-2.0
#include "ctl/status/survey.h"
#include "ctl/catalog/revealed.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "apparmor/kernel/library.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/containers/running.h"
#include "ctl/status/judge.h"
#include "ctl/status/places.h"
#include "ctl/status/ways_in.h"
#include "shim/exec_decision.h"
#include "shim/record.h"

namespace aa::ctl::status {

namespace {

// A process that is being put into a container is not as decided until its program runs: what is wrong counts when it stays so.
constexpr int kLooks = 20;
constexpr long kBetweenLooks = 100'000'000;  // nanoseconds

constexpr const char* kHidden =
    "the kernel does not let aa-shimctl look at its processes: run it with CAP_SYS_PTRACE, and under no AppArmor profile";
constexpr const char* kForged =
    "what it has under 'aa-shim/' is no record that aa-shim made of this container: another runtime started it, or an aa-shim from before "
    "an "
    "upgrade or with another key; start it anew";

void pause_between_looks() {
    const struct timespec pause { 0, kBetweenLooks };
    (void)::nanosleep(&pause, nullptr);
}

// A container that was decided on: its processes, and what they are held against.
struct Subjected {
    pid_t init = 0;
    std::vector<Place> places;
    Expected expected;
    bool created = false;
    std::size_t report = 0;  // where its report is
};

bool deviates(const ContainerReport& report) {
    return std::any_of(report.processes.begin(), report.processes.end(), [](const auto& process) { return process.deviation.has_value(); });
}

bool is_kubernetes(const shim::Subject& subject) { return subject.engine == "cri-containerd" || subject.engine == "cri-o"; }

class Surveyor {
public:
    Surveyor() {
        survey_.apparmor_off = judge_.apparmor_off();
        survey_.no_catalog = judge_.no_catalog();
    }

    Result<Survey> run(const SurveyOptions& options) && {
        if (!options.root.empty()) (void)TRY(open_file(AT_FDCWD, options.root, O_PATH | O_DIRECTORY));
        TRY(apparmor::library_agrees(judge_.kernel()));
        look_at_catalog();
        if (!survey_.apparmor_off) TRY(look_at_policy());
        const auto wanted = TRY(find_wanted(options));
        auto containers = find_all(options.root);
        TRY(share_processes(containers));
        for (auto& found : containers) {
            if (wanted.empty() || wanted.contains({found.root, found.id})) report_on(found);
        }
        if (!wanted.empty()) survey_.strangers.clear();
        survey_.require_all = options.require_all;
        TRY(find_those_without_a_way_in());
        if (options.patient) look_again();
        return std::move(survey_);
    }

private:
    using Address = std::pair<std::string, std::string>;  // a container's root and ID

    // The containers that OPTIONS name; none: all are wanted.
    static Result<std::set<Address>> find_wanted(const SurveyOptions& options) {
        std::set<Address> wanted;
        for (const auto& word : options.containers) {
            auto found = TRY(find_running(word, options.root));
            wanted.emplace(std::move(found.root), std::move(found.id));
        }
        return wanted;
    }

    void look_at_catalog() {
        if (!judge_.catalog()) return;
        if (auto in_force = read_catalog_in_force()) {
            survey_.catalog = *std::move(in_force);
        } else {
            survey_.no_catalog = in_force.error().message;
        }
    }

    Result<void> look_at_policy() {
        TRY(find_unloaded());
        const auto record = TRY(read_revealed_record(std::string(kRevealedPath)));
        for (const auto& one : still_revealed(record, judge_.kernel())) survey_.revealed.push_back(one.profile);
        survey_.twins = TRY(find_twins(judge_.kernel()));
        return {};
    }

    Result<void> find_unloaded() {
        if (!judge_.catalog()) return {};
        std::set<std::string> asked;
        for (const auto& confinement : TRY(judge_.catalog()->confinements())) {
            const auto* profile = std::get_if<std::string>(&confinement.profile);
            if (profile == nullptr) continue;
            auto labels = shim::exec_rule_labels(confinement, *profile);
            labels.insert(labels.begin(), *profile);
            for (const auto& label : labels) {
                if (!asked.insert(label).second || TRY(judge_.kernel().is_loaded(label))) continue;
                survey_.unloaded.push_back(concat({"profile ", quote(label), " of confinement ", quote(confinement.name)}));
            }
        }
        return {};
    }

    // Finds the processes of the CONTAINERS that run.
    Result<void> share_processes(const std::vector<FoundContainer>& containers) {
        const auto places = TRY(read_places());
        const auto self = std::find_if(places.begin(), places.end(), [](const Place& place) { return place.pid == ::getpid(); });
        if (self == places.end()) return Error{ErrorKind::system, "/proc does not show this process: is it the host's?"};
        std::vector<pid_t> inits;
        for (const auto& found : containers) {
            if (found.state && found.state->init_pid != 0) inits.push_back(found.state->init_pid);
        }
        auto grouping = share_out(places, inits, *self);
        for (std::size_t i = 0; i < inits.size(); ++i) members_.emplace_back(inits[i], std::move(grouping.containers[i]));
        for (const auto& stranger : grouping.strangers) add_unjudged(stranger, survey_.strangers);
        return {};
    }

    std::vector<Place> take_members(pid_t init) {
        const auto found = std::find_if(members_.begin(), members_.end(), [&](const auto& entry) { return entry.first == init; });
        return found == members_.end() ? std::vector<Place>() : std::move(found->second);
    }

    void add_unjudged(const Place& place, std::vector<ProcessReport>& reports) const {
        if (auto report = judge_.look_at(place)) reports.push_back(*std::move(report));
    }

    // Of those that went around aa-shim, the agent's, and the pods that were not meant to come to it.
    Result<void> find_those_without_a_way_in() {
        const auto host = TRY(Host::open("/"));
        const bool by_default = is_default_of_kubernetes(host);
        const auto agent = find_agent(host);
        const auto has_agent = [&](const ContainerReport& report) {
            return agent &&
                   std::any_of(report.processes.begin(), report.processes.end(), [&](const auto& one) { return one.pid == *agent; });
        };
        const auto own = std::find_if(survey_.containers.begin(), survey_.containers.end(), has_agent);
        const auto pod = own == survey_.containers.end() ? shim::Subject() : own->subject;
        for (auto& report : survey_.containers) {
            const auto& subject = report.subject;
            if (report.standing != Standing::bypassed || !is_kubernetes(subject)) continue;
            const bool of_agent = !pod.pod.empty() && subject.kubernetes_namespace == pod.kubernetes_namespace && subject.pod == pod.pod;
            if (of_agent) report.standing = Standing::agent;
            if (!of_agent && !by_default) report.standing = Standing::elsewhere;
        }
        return {};
    }

    void report_on(const FoundContainer& found) {
        if (found.state && found.state->init_pid == 0) return;
        ContainerReport report;
        report.root = found.root;
        report.id = found.id;
        if (found.state) report.init = found.state->init_pid;
        if (!found.state) {
            report.standing = Standing::unreadable;
            report.problem = found.state.error().message;
        } else {
            report_on_running({found.root, found.id, *found.state}, report);
        }
        survey_.containers.push_back(std::move(report));
    }

    void report_on_running(const RunningContainer& container, ContainerReport& report) {
        auto places = take_members(container.state.init_pid);
        if (is_hidden(container.state.init_pid)) {
            report.standing = Standing::unreadable;
            report.problem = kHidden;
            return;
        }
        auto record = judge_.record_of(container);
        if (record && *record && !(*record)->pass) {
            report.decision = **std::move(record);
            report.subject = report.decision->subject;
            subjected_.push_back({container.state.init_pid, std::move(places), judge_.expected(*report.decision),
                                  oci::waits_for_start(container.root, container.id), survey_.containers.size()});
            judge(subjected_.back(), report);
            return;
        }
        for (const auto& place : places) add_unjudged(place, report.processes);
        if (!record) {
            report.standing = Standing::unreadable;
            report.problem = record.error().message;
        } else if (*record) {
            report.standing = Standing::passed;
            report.decision = **std::move(record);
            report.subject = report.decision->subject;
        } else {
            const bool forged = shim::claims_record(container.state);
            report.standing = forged ? Standing::forged : Standing::bypassed;
            if (forged) report.problem = kForged;
            report.subject = subject_of(container);
        }
    }

    // Holds the processes of SUBJECTED against what is expected of them.
    void judge(const Subjected& subjected, ContainerReport& report) {
        report.processes.clear();
        report.standing = subjected.created ? Standing::created : Standing::as_decided;
        const auto& places = subjected.places;
        const auto first = std::find_if(places.begin(), places.end(), [&](const Place& place) { return place.pid == subjected.init; });
        for (const auto& place : places) {
            // The first one is the runtime itself until it becomes the program.
            const bool is_runtime = subjected.created && place.pid == subjected.init;
            const bool own_capabilities = first != places.end() && place.user_namespace == first->user_namespace;
            auto process = is_runtime ? judge_.look_at(place) : judge_.judge(place, subjected.expected, own_capabilities);
            if (process) report.processes.push_back(*std::move(process));
        }
        if (deviates(report)) report.standing = Standing::deviates;
    }

    void look_again() {
        for (int look = 1; look < kLooks && judge_those_that_deviate(); ++look) pause_between_looks();
    }

    bool judge_those_that_deviate() {
        bool any = false;
        for (const auto& subjected : subjected_) {
            auto& report = survey_.containers[subjected.report];
            if (report.standing == Standing::deviates) judge(subjected, report);
            any = any || report.standing == Standing::deviates;
        }
        return any;
    }

    Judge judge_;
    std::vector<std::pair<pid_t, std::vector<Place>>> members_;
    std::vector<Subjected> subjected_;
    Survey survey_;
};

}  // namespace

Result<Survey> take_survey(const SurveyOptions& options) { return Surveyor().run(options); }

}  // namespace aa::ctl::status
