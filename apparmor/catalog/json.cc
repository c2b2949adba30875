// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/json.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "apparmor/catalog/check.h"
#include "apparmor/catalog/document.h"
#include "apparmor/catalog/keys.h"
#include "apparmor/catalog/match.h"
#include "apparmor/catalog/pattern.h"
#include "apparmor/catalog/syscalls.h"
#include "apparmor/catalog/values.h"
#include "apparmor/kernel/profile_name.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using Kind = Node::Kind;

constexpr std::size_t kMaxName = 64;
constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789";

// Reads the documents of a catalog into READING, complaining about whatever cannot be read.
class Reader : private Values {
public:
    Reader(CatalogReading& reading, CatalogDraft& draft) : Values(reading), reading_(reading), draft_(draft) {}

    void read(const std::string& file, const Node& root) {
        enter(file);
        if (!expect(root, Kind::object, "a catalog file")) return;
        check_keys(root, kCatalogKeys, "a catalog file");
        for (const auto& member : root.members) read_top(member);
    }

    // Complains about what no file says.
    void finish(const std::string& first_file) {
        if (once_.contains("otherwise")) return;
        reading_.errors.push_back(
            {{first_file, 0, 0},
             "no catalog file says what applies to a container that no rule matches: add \"otherwise\" with a confinement's name"});
    }

private:
    // The name of a confinement, which check_catalog() will look for.
    std::string refer(const Node& node) {
        draft_.references.push_back({node.text, origin(node.place)});
        return node.text;
    }

    // -- the top level

    void read_top(const Member& member) {
        const auto& [key, place, value] = member;
        if (key == "confinements") {
            if (!expect(value, Kind::object, "\"confinements\"")) return;
            for (const auto& each : value.members) read_confinement(each);
        } else if (key == "rules") {
            if (!expect(value, Kind::list, "\"rules\"")) return;
            for (const auto& each : value.items) read_rule(each);
        } else if (key == "$schema") {
            expect(value, Kind::text, "\"$schema\"");
        } else if (std::ranges::find(kSettings, key) != kSettings.end() && is_first(member)) {
            read_setting(key, value);
        }
    }

    // Whether the key of MEMBER, which may stand in one file only, stands here for the first time.
    bool is_first(const Member& member) {
        const auto [earlier, is_new] = once_.try_emplace(member.key, origin(member.place));
        if (is_new || earlier->second.file == file()) return true;
        complain(member.place, concat({"\"", member.key, "\" may stand in one file only, and ", earlier->second.text(), " has it"}));
        return false;
    }

    void read_setting(std::string_view key, const Node& value) {
        Catalog& catalog = reading_.catalog;
        if (key == "otherwise") {
            read_otherwise(value);
        } else if (key == "withoutAppArmor") {
            read_word(value, key, kWithout, catalog.without_apparmor);
            if (catalog.without_apparmor == WithoutAppArmor::capabilities_only) {
                note(value.place, "on a host without AppArmor, containers start with no profile (\"capabilities-only\")");
            }
        } else if (key == "decisionLog") {
            if (expect(value, Kind::text, "\"decisionLog\"")) catalog.decision_log = read_absolute(value, key);
        } else if (key == "logExecProcesses") {
            if (expect(value, Kind::boolean, "\"logExecProcesses\"")) catalog.log_exec_processes = value.boolean;
        } else if (key == "compareExecs") {
            read_word(value, key, kCompareExecs, catalog.compare_execs);
            if (catalog.compare_execs == CompareExecs::after)
                note(value.place, "what an exec starts has begun when it is compared with the decision (\"after\")");
        } else if (key == "profileDirs") {
            each_text(value, key, [&](const Node& item) { catalog.profile_dirs.push_back(read_absolute(item, key)); });
        } else if (key == "externalProfiles") {
            each_text(value, key, [&](const Node& item) { catalog.external_profiles.push_back(read_external(item)); });
        }
    }

    std::string read_external(const Node& node) {
        if (const auto checked = check_label(node.text); !checked)
            complain(node.place, concat({"\"externalProfiles\": ", checked.error().message}));
        return node.text;
    }

    // -- confinements

    void read_confinement(const Member& member) {
        const auto& [name, place, node] = member;
        const std::string what = concat({"confinement ", quote(name)});
        const auto complaints = reading_.errors.size();
        check_confinement_name(name, place);
        const auto [earlier, is_new] = confinements_.try_emplace(name, origin(place));
        if (!is_new && earlier->second.file != file())
            complain(place, concat({what, " is defined at ", earlier->second.text(), " already"}));
        Confinement confinement;
        confinement.name = name;
        confinement.origin = origin(place);
        if (expect(node, Kind::object, what)) read_members(node, place, what, confinement);
        if (reading_.errors.size() > complaints) draft_.unread.insert(name);
        reading_.catalog.confinements.push_back(std::move(confinement));
    }

    void read_members(const Node& node, Place place, std::string_view what, Confinement& confinement) {
        check_keys(node, kConfinementKeys, "a confinement");
        read_profile(node, place, what, confinement);
        read_ceiling(node, place, what, confinement);
        confinement.no_new_privileges = read_flag(node, "noNewPrivileges");
        if (const Node* list = node.find("denySyscalls")) read_syscalls(*list, confinement);
        if (const Node* exec = get(node, "exec", Kind::object)) read_exec(*exec, confinement);
        if (const Node* refuse = node.find("refuseExec")) read_word(*refuse, "refuseExec", kRefuseExecs, confinement.refuse_exec);
        if (const Node* start = node.find("start")) read_word(*start, "start", kStarts, confinement.start);
        if (const Node* restore = node.find("restore")) read_word(*restore, "restore", kRestores, confinement.restore);
        if (const Node* list = node.find("runtimeAnnotations")) {
            each_text(*list, "runtimeAnnotations",
                      [&](const Node& item) { confinement.runtime_annotations.push_back(read_runtime_annotation(item)); });
        }
        read_host(node, confinement.host);
    }

    // The ceilings on what a request brings from the host.
    void read_host(const Node& node, HostCeilings& host) {
        if (const Node* paths = node.find("hostPaths")) read_host_paths(*paths, host);
        if (const Node* list = node.find("devices")) {
            host.devices.emplace();
            each_text(*list, "devices", [&](const Node& item) { host.devices->push_back(read_device(item)); });
        }
        if (const Node* list = node.find("hostNamespaces")) {
            host.namespaces = 0;
            each_text(*list, "hostNamespaces", [&](const Node& item) { *host.namespaces |= bit(read_host_namespace(item)); });
        }
        host.keep_masked = read_flag(node, "keepMasked");
    }

    void read_host_paths(const Node& node, HostCeilings& host) {
        const Node* list = &node;
        host.paths.emplace();
        if (node.kind == Kind::object) {
            check_keys(node, kHostPathsKeys, "\"hostPaths\"");
            host.protected_paths = read_true(node, "weaker");
            list = node.find("paths");
            if (list == nullptr) return complain(node.place, "\"hostPaths\" needs \"paths\"");
        }
        each_text(*list, "hostPaths", [&](const Node& item) {
            host.paths->push_back(read_path_pattern(item, "a path of the host"));
            if (!host.protected_paths) require_unprotected(item);
        });
    }

    // A pattern that means only what is never mounted would promise in vain.
    void require_unprotected(const Node& node) {
        const auto literal = literal_prefix(node.text);
        const auto lies_in = [](const std::string& path, const std::string& directory) {
            return (path + "/").starts_with(directory + "/");
        };
        const auto path = literal.text == "/" ? std::string() : literal.text;
        const auto shows = [&](std::string_view place) { return lies_in(std::string(place), path) || lies_in(path, std::string(place)); };
        if (literal.whole && std::ranges::any_of(kProtectedPaths, shows))
            complain(node.place, concat({quote(node.text),
                                         " shows what belongs to aa-shim or AppArmor, and is refused all the same: write "
                                         "{\"paths\": [...], \"weaker\": true}"}));
    }

    void check_confinement_name(const std::string& name, Place place) {
        const bool good =
            !name.empty() && name.size() <= kMaxName && kLower.find(name[0]) != kLower.npos &&
            std::ranges::all_of(name, [](char c) { return kLower.find(c) != kLower.npos || c == '.' || c == '_' || c == '-'; });
        if (good) return;
        complain(
            place,
            concat({quote(name),
                    " is not a name for a confinement: it must be 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or a digit"}));
    }

    // Either GRANT, or KEY with a value to read, but not both and not neither.
    const Node* read_or_grant(const Node& node, Place place, std::string_view what, std::string_view key, std::string_view grant,
                              bool& granted) {
        granted = read_true(node, grant);
        const Node* value = node.find(key);
        if (value == nullptr && !granted) complain(place, concat({what, " needs \"", key, "\", or \"", grant, "\": true"}));
        if (value != nullptr && granted) complain(value->place, concat({what, " has both \"", key, "\" and \"", grant, "\""}));
        return value;
    }

    void read_profile(const Node& node, Place place, std::string_view what, Confinement& confinement) {
        bool unconfined = false;
        const Node* value = read_or_grant(node, place, what, "apparmor", "unconfined", unconfined);
        if (unconfined) confinement.profile = Unconfined{};
        if (value == nullptr || unconfined) return;
        if (!expect_text_or_object(*value, "\"apparmor\"", "a profile's name")) return;
        if (value->kind == Kind::text) {
            confinement.profile = read_profile_name(*value);
            return;
        }
        check_keys(*value, kProfileKeys, "\"apparmor\"");
        if (value->find("profile") == nullptr) complain(value->place, "\"apparmor\" needs \"profile\"");
        if (const Node* profile = get(*value, "profile", Kind::text)) confinement.profile = read_profile_name(*profile);
        if (const Node* combine = value->find("combine")) read_word(*combine, "combine", kCombines, confinement.combine);
    }

    void read_ceiling(const Node& node, Place place, std::string_view what, Confinement& confinement) {
        bool all = false;
        const Node* value = read_or_grant(node, place, what, "capabilities", "allCapabilities", all);
        if (all) confinement.ceiling = AllCapabilities{};
        if (value == nullptr || all) return;
        if (value->kind == Kind::text && value->text == "from-profile") {
            confinement.ceiling = FromProfile{};
            if (std::get_if<Unconfined>(&confinement.profile) != nullptr)
                complain(value->place, "\"from-profile\" needs a profile: list the capabilities, or say \"allCapabilities\": true");
            return;
        }
        if (value->kind == Kind::text) {
            complain(value->place, "\"capabilities\" must be a list, as in [\"CHOWN\", \"NET_BIND_SERVICE\"], or \"from-profile\"");
            return;
        }
        CapabilitySet set;
        each_text(*value, "capabilities", [&](const Node& item) { read_capability(item, set); });
        confinement.ceiling = set;
    }

    void read_syscalls(const Node& list, Confinement& confinement) {
        each_text(list, "denySyscalls", [&](const Node& item) {
            confinement.deny_syscalls.push_back(item.text);
            if (auto problem = syscall_problem(item.text); !problem.empty()) complain(item.place, std::move(problem));
        });
    }

    void read_exec(const Node& exec, Confinement& confinement) {
        check_keys(exec, kExecKeys, "\"exec\"");
        if (const Node* otherwise = exec.find("otherwise")) read_word(*otherwise, "otherwise", kExecOtherwises, confinement.exec_otherwise);
        confinement.exec_unconfined = read_true(exec, "unconfined");
        if (confinement.exec_unconfined && confinement.exec_otherwise != ExecOtherwise::transition)
            complain(exec.place, "\"unconfined\" only makes sense with \"otherwise\": \"transition\"");
        const Node* rules = get(exec, "rules", Kind::list);
        if (rules == nullptr) return;
        for (const auto& rule : rules->items) read_exec_rule(rule, confinement);
    }

    void read_exec_rule(const Node& node, Confinement& confinement) {
        if (!expect(node, Kind::object, "an exec rule")) return;
        check_keys(node, kExecRuleKeys, "an exec rule");
        ExecRule rule;
        rule.origin = origin(node.place);
        const Node* deny = node.find("deny");
        const Node* profile = node.find("apparmor");
        if (node.find("command") == nullptr) complain(node.place, "an exec rule needs \"command\"");
        if (const Node* command = get(node, "command", Kind::text)) rule.command = read_path_pattern(*command);
        if ((deny == nullptr) == (profile == nullptr)) complain(node.place, "an exec rule needs either \"apparmor\" or \"deny\"");
        if (deny != nullptr) {
            rule.action = ExecRule::Deny{read_message(*deny, "\"deny\"")};
        } else if (profile != nullptr && expect(*profile, Kind::text, "\"apparmor\"")) {
            rule.action = read_profile_name(*profile);
        }
        confinement.exec_rules.push_back(std::move(rule));
    }

    // -- rules

    void read_rule(const Node& node) {
        if (!expect(node, Kind::object, "a rule")) return;
        const auto complaints = reading_.errors.size();
        check_keys(node, kRuleKeys, "a rule");
        Rule rule;
        rule.origin = origin(node.place);
        if (const Node* match = get(node, "match", Kind::object)) {
            read_match(*this, *match, rule.match);
            if (match->members.empty())
                complain(match->place, "\"match\" is empty: for all containers that no other rule matches there is \"otherwise\"");
        } else if (node.find("match") == nullptr) {
            complain(node.place, "a rule needs \"match\"");
        }
        rule.outcome = read_outcome(node, "a rule");
        rule.selectable = read_selectable(node, rule.outcome);
        rule.weaker = read_flag(node, "weaker");
        if (reading_.errors.size() == complaints) reading_.catalog.rules.push_back(std::move(rule));
    }

    void read_otherwise(const Node& node) {
        const auto complaints = reading_.errors.size();
        Catalog& catalog = reading_.catalog;
        catalog.otherwise_origin = origin(node.place);
        if (node.kind == Kind::text) {
            catalog.otherwise = Use{refer(node)};
        } else if (expect_text_or_object(node, "\"otherwise\"", "a confinement's name")) {
            check_keys(node, kOtherwiseKeys, "\"otherwise\"");
            catalog.otherwise = read_outcome(node, "\"otherwise\"");
            catalog.otherwise_selectable = read_selectable(node, catalog.otherwise);
            catalog.otherwise_weaker = read_flag(node, "weaker");
        }
        draft_.otherwise_read = reading_.errors.size() == complaints;
    }

    Outcome read_outcome(const Node& node, std::string_view what) {
        const Node* use = node.find("use");
        const Node* reject = node.find("reject");
        const bool pass = read_true(node, "pass");
        const int given = (use != nullptr ? 1 : 0) + (reject != nullptr ? 1 : 0) + (pass ? 1 : 0);
        if (given != 1)
            complain(node.place, concat({what, " needs one of \"use\", \"reject\" and \"pass\"", given > 1 ? ", and no more" : ""}));
        if (reject != nullptr) return Reject{read_message(*reject, "\"reject\"")};
        if (use != nullptr && expect(*use, Kind::text, "\"use\"")) return Use{refer(*use)};
        return Pass{};
    }

    std::vector<std::string> read_selectable(const Node& node, const Outcome& outcome) {
        std::vector<std::string> names;
        const Node* list = node.find("selectable");
        if (list == nullptr) return names;
        each_text(*list, "selectable", [&](const Node& item) { names.push_back(refer(item)); });
        if (std::get_if<Use>(&outcome) == nullptr) complain(list->place, "\"selectable\" only makes sense beside \"use\"");
        return names;
    }

    CatalogReading& reading_;
    CatalogDraft& draft_;
    std::map<std::string, Origin> once_;
    std::map<std::string, Origin> confinements_;
};

// Puts COMPLAINTS into the order of SOURCES, lines and columns.
void sort_complaints(std::vector<Complaint>& complaints, std::span<const CatalogSource> sources) {
    const auto key = [&](const Complaint& complaint) {
        const auto file = std::ranges::find(sources, complaint.origin.file, &CatalogSource::name) - sources.begin();
        return std::tuple(file, complaint.origin.line, complaint.origin.column);
    };
    std::ranges::stable_sort(complaints, {}, key);
}

}  // namespace

std::string Complaint::text() const { return concat({origin.text(), ": ", problem}); }

CatalogReading read_catalog(std::span<const CatalogSource> sources) {
    CatalogReading reading;
    CatalogDraft draft;
    if (sources.empty()) {
        reading.errors.push_back({{"the catalog", 0, 0}, "there is no file in it"});
        return reading;
    }
    Reader reader(reading, draft);
    bool readable = true;
    for (const auto& source : sources) {
        const auto document = parse_document(source, reading.errors);
        if (document) reader.read(source.name, *document);
        readable = readable && document;
    }
    if (readable) {  // what is missing may stand in a file that could not be read
        reader.finish(sources.front().name);
        check_catalog(reading, draft);
    }
    sort_complaints(reading.errors, sources);
    sort_complaints(reading.notes, sources);
    return reading;
}

}  // namespace aa::apparmor
