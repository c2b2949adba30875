// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "ctl/containers/running.h"
#include "ctl/diff/catalogs.h"
#include "ctl/explain/decision_record.h"

namespace aa::ctl {
namespace {

std::vector<std::string> running_containers() {
    std::vector<std::string> ids;
    for (const auto& container : find_all("")) {
        if (container.state && container.state->init_pid != 0) ids.push_back(container.id);
    }
    return ids;
}

// The files that the catalogs name for decisions; without any that is there, the journal has them.
std::vector<std::string> logs_of(const CatalogSide& before, const CatalogSide& after) {
    std::set<std::string> logs;
    for (const auto* side : {&before, &after}) {
        const auto& log = side->catalog->written.decision_log;
        if (!log.empty() && ::access(log.c_str(), R_OK) == 0) logs.insert(log);
    }
    return {logs.begin(), logs.end()};
}

Result<RecordsRead> records_in(const std::vector<std::string>& logs) { return logs.empty() ? read_journal("") : read_record_files(logs); }

bool started_a_container(const DecisionRecord& record) {
    const auto command = record.text("command");
    return record.text("outcome") == "allowed" && (command == "create" || command == "run" || command == "restore");
}

std::optional<ReachedContainer> reached(const DecisionRecord& record, Replay& before, Replay& after, const std::set<std::string>& changed) {
    const auto old = before.judge(record);
    const auto now = after.judge(record);
    ReachedContainer container{record.text("container"), record.text("image"), old.after, now.after, true};
    for (const auto* side : {&old, &now}) {
        const bool told = side->change != Change::cannot_tell && side->change != Change::not_judged;
        if (told) continue;
        container.told = false;
        container.after = side->after.empty() ? std::string("its record is of no decision of a catalog") : side->after;
        return container;
    }
    if (old.after == now.after && !changed.contains(now.confinement)) return std::nullopt;
    return container;
}

}  // namespace

void add_containers(const CatalogSide& before, const CatalogSide& after, const std::vector<std::string>& logs, CatalogChanges& changes) {
    const auto running = running_containers();
    if (running.empty()) return;
    const auto read = records_in(logs.empty() ? logs_of(before, after) : logs);
    if (!read) {
        changes.notes.push_back(concat({"which of the ", decimal(static_cast<long long>(running.size())),
                                        " containers that run it reaches cannot be told: ", read.error().message}));
        return;
    }
    std::map<std::string, const DecisionRecord*> last;
    for (const auto& record : read->records) {
        if (started_a_container(record)) last[record.text("container")] = &record;
    }
    std::set<std::string> changed;
    for (const auto& change : changes.changes) {
        if (change.kind == apparmor::CatalogChange::Kind::confinement) changed.insert(change.name);
    }
    Replay old(*before.catalog, *before.policy);
    Replay now(*after.catalog, *after.policy);
    for (const auto& id : running) {
        const auto record = last.find(id);
        if (record == last.end()) {
            changes.containers.push_back({id, "", "", "no decision on it is on record", false});
        } else if (auto found = reached(*record->second, old, now, changed)) {
            changes.containers.push_back(*std::move(found));
        }
    }
}

}  // namespace aa::ctl
