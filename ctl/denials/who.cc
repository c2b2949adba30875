// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/who.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "apparmor/kernel/kernel.h"
#include "apparmor/kernel/profile_name.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/containers/running.h"
#include "ctl/status/places.h"
#include "shim/host_key.h"
#include "shim/record.h"

namespace aa::ctl {

namespace {

constexpr std::size_t kMaxText = 65536;

// The second at which the host was started (proc(5), /proc/stat).
long long boot_time() {
    const auto stat = read_virtual_file(AT_FDCWD, "/proc/stat", std::size_t{1} << 20U);
    if (!stat) return 0;
    constexpr std::string_view kKey = "btime ";
    for (const auto line : lines(*stat)) {
        unsigned long long seconds = 0;
        if (line.starts_with(kKey) && parse_decimal(line.substr(kKey.size()), seconds)) return static_cast<long long>(seconds);
    }
    return 0;
}

// The second after the start of the host at which PID was started: field 22 of its stat, behind the name, which may hold anything.
std::optional<long long> start_time(pid_t pid) {
    const auto stat = read_virtual_file(AT_FDCWD, concat({"/proc/", decimal(pid), "/stat"}), kMaxText);
    if (!stat) return std::nullopt;
    const std::size_t name = stat->rfind(')');
    if (name == std::string::npos) return std::nullopt;
    std::string_view rest = std::string_view(*stat).substr(name + 1);
    constexpr int kFieldsBetween = 20;
    for (int field = 0; field < kFieldsBetween; ++field) rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
    unsigned long long ticks = 0;
    if (!parse_decimal(rest.substr(0, rest.find(' ')), ticks)) return std::nullopt;
    return static_cast<long long>(ticks / static_cast<unsigned long long>(::sysconf(_SC_CLK_TCK)));
}

// Whether the confinement that begins with BASE may be under LABEL: it is that, a child of it, or stacked with it.
bool belongs(std::string_view label, std::string_view base) {
    const auto wanted = apparmor::components(base);
    return std::all_of(wanted.begin(), wanted.end(), [&](std::string_view one) { return apparmor::is_under(label, one); });
}

}  // namespace

Attribution Attribution::of_host() {
    Attribution result;
    if (const auto records = read_journal({})) {
        for (const auto& record : records->records) result.add_decision(record);
    }
    result.look_again();
    return result;
}

std::size_t Attribution::add_container(Container container) {
    const auto known = container.decision.empty() ? by_decision_.end() : by_decision_.find(container.decision);
    if (known != by_decision_.end()) return known->second;
    if (!container.decision.empty()) by_decision_.emplace(container.decision, containers_.size());
    containers_.push_back(std::move(container));
    return containers_.size() - 1;
}

void Attribution::add_exec_process(const DecisionRecord& record) {
    const auto exec = exec_by_decision_.find(record.text("decision"));
    unsigned long long pid = 0;
    unsigned long long began = 0;
    if (exec == exec_by_decision_.end() || !parse_decimal(record.text("pid"), pid) || !parse_decimal(record.text("began"), began)) return;
    execs_[exec->second].began = static_cast<long long>(began);
    execs_by_pid_[pid].push_back(exec->second);
}

// The exec whose process EVENT's was. Its number may be another one's once it has ended, but not so soon.
const Attribution::Exec* Attribution::exec_of(const apparmor::Event& event) const {
    constexpr long long kSoon = 60;  // seconds
    const auto found = event.pid ? execs_by_pid_.find(*event.pid) : execs_by_pid_.end();
    if (found == execs_by_pid_.end()) return nullptr;
    for (auto number = found->second.rbegin(); number != found->second.rend(); ++number) {
        const auto& exec = execs_[*number];
        const bool then = event.seconds >= exec.began && event.seconds <= exec.began + kSoon;
        if (then && belongs(event.label, exec.label)) return &exec;
    }
    return nullptr;
}

void Attribution::add_decision(const DecisionRecord& record) {
    if (record.text("command") == "exec-process") return add_exec_process(record);
    if (record.text("outcome") != "allowed" || record.text("profile").empty()) return;
    const auto decision = record.text("decision");
    if (record.text("command") == "exec") {
        const auto container = by_decision_.find(record.text("container_decision"));
        if (container == by_decision_.end()) return;
        exec_by_decision_.emplace(decision, execs_.size());
        execs_.push_back({container->second, record.text("profile"), decision});
        return;
    }
    Container container{record.text("container"),
                        {record.text("engine"), record.text("namespace"), record.text("pod"), record.text("name"), record.text("image")},
                        decision,
                        record.text("confinement"),
                        {record.text("profile")}};
    if (const auto first = record.get("start_profile"); first && !first->empty()) container.labels.push_back(*first);
    add_container(std::move(container));
}

void Attribution::look_again() {
    processes_.clear();
    const auto key = shim::known_host_key();
    const auto places = status::read_places();
    if (!key || !places) return;
    const auto self = std::find_if(places->begin(), places->end(), [](const auto& place) { return place.pid == ::getpid(); });
    std::vector<pid_t> inits;
    std::vector<std::size_t> numbers;
    for (const auto& found : find_all({})) {
        if (!found.state || found.state->init_pid == 0 || !shim::claims_record(*found.state)) continue;
        const auto record = shim::read_record(*found.state, {found.root, found.state->bundle, found.id}, *key);
        if (!record || !*record || (*record)->pass || !(*record)->bounds.profile) continue;
        const auto& decision = **record;
        const std::vector<std::string> labels = {*decision.bounds.profile, decision.first_label()};
        numbers.push_back(add_container({found.id, decision.subject, decision.id, decision.confinement, labels}));
        inits.push_back(found.state->init_pid);
    }
    if (self == places->end()) return;
    const apparmor::Kernel kernel;
    const long long boot = boot_time();
    const auto shared = status::share_out(*places, inits, *self);
    for (std::size_t i = 0; i < inits.size(); ++i) {
        for (const auto& place : shared.containers[i]) {
            const auto label = kernel.task_label(place.pid);
            const auto started = start_time(place.pid);
            if (label && started) add_process(static_cast<unsigned long long>(place.pid), {numbers[i], label->label, boot + *started});
        }
    }
}

Who Attribution::named(std::size_t number, std::string_view label, Who::By by) const {
    const auto& container = containers_[number];
    Who who{container.id, container.subject, container.decision, container.confinement, {}, by, 0};
    // An exec has the label for itself only where the container's own processes do not start from it.
    std::set<std::string> execs;
    for (const auto& exec : execs_) {
        if (exec.container == number && exec.label == label) execs.insert(exec.decision);
    }
    const bool own = std::find(container.labels.begin(), container.labels.end(), label) != container.labels.end();
    if (!own && execs.size() == 1) who.exec = *execs.begin();
    return who;
}

Who Attribution::who(const apparmor::Event& event) const {
    const auto* was = exec_of(event);
    if (event.pid && event.seconds != 0) {
        const auto found = processes_.find(*event.pid);
        // A number that another process has had, it has had before this one was started.
        if (found != processes_.end() && found->second.started < event.seconds && apparmor::same_label(found->second.label, event.label)) {
            auto there = named(found->second.container, event.label, Who::By::process);
            if (was != nullptr && was->container == found->second.container) there.exec = was->decision;
            return there;
        }
    }
    if (was != nullptr) {
        auto known = named(was->container, event.label, Who::By::exec);
        known.exec = was->decision;
        return known;
    }
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < containers_.size(); ++i) {
        const auto& labels = containers_[i].labels;
        const bool starts = std::any_of(labels.begin(), labels.end(), [&](const auto& base) { return belongs(event.label, base); });
        const bool executes = std::any_of(execs_.begin(), execs_.end(),
                                          [&](const Exec& exec) { return exec.container == i && belongs(event.label, exec.label); });
        if (starts || executes) candidates.push_back(i);
    }
    const auto is_first = [&](std::size_t one) { return containers_[one].id == containers_[candidates.front()].id; };
    if (!candidates.empty() && std::all_of(candidates.begin(), candidates.end(), is_first)) {
        auto only = named(candidates.back(), event.label, Who::By::label);
        if (candidates.size() > 1) only.decision.clear();  // it was started more than once
        return only;
    }
    Who who;
    who.candidates = candidates.size();
    const bool same = !candidates.empty() && std::all_of(candidates.begin(), candidates.end(), [&](std::size_t one) {
        return containers_[one].confinement == containers_[candidates.front()].confinement;
    });
    if (same) who.confinement = containers_[candidates.front()].confinement;
    return who;
}

}  // namespace aa::ctl
