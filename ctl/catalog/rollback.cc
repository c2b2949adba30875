// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/rollback.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/library.h"
#include "apparmor/load.h"
#include "base/text.h"
#include "base/time.h"
#include "ctl/catalog/keep.h"
#include "ctl/catalog/put_in_force.h"
#include "ctl/cli/output.h"

namespace aa::ctl {
namespace {

std::string number_text(unsigned long long number) { return decimal(static_cast<long long>(number)); }

const std::string& published_path() {
    static const std::string path(apparmor::kCatalogPath);
    return path;
}

Result<void> require_root() {
    if (::geteuid() == 0) return {};
    return Error{ErrorKind::system, "what was loaded is root's to see: run aa-shimctl as root"};
}

Result<History> open() {
    auto history = TRY(open_history(published_path()));
    return *std::move(history);
}

// ---- the history

Json to_json(const History& history, const HistoryEntry& entry, std::size_t back) {
    const auto problem = history.problem_of(entry);
    Json profiles = Json::array();
    for (const auto& policy : entry.load.policies) {
        for (const auto& profile : policy.profiles) profiles.push_back(profile);
    }
    Json files = Json::array();
    for (const auto& file : entry.load.catalog) files.push_back({{"file", file.path}, {"sha256", file.hash}});
    return {{"back", back},
            {"number", entry.number},
            {"time", entry.problem.empty() ? Json(rfc3339(entry.load.time)) : Json()},
            {"restores", entry.load.restores ? Json(*entry.load.restores) : Json()},
            {"kernel", entry.load.kernel.empty() ? Json() : Json(entry.load.kernel)},
            {"catalog", std::move(files)},
            {"profiles", std::move(profiles)},
            {"compiled", entry.load.compiled},
            {"problem", problem.empty() ? Json() : Json(problem)}};
}

std::string profiles_text(const KeptLoad& load) {
    std::vector<std::string> names;
    for (const auto& policy : load.policies) names.insert(names.end(), policy.profiles.begin(), policy.profiles.end());
    return load.kernel.empty() ? "without AppArmor" : names.empty() ? "no profile files" : join(names, ", ");
}

void print_entry(const History& history, const HistoryEntry& entry, std::size_t back) {
    const auto& load = entry.load;
    const auto problem = history.problem_of(entry);
    std::string line = concat({decimal(static_cast<long long>(back)), "  load ", number_text(entry.number)});
    if (entry.problem.empty()) {
        line += concat({"  ", rfc3339(load.time), "  ", decimal(static_cast<long long>(load.catalog.size())), " catalog file",
                        load.catalog.size() == 1 ? "" : "s", ", ", profiles_text(load)});
    }
    if (load.restores) line += concat({", brought back from load ", number_text(*load.restores)});
    if (!problem.empty()) line += concat({"\n     cannot be brought back: ", problem});
    say(line);
}

int show(const Context& context, const History& history) {
    const auto& entries = history.entries();
    const bool whole = std::all_of(entries.begin(), entries.end(), [&](const HistoryEntry& entry) {
        return history.problem_of(entry).empty() || (entry.problem.empty() && history.problem_of(entry) == entry.load.missing);
    });
    if (context.json) {
        Json loads = Json::array();
        for (std::size_t back = 0; back < entries.size(); ++back) loads.push_back(to_json(history, entries[back], back));
        print({{"ok", whole}, {"loads", std::move(loads)}});
    } else {
        for (std::size_t back = 0; back < entries.size(); ++back) print_entry(history, entries[back], back);
        if (entries.empty()) say("No load is kept yet.");
    }
    return whole ? kOk : kWrong;
}

// ---- the way back

Result<const HistoryEntry*> entry_back(const History& history, unsigned back) {
    const auto& entries = history.entries();
    if (back < entries.size()) return &entries[back];
    const auto count = decimal(static_cast<long long>(entries.size()));
    return Error{ErrorKind::config, concat({"there is no load to bring back that is ", decimal(back), " before the last one: ", count,
                                            entries.size() == 1 ? " is" : " are", " kept (aa-shimctl load --history)"})};
}

Result<apparmor::Catalog> catalog_of(const KeptContents& contents, const std::string& number) {
    auto reading = apparmor::read_catalog(contents.catalog);
    if (reading.ok()) return std::move(reading.catalog);
    std::string text = concat({"load ", number, " cannot be brought back, as this aa-shimctl does not take its catalog:"});
    for (const auto& error : reading.errors) text += concat({" ", error.text(), ";"});
    text.back() = '.';
    return Error{ErrorKind::config, std::move(text)};
}

// Loads the policies of CONTENTS. What the catalog names beside them belongs to others, and has to be there already.
Result<void> load_policies(const apparmor::Catalog& catalog, const KeptLoad& load, const KeptContents& contents,
                           const apparmor::Kernel& kernel) {
    for (const auto& wanted : apparmor::named_profiles(catalog)) {
        if (load.brought(wanted.profile) || TRY(kernel.is_loaded(wanted.profile))) continue;
        return Error{ErrorKind::config, concat({"profile ", quote(wanted.profile), " (", wanted.origin.text(),
                                                ") is not loaded, and was not loaded from a file by load ", number_text(load.number),
                                                ": nothing was changed"})};
    }
    for (const auto& policy : contents.policies) TRY(kernel.replace_policy(policy));
    return apparmor::require_all_loaded(catalog, kernel);
}

void add_remarks(const KeptLoad& now, const KeptLoad& then, std::vector<std::string>& remarks) {
    for (const auto& profile : left_over(now, then)) {
        remarks.push_back(concat({"profile ", quote(profile), " of load ", number_text(now.number),
                                  " stays loaded: to remove it would leave containers that run under it unconfined"}));
    }
}

struct Restored {
    KeptLoad load;
    std::vector<std::string> remarks;
};

Result<Restored> restore(unsigned back) {
    const apparmor::Kernel kernel;
    TRY(apparmor::library_agrees(kernel));
    TRY(require_root());
    const auto lock = TRY(apparmor::lock_for_load(published_path()));
    auto history = TRY(open());
    const auto& entry = *TRY(entry_back(history, back));
    const auto number = number_text(entry.number);
    const auto contents = TRY(read_contents(history, entry));
    auto catalog = TRY(catalog_of(contents, number));
    if (entry.load.kernel.empty() && kernel.require_enabled()) {
        return Error{ErrorKind::config,
                     concat({"load ", number, " was made without AppArmor, and no profile of it was kept; AppArmor is on now"})};
    }
    const KeptLoad then = entry.load;
    const KeptLoad now = history.entries().front().load;
    const auto keep = [&then](History& kept, const apparmor::Kernel*, std::string_view compiled) -> Result<KeptLoad> {
        KeptLoad load = then;
        load.time = ::time(nullptr);
        load.restores = then.number;
        load.compiled = TRY(kept.keep(compiled));
        return load;
    };
    const auto load = [&] { return load_policies(catalog, then, contents, kernel); };
    auto remarks = TRY(put_in_force({catalog, kernel, published_path(), load, keep}, std::optional<History>(std::move(history))));
    add_remarks(now, then, remarks);
    return Restored{then, std::move(remarks)};
}

}  // namespace

int show_history(const Context& context) {
    if (const auto root = require_root(); !root) return fail(context, root.error());
    const auto lock = apparmor::lock_for_load(published_path());
    if (!lock) return fail(context, lock.error());
    const auto history = open();
    return history ? show(context, *history) : fail(context, history.error());
}

int roll_back(const Context& context, unsigned back) {
    const auto restored = restore(back);
    if (!restored) return fail(context, restored.error());
    const auto& [load, remarks] = *restored;
    if (context.json) {
        print({{"ok", true}, {"published", published_path()}, {"restores", load.number}, {"remarks", remarks}});
        return kOk;
    }
    for (const auto& remark : remarks) complain("note: " + remark);
    say(concat({"In force: ", published_path(), " (load ", number_text(load.number), " of ", rfc3339(load.time), ")."}));
    return kOk;
}

}  // namespace aa::ctl
