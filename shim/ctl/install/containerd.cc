// SPDX-License-Identifier: Apache-2.0
//
// containerd with its CRI plugin: /etc/containerd/config.toml. containerd 1.x replaces a plugin's whole section by that of an
// imported file (cmd/containerd/server/config, mergeConfig), so a file of ours would take the operator's settings away; 2.x, whose
// files have version 3, merges them. So ours goes into a file of its own only there, and only if such files are imported already.
#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "shim/ctl/install/containerd_config.h"
#include "shim/ctl/install/engine_tool.h"
#include "shim/ctl/install/engines.h"
#include "shim/ctl/install/units.h"

namespace aa::shim::ctl::install {

namespace {

constexpr const char* kConfig = "/etc/containerd/config.toml";
constexpr const char* kUnit = "containerd.service";
constexpr std::array<std::string_view, 3> kPrograms = {"/usr/bin/containerd", "/usr/local/bin/containerd", "/usr/sbin/containerd"};
constexpr std::string_view kDropIn = "50-aa-shim.toml";

std::string directory_of(std::string_view path) { return std::string(path.substr(0, path.rfind('/'))); }

Result<void> require_default_path(const Unit& unit) {
    for (const auto* name : {"--config", "-c"}) {
        if (const auto option = unit.option(name); option && option->value != kConfig) {
            return Error{ErrorKind::config, concat({option->line->place, ": containerd is started with ", name, " and does not read ",
                                                    kConfig, ": move that file there, and take the option away"})};
        }
    }
    return {};
}

// The version for a file that is made from nothing: what this containerd would write itself.
int version_for_new_file(const Host& host) {
    const auto program = find_tool(host, kPrograms);
    if (!program) return 2;
    const auto run = run_tool(host, *program, {"config", "default"});
    if (!run || !run->ok()) return 2;
    const auto document = toml::read(run->output, "containerd config default");
    const auto* version = document ? document->pair({"version"}) : nullptr;
    return version != nullptr && document->text.substr(version->value.begin, 1) == "3" ? 3 : 2;
}

struct Imports {
    std::vector<std::string> files;            // in the order in which they are read, that of ours left out
    std::optional<std::string> our_directory;  // the first one whose *.toml are all read
};

// The files that DOCUMENT, at PATH, imports; patterns only in the last part of a path.
Result<Imports> imports_of(const Host& host, const toml::Document& document, const std::string& path) {
    Imports imports;
    const auto* pair = document.pair({"imports"});
    if (pair == nullptr) return imports;
    if (!pair->only_strings || pair->value_kind != toml::ValueKind::array)
        return document.error(pair->value.begin, "\"imports\" must be an array of strings");
    for (const auto& import : pair->strings) {
        const auto pattern = import.starts_with('/') ? import : concat({directory_of(path), "/", import});
        const auto directory = directory_of(pattern);
        const auto last = pattern.substr(directory.size() + 1);
        if (directory.find_first_of("*?[\\") != std::string::npos || pattern.find("/../") != std::string::npos) {
            return document.error(pair->value.begin, concat({"the import ", quote(import),
                                                             " is of a form that aa-shimctl does not follow: make the change by hand"}));
        }
        if (last.find_first_of("*?[\\") == std::string::npos) {
            if (pattern != path) imports.files.push_back(pattern);
            continue;
        }
        if (last == "*.toml" && !imports.our_directory) imports.our_directory = directory;
        for (const auto& name : TRY(host.list(directory))) {
            if (::fnmatch(last.c_str(), name.c_str(), FNM_PERIOD) != 0 || name == kDropIn) continue;
            imports.files.push_back(concat({directory, "/", name}));
        }
    }
    return imports;
}

// Imported files must not have what would make ours not count.
Result<void> judge_import(const Host& host, const std::string& path, int version, const Wanted& wanted, bool merges) {
    const auto file = TRY(host.read(path));
    if (!file) return Error{ErrorKind::not_found, concat({quote(host.place(path)), ", which ", kConfig, " imports, is not there"})};
    const auto document = TRY(toml::read(file->text, host.place(path)));
    if (const auto* nested = document.pair({"imports"}); nested != nullptr && !nested->strings.empty()) {
        return document.error(nested->lines.begin,
                              "an imported file that imports others is more than aa-shimctl follows: make the change by hand");
    }
    if (const auto* entry = document.below(cri_plugin(2)); entry != nullptr && !merges) {
        return document.error(entry->lines.begin, concat({"containerd 1 takes this in place of all that ", kConfig, " says of the plugin ",
                                                          quote(cri_plugin(2).back()), ": move it there"}));
    }
    for (const int known : {2, version}) TRY(require_no_obstacle(document, known, wanted));
    toml::Path default_name = cri_containerd(version);
    default_name.emplace_back("default_runtime_name");
    if (const auto* pair = document.pair(default_name); pair != nullptr && wanted.make_default) {
        return document.error(pair->lines.begin, "this would overrule the default runtime: take it out, or install without --default");
    }
    return {};
}

void want_drop_in(Draft& draft, const std::string& path, int version, const std::vector<TomlTable>& tables,
                  const std::optional<HostFile>& base) {
    draft.want_file(path, concat({base ? base->text : std::string(), containerd_file(version, tables)}));
}

struct Judged {
    std::vector<std::string> left;
};

Result<Judged> want_in_files(Draft& draft, const Wanted& wanted) {
    const auto& host = draft.host();
    const auto base = TRY(draft.base(kConfig, DocumentKind::toml));
    if (!base) {
        const int version = version_for_new_file(host);
        const auto empty = TRY(toml::read("", kConfig));
        auto tables = runtime_tables(version, wanted, {});
        if (wanted.mandatory) {
            for (auto& table : redirected_runtimes(empty, version, wanted).tables) tables.push_back(std::move(table));
        }
        draft.want_file(kConfig, containerd_file(version, tables));
        return Judged{};
    }
    const auto document = TRY(toml::read(base->text, host.place(kConfig)));
    const int version = TRY(containerd_version(document));
    const auto imports = TRY(imports_of(host, document, kConfig));
    const bool in_own_file = version == 3 && imports.our_directory.has_value();
    for (const auto& file : imports.files) TRY(judge_import(host, file, version, wanted, version == 3));
    if (!in_own_file) {
        auto change = TRY(with_containerd_runtimes(document, wanted));
        draft.want_file(kConfig, change.text);
        return Judged{std::move(change.left)};
    }
    TRY(require_no_obstacle(document, version, wanted));
    auto tables = runtime_tables(version, wanted, inherited_from(document, version));
    Judged judged;
    if (wanted.mandatory) {
        auto redirected = redirected_runtimes(document, version, wanted);
        for (auto& table : redirected.tables) tables.push_back(std::move(table));
        judged.left = std::move(redirected.left);
    }
    const auto path = concat({*imports.our_directory, "/", kDropIn});
    const auto own = TRY(draft.base(path, DocumentKind::toml));
    if (own)
        return Error{ErrorKind::config,
                     concat({quote(host.place(path)), " has something in it that aa-shimctl did not write: move it to another file"})};
    want_drop_in(draft, path, version, tables, own);
    return judged;
}

Result<void> want(Draft& draft, const Wanted& wanted) {
    const auto& host = draft.host();
    const auto unit = TRY(read_unit(host, kUnit));
    TRY(require_default_path(unit));
    const auto judged = TRY(want_in_files(draft, wanted));
    want_links(draft, wanted);
    if (wanted.mandatory && unit.exists) TRY(want_engine_path(draft, unit, {}));

    auto& plan = draft.plan();
    if (!wanted.make_default)
        plan.open.push_back("a pod without a RuntimeClass of aa-shim gets the default runtime (--default changes that)");
    if (!wanted.mandatory)
        plan.open.push_back(
            "other handlers of this configuration, above all `runc` (--mandatory gives those that are runc or crun to aa-shim)");
    for (const auto& name : judged.left) plan.open.push_back(concat({"the handler ", quote(name), ", which is neither runc nor crun"}));
    plan.open.push_back(
        "`ctr run --runtime` and nerdctl with a runtime by path or another shim (io.containerd.runsc.v1), and everything that root does");
    if (wanted.mandatory && !unit.exists) {
        plan.notes.push_back(concat({"there is no ", kUnit, ": put ", kEnginePath,
                                     " first in containerd's PATH yourself, so that `ctr run` without options is closed, too"}));
    }
    plan.next.push_back(
        concat({wanted.mandatory ? "systemctl daemon-reload && " : "", "systemctl restart containerd   (running containers go on)"}));
    return {};
}

Result<void> forget(Draft& draft) {
    const auto& host = draft.host();
    const auto base = TRY(draft.base(kConfig, DocumentKind::toml));
    (void)TRY(draft.base(drop_in_path(kUnit, "containerd"), DocumentKind::lines));
    draft.plan().next.push_back("systemctl daemon-reload && systemctl restart containerd   (running containers go on)");
    if (!base) return {};
    const auto document = TRY(toml::read(base->text, host.place(kConfig)));
    const auto imports = TRY(imports_of(host, document, kConfig));
    if (imports.our_directory) (void)TRY(draft.base(concat({*imports.our_directory, "/", kDropIn}), DocumentKind::toml));
    return {};
}

Result<Validation> validation(const Host& host, bool any_state) {
    const auto program = find_tool(host, kPrograms);
    if (!program) return Validation{nullptr, "not validated: there is no containerd here"};
    const auto dump = [host = &host, path = *program] { return run_tool(*host, path, {"config", "dump"}); };
    const auto before_or_not = dump();
    if (!before_or_not) return Validation{nullptr, concat({"not validated: ", before_or_not.error().message})};
    const auto& before = *before_or_not;
    if (!before.ok()) {
        if (any_state)
            return Validation{nullptr, concat({"not validated: containerd refuses the configuration as it is: ", before.reason()})};
        return Error{ErrorKind::config, concat({"containerd refuses ", quote(host.place(kConfig)), " as it is: ", before.reason()})};
    }
    return Validation{[dump, text = before.output]() -> Result<void> {
                          const auto run = TRY(dump());
                          if (!run.ok())
                              return Error{ErrorKind::config, concat({"containerd refuses the new ", kConfig, ": ", run.reason()})};
                          return require_only_ours_differs(text, run.output);
                      },
                      "validated by containerd config dump: nothing but the lines of aa-shim reads otherwise than before"};
}

}  // namespace

const Engine kContainerd = {"containerd", want, forget, validation};

}  // namespace aa::shim::ctl::install
