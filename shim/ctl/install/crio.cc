// SPDX-License-Identifier: Apache-2.0
//
// CRI-O: a drop-in in /etc/crio/crio.conf.d, which is read after crio.conf in the order of names; a runtime's table replaces one of
// the same name as a whole (crio.conf.d(5)). The packages' own 10-crio.conf sets the default runtime, so ours comes behind it.
// Annotations of pods reach the runtime without being allowed; allowed_annotations takes only names that CRI-O knows (pkg/config,
// validateAllowedAndGenerateDisallowedAnnotations) and is taken over from the runtime that containers get now.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "shim/ctl/install/config_files.h"
#include "shim/ctl/install/engines.h"
#include "shim/ctl/install/units.h"

namespace aa::shim::ctl::install {

namespace {

constexpr const char* kUnit = "crio.service";
constexpr std::string_view kDirectory = "/etc/crio/crio.conf.d";
constexpr std::string_view kName = "50-aa-shim.conf";

const toml::Path kRuntimeTable = {"crio", "runtime"};
const toml::Path kRuntimesTable = {"crio", "runtime", "runtimes"};

std::string path_of_ours() { return concat({kDirectory, "/", kName}); }

toml::Path below(toml::Path path, std::string_view name) {
    path.emplace_back(name);
    return path;
}

Result<void> require_default_paths(const Unit& unit) {
    for (const auto* flag : {"--config", "-c", "--config-dir", "-d"}) {
        const auto option = unit.option(flag);
        if (!option || option->value == "/etc/crio/crio.conf" || option->value == kDirectory) continue;
        return Error{ErrorKind::config, concat({option->line->place, ": crio is started with ", flag, ", so that ", kDirectory,
                                                " may not count: make the change by hand, or take the option away"})};
    }
    return {};
}

// The settings of a runtime with another program in it.
TomlPairs with_program(const TomlPairs& pairs, std::string_view program, std::string_view root) {
    TomlPairs result = {{"runtime_path", toml::quoted(program)}, {"runtime_type", "\"oci\""}};
    bool has_root = false;
    for (const auto& [key, value] : pairs) {
        if (key == "runtime_path" || key == "runtime_type" || key == "platform_runtime_paths") continue;
        has_root = has_root || key == "runtime_root";
        result.emplace_back(key, value);
    }
    if (!has_root) result.insert(result.begin() + 2, {"runtime_root", toml::quoted(root)});
    return result;
}

Result<void> want(Draft& draft, const Wanted& wanted) {
    const auto& host = draft.host();
    TRY(require_default_paths(TRY(read_unit(host, kUnit))));
    const auto files = TRY(ConfigFiles::read(host, {"/etc/crio/crio.conf"}, std::string(kDirectory), "", kName));
    const auto usual = files.last_string(below(kRuntimeTable, "default_runtime"));
    const auto settings = usual ? files.last_table(below(kRuntimesTable, *usual)) : TomlPairs();
    const std::string_view root = usual == "crun" ? "/run/crun" : "/run/runc";

    std::vector<TomlTable> tables;
    if (wanted.make_default) tables.push_back({kRuntimeTable, {{"default_runtime", "\"aa-shim\""}}});
    for (const auto& runtime : runtimes(wanted)) {
        const auto table = below(kRuntimesTable, runtime.name);
        TRY(files.require_nothing_below(
            table, concat({"there is a runtime ", quote(runtime.name), " that aa-shimctl did not write: remove it first"})));
        tables.push_back({table, with_program(settings, runtime.path, root)});
    }
    auto& plan = draft.plan();
    if (wanted.make_default) {
        TRY(files.require_not_overruled(
            below(kRuntimeTable, "default_runtime"),
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
        const auto table = below(kRuntimesTable, name);
        TRY(files.require_not_overruled(
            below(table, "runtime_path"),
            concat({"this is read after ", kName, " and overrules it: rename the file, or install without --mandatory"})));
        tables.push_back({table, with_program(files.last_table(table), wanted.shim, concat({"/run/", name}))});
    }
    if (!wanted.mandatory) plan.open.push_back("the handlers `runc` and `crun` (--mandatory gives them to aa-shim)");

    const auto base = TRY(draft.base(path_of_ours(), DocumentKind::toml));
    if (base)
        return Error{ErrorKind::config, concat({quote(host.place(path_of_ours())),
                                                " has something in it that aa-shimctl did not write: move it to another file"})};
    draft.want_file(path_of_ours(), marked(table_text(tables, "\n"), "\n"));
    want_links(draft, wanted);
    want_runtime(draft, {files.last_string(below(below(kRuntimesTable, usual.value_or("crun")), "runtime_path")).value_or(""),
                         "/usr/libexec/crio/crun", "/usr/libexec/crio/runc"});
    plan.next.push_back("systemctl restart crio   (running containers go on)");
    return {};
}

Result<void> forget(Draft& draft) {
    (void)TRY(draft.base(path_of_ours(), DocumentKind::toml));
    draft.plan().next.push_back("systemctl restart crio   (running containers go on)");
    return {};
}

Result<Validation> validation(const Host& /*host*/, bool /*any_state*/) {
    return Validation{nullptr, "not validated: CRI-O has no command that only reads its configuration"};
}

}  // namespace

const Engine kCrio = {"crio", want, forget, validation};

}  // namespace aa::shim::ctl::install
