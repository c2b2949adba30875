// SPDX-License-Identifier: Apache-2.0
//
// containerd with its CRI plugin: /etc/containerd/config.toml. containerd 1.x replaces a plugin's whole section by that of an
// imported file (cmd/containerd/server/config, mergeConfig), so a file of ours would take the operator's settings away; 2.x, whose
// files have version 3, merges them. So ours goes into a file of its own only there, and only if such files are imported already.
#include <array>

#include "base/text.h"
#include "ctl/install/engine/containerd_config.h"
#include "ctl/install/engine/containerd_imports.h"
#include "ctl/install/engine/containerd_runtime.h"
#include "ctl/install/engine/engines.h"
#include "ctl/install/plan/units.h"

namespace aa::ctl::install {

namespace {

constexpr const char* kConfig = "/etc/containerd/config.toml";
constexpr const char* kUnit = "containerd.service";
constexpr std::array<std::string_view, 3> kPrograms = {"/usr/bin/containerd", "/usr/local/bin/containerd", "/usr/sbin/containerd"};
Result<void> require_default_path(const Unit& unit) {
    for (const auto* name : {"--config", "-c"}) {
        if (const auto option = unit.option(name); option && option->value != kConfig) {
            return Error{ErrorKind::config, concat({option->place, ": containerd is started with ", name, " and does not read ", kConfig,
                                                    ": move that file there, and take the option away"})};
        }
    }
    return {};
}

// The version for a file that is made from nothing: what this containerd would write itself.
int version_for_new_file(const Host& host) {
    const auto program = host.find_program(kPrograms);
    if (!program) return 2;
    const auto run = host.run({*program, "config", "default"}, kToolSeconds);
    if (!run || !run->ok()) return 2;
    const auto document = toml::read(run->output, "containerd config default");
    const auto* version = document ? document->pair({"version"}) : nullptr;
    return version != nullptr && document->text.substr(version->value.begin, 1) == "3" ? 3 : 2;
}

struct Judged {
    std::vector<std::string> left;
};

Result<Judged> want_in_files(Draft& draft, const Unit& unit, const Wanted& wanted) {
    const auto& host = draft.host();
    const auto base = TRY(draft.base(kConfig, DocumentKind::toml));
    if (!base) {
        const int version = version_for_new_file(host);
        const auto empty = TRY(toml::read("", kConfig));
        auto tables = runtime_tables(version, wanted, {});
        auto others = wanted.mandatory ? redirected_runtimes(empty, version, wanted).tables : kept_built_in(empty, version);
        for (auto& table : others) tables.push_back(std::move(table));
        draft.want_file(kConfig, containerd_file(version, tables));
        TRY(want_containerd_runtime(draft, wanted, empty, version, {}, unit.search_path()));
        return Judged{};
    }
    const auto document = TRY(toml::read(base->text, host.place(kConfig)));
    const int version = TRY(containerd_version(document));
    const auto imports = TRY(imports_of(host, document, kConfig));
    const bool in_own_file = version == 3 && imports.our_directory.has_value();
    for (const auto& file : imports.files) TRY(judge_import(host, file, version, wanted));
    TRY(want_containerd_runtime(draft, wanted, document, version, imports.files, unit.search_path()));
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
    const auto path = concat({*imports.our_directory, "/", kContainerdDropIn});
    const auto own = TRY(draft.base(path, DocumentKind::toml));
    if (own)
        return Error{ErrorKind::config,
                     concat({quote(host.place(path)), " has something in it that aa-shimctl did not write: move it to another file"})};
    draft.want_file(path, containerd_file(version, tables));
    return judged;
}

Result<void> want(Draft& draft, const Wanted& wanted) {
    const auto& host = draft.host();
    const auto unit = read_unit(host, kUnit);
    TRY(require_engine(draft, unit, "containerd", kConfig));
    TRY(require_default_path(unit));
    const auto judged = TRY(want_in_files(draft, unit, wanted));
    want_links(draft, wanted);
    if (wanted.mandatory) want_engine_links(draft, wanted);
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
    for (const auto& path : imports.files) {
        if (const auto file = TRY(host.read(path))) draft.found_elsewhere(found_of_ours(DocumentKind::toml, file->text, host.place(path)));
    }
    if (imports.our_directory) (void)TRY(draft.base(concat({*imports.our_directory, "/", kContainerdDropIn}), DocumentKind::toml));
    return {};
}

Result<Validation> validation(const Host& host, bool any_state) {
    const auto program = host.find_program(kPrograms);
    if (!program) return Validation{nullptr, "not validated: there is no containerd here"};
    // containerd 1 dumps no configuration where there is no file, though it runs without one.
    const auto dump = [host = &host, path = *program] {
        return host->run({path, "config", host->exists(kConfig) ? "dump" : "default"}, kToolSeconds);
    };
    const auto before_or_not = dump();
    if (!before_or_not) return Validation{nullptr, concat({"not validated: ", before_or_not.error().message})};
    const auto& before = *before_or_not;
    if (!before.ok()) {
        if (any_state)
            return Validation{nullptr, concat({"not validated: containerd refuses the configuration as it is: ", last_words(before)})};
        return Error{ErrorKind::config, concat({"containerd refuses ", quote(host.place(kConfig)), " as it is: ", last_words(before)})};
    }
    return Validation{[dump, text = before.output]() -> Result<void> {
                          const auto run = TRY(dump());
                          if (!run.ok())
                              return Error{ErrorKind::config, concat({"containerd refuses the new ", kConfig, ": ", last_words(run)})};
                          return require_only_ours_differs(text, run.output);
                      },
                      "validated by containerd config dump: nothing but the lines of aa-shim reads otherwise than before"};
}

}  // namespace

const Engine kContainerd = {"containerd", want, forget, validation};

}  // namespace aa::ctl::install
