// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/exec_graph.h"

#include "apparmor/learn/name_pattern.h"

namespace aa::apparmor {

std::string executed_as(const std::string& program) {
    return program.starts_with('/') ? spelled(parts_of(program, NameUse::executed)) : program;
}

void ExecGraph::add(const Seen& fact) {
    auto& by = program(fact.fact->program);
    by.facts.push_back(fact);
    const auto& event = fact.fact->event;
    if (event.operation != "exec" || fact.fact->program.empty()) return;
    const auto target = executed_as(event.name);
    by.executes.insert(target);
    executed_.insert(target);
    (void)program(event.name);
}

ExecGraph::Program& ExecGraph::program(const std::string& name) {
    auto& program = programs_[executed_as(name)];
    if (program.name.empty() || name < program.name) program.name = name;
    return program;
}

const std::set<std::string>& ExecGraph::executed_by(const std::string& pattern) const {
    static const std::set<std::string> kNone;
    const auto found = programs_.find(pattern);
    return found == programs_.end() ? kNone : found->second.executes;
}

std::set<std::string> ExecGraph::all_from(const std::string& pattern) const {
    std::set<std::string> all = {pattern};
    for (std::vector<std::string> rest = {pattern}; !rest.empty();) {
        const auto next = rest.back();
        rest.pop_back();
        for (const auto& target : executed_by(next)) {
            if (all.insert(target).second) rest.push_back(target);
        }
    }
    return all;
}

}  // namespace aa::apparmor
