// SPDX-License-Identifier: Apache-2.0
//
// CRI-O: a drop-in in /etc/crio/crio.conf.d, which is read after crio.conf in the order of names; a runtime's table replaces one of
// the same name as a whole (crio.conf.d(5)). The packages' own 10-crio.conf sets the default runtime, so ours comes behind it.
// Annotations of pods reach the runtime without being allowed; allowed_annotations takes only names that CRI-O knows (pkg/config,
// validateAllowedAndGenerateDisallowedAnnotations) and is taken over from the runtime that containers get now.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "ctl/install/engine/engines.h"
#include "ctl/install/engine/lower_runtime.h"
#include "ctl/install/plan/config_files.h"
#include "ctl/install/plan/units.h"
#include "shim/runtime.h"

namespace aa::ctl::install {

namespace {

constexpr const char* kUnit = "crio.service";
constexpr std::string_view kDirectory = "/etc/crio/crio.conf.d";
constexpr std::string_view kName = "50-aa-shim.conf";
// A pod with one of these names the program that its containers are started with, where its handler lets it.
constexpr std::array<std::string_view, 2> kNameTheRuntime = {"io.kubernetes.cri-o.PlatformRuntimePath", "platform-runtime-path.crio.io"};

constexpr std::string_view kAllowed = "allowed_annotations";

const toml::Path kRuntimeTable = {"crio", "runtime"};
const toml::Path kRuntimesTable = {"crio", "runtime", "runtimes"};
const toml::Path kWorkloadsTable = {"crio", "runtime", "workloads"};

std::string path_of_ours() { return concat({kDirectory, "/", kName}); }

Result<ConfigFiles> read_files(const Host& host) {
    return ConfigFiles::read(host, {"/etc/crio/crio.conf"}, std::string(kDirectory), "", kName);
}

Result<void> require_default_paths(const Unit& unit) {
    for (const auto* flag : {"--config", "-c", "--config-dir", "-d"}) {
        const auto option = unit.option(flag);
        if (!option || option->value == "/etc/crio/crio.conf" || option->value == kDirectory) continue;
        return Error{ErrorKind::config, concat({option->place, ": crio is started with ", flag, ", so that ", kDirectory,
                                                " may not count: make the change by hand, or take the option away"})};
    }
    return {};
}

// Keys of a runtime's table that say which program it is: those that ours sets, and those that would overrule it.
bool chooses_program(std::string_view key) {
    return key == "runtime_path" || key == "runtime_type" || key == "platform_runtime_paths" || key == "inherit_default_runtime";
}

bool names_the_runtime(std::string_view annotation) {
    return std::find(kNameTheRuntime.begin(), kNameTheRuntime.end(), annotation) != kNameTheRuntime.end();
}

// The annotations that the runtime or workload with TABLE lets through.
std::vector<std::string> allowed_annotations(const ConfigFiles& files, const toml::Path& table) {
    const auto found = files.last_pair(toml::below(table, kAllowed));
    return found ? found->entry->strings : std::vector<std::string>();
}

// The settings of the runtime with TABLE, with another program in it, which no pod can replace.
TomlPairs with_program(const ConfigFiles& files, const toml::Path& table, std::string_view program, std::string_view root) {
    TomlPairs result = {{"runtime_path", toml::quoted(program)}, {"runtime_type", "\"oci\""}};
    bool has_root = false;
    auto allowed = allowed_annotations(files, table);
    const bool filtered = std::erase_if(allowed, names_the_runtime) != 0;
    for (const auto& [key, value] : files.last_table(table)) {
        if (chooses_program(key)) continue;
        has_root = has_root || key == "runtime_root";
        result.emplace_back(key, filtered && key == kAllowed ? toml::array(allowed) : value);
    }
    if (!has_root) result.insert(result.begin() + 2, {"runtime_root", toml::quoted(root)});
    return result;
}

// What lets pods name their runtime, unless it is a runtime's table that ours replaces.
void tell_of_annotations(const ConfigFiles& files, const Wanted& wanted, Plan& plan) {
    for (const auto* kind : {&kRuntimesTable, &kWorkloadsTable}) {
        for (const auto& name : files.names_below(*kind)) {
            if (wanted.mandatory && kind == &kRuntimesTable && (name == "runc" || name == "crun")) continue;
            for (const auto& annotation : allowed_annotations(files, toml::below(*kind, name))) {
                if (!names_the_runtime(annotation)) continue;
                plan.open.push_back(concat({"a pod with the annotation ", quote(annotation), ", which the ",
                                            kind->back() == "runtimes" ? "handler " : "workload ", quote(name), " allows"}));
            }
        }
    }
}

// The handler NAME: its runtime_path, else its name in PATH, or where CRI-O's packages have their own; a runtime_type that is not "oci"
// is another shim (crio.conf(5)).
UsualRuntime runtime_called(const ConfigFiles& files, const Unit& unit, const std::string& name) {
    const auto table = toml::below(kRuntimesTable, name);
    const auto path = files.last_string(toml::below(table, "runtime_path")).value_or("");
    const auto type = files.last_string(toml::below(table, "runtime_type")).value_or("");
    auto directories = unit.search_path();
    directories.emplace_back("/usr/libexec/crio");
    UsualRuntime runtime{name, places_of(path.empty() ? name : path, directories), {}, {}};
    if (!type.empty() && type != "oci") runtime.other_shim = path.empty() ? type : path;
    if (const auto found = files.first_below(table))
        runtime.place = concat({found->document->name, ":", toml::line_and_column(found->document->text, found->entry->lines.begin)});
    return runtime;
}

// "crun" since 1.31, "runc" before: whichever is there.
std::string built_in_default(const Host& host, const ConfigFiles& files, const Unit& unit) {
    const auto crun = runtime_called(files, unit, "crun").candidates;
    return host.find_program(std::vector<std::string_view>(crun.begin(), crun.end())) ? "crun" : "runc";
}

std::vector<UsualRuntime> taken_runtimes(const ConfigFiles& files, const Unit& unit, const UsualRuntime& usual, const Wanted& wanted) {
    std::vector<UsualRuntime> taken;
    for (const auto* name : {"runc", "crun"}) {
        if (wanted.mandatory && usual.name != name && files.first_below(toml::below(kRuntimesTable, name)))
            taken.push_back(runtime_called(files, unit, name));
    }
    return taken;
}

Result<void> want(Draft& draft, const Wanted& wanted) {
    const auto& host = draft.host();
    const auto unit = read_unit(host, kUnit);
    TRY(require_engine(draft, unit, "crio", "/etc/crio"));
    TRY(require_default_paths(unit));
    const auto files = TRY(read_files(host));
    const auto set = files.last_string(toml::below(kRuntimeTable, "default_runtime"));
    const auto usual = runtime_called(files, unit, set ? *set : built_in_default(host, files, unit));
    const auto usual_table = toml::below(kRuntimesTable, set.value_or(""));
    const auto lower = TRY(want_runtime(draft, wanted, usual, taken_runtimes(files, unit, usual, wanted)));
    const auto kind = shim::runtime_kind(lower);
    const std::string_view root = kind && *kind == oci::RuntimeKind::crun ? "/run/crun" : "/run/runc";

    std::vector<TomlTable> tables;
    if (wanted.make_default) tables.push_back({kRuntimeTable, {{"default_runtime", "\"aa-shim\""}}});
    for (const auto& runtime : runtimes(wanted)) {
        const auto table = toml::below(kRuntimesTable, runtime.name);
        TRY(files.require_nothing_below(
            table, concat({"there is a runtime ", quote(runtime.name), " that aa-shimctl did not write: remove it first"})));
        tables.push_back({table, with_program(files, usual_table, runtime.path, root)});
    }
    auto& plan = draft.plan();
    if (wanted.make_default) {
        TRY(files.require_not_overruled(
            toml::below(kRuntimeTable, "default_runtime"),
            concat({"this is read after ", kName, " and overrules its default runtime: take it out, or install without --default"})));
    } else {
        plan.open.push_back("a pod without a RuntimeClass of aa-shim gets the default runtime (--default changes that)");
    }
    for (const auto& name : files.names_below(kRuntimesTable)) {
        if (name != "runc" && name != "crun")
            plan.open.push_back(concat({"the handler ", quote(name), ", which is neither runc nor crun"}));
    }
    for (const auto* name : {"runc", "crun"}) {
        if (!wanted.mandatory) continue;
        const auto table = toml::below(kRuntimesTable, name);
        TRY(files.require_not_overruled(
            toml::below(table, "runtime_path"),
            concat({"this is read after ", kName, " and overrules it: rename the file, or install without --mandatory"})));
        tables.push_back({table, with_program(files, table, wanted.shim, concat({"/run/", name}))});
    }
    if (!wanted.mandatory) plan.open.push_back("the handlers `runc` and `crun` (--mandatory gives them to aa-shim)");

    tell_of_annotations(files, wanted, plan);

    const auto base = TRY(draft.base(path_of_ours(), DocumentKind::toml));
    if (base)
        return Error{ErrorKind::config, concat({quote(host.place(path_of_ours())),
                                                " has something in it that aa-shimctl did not write: move it to another file"})};
    draft.want_file(path_of_ours(), marked(table_text(tables, "\n"), "\n"));
    want_links(draft, wanted);
    plan.next.push_back("systemctl restart crio   (running containers go on)");
    return {};
}

Result<void> forget(Draft& draft) {
    (void)TRY(draft.base(path_of_ours(), DocumentKind::toml));
    draft.found_elsewhere(TRY(read_files(draft.host())).found_of_ours());
    draft.plan().next.push_back("systemctl restart crio   (running containers go on)");
    return {};
}

Result<Validation> validation(const Host& /*host*/, bool /*any_state*/) {
    return Validation{nullptr, "not validated: CRI-O has no command that only reads its configuration"};
}

}  // namespace

const Engine kCrio = {"crio", want, forget, validation};

}  // namespace aa::ctl::install
