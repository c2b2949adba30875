// SPDX-License-Identifier: Apache-2.0
//
// k0s reads /etc/k0s/containerd.d/*.toml as long as /etc/k0s/containerd.toml begins with its mark (its documentation, "Runtime"). Of version
// 2, it merges them itself into /run/k0s/containerd-cri.toml when it starts, key by key; of version 3, containerd merges what that file
// imports (pkg/component/worker/containerd).
#include <algorithm>
#include <array>

#include "base/text.h"
#include "ctl/install/engine/containerd_config.h"
#include "ctl/install/engine/containerd_imports.h"
#include "ctl/install/engine/containerd_runtime.h"
#include "ctl/install/engine/engines.h"
#include "ctl/install/plan/units.h"

namespace aa::ctl::install {

namespace {

constexpr const char* kConfig = "/etc/k0s/containerd.toml";
constexpr std::string_view kMark = "# k0s_managed=true";
constexpr const char* kDirectory = "/etc/k0s/containerd.d";
constexpr const char* kMerged = "/run/k0s/containerd-cri.toml";
constexpr std::array<const char*, 2> kUnits = {"k0sworker.service", "k0scontroller.service"};

std::string drop_in() { return concat({kDirectory, "/", kContainerdDropIn}); }

Unit unit_of(const Host& host) {
    auto worker = read_unit(host, kUnits[0]);
    if (worker.exists) return worker;
    auto controller = read_unit(host, kUnits[1]);
    return controller.exists ? controller : worker;
}

// k0s unpacks its programs there, and its containerd finds them first (pkg/supervisor).
std::vector<std::string> search_path(const Unit& unit) {
    const auto data = unit.option("--data-dir");
    auto directories = unit.search_path();
    directories.insert(directories.begin(), concat({data ? data->value : std::string("/var/lib/k0s"), "/bin"}));
    return directories;
}

// What counts of the CRI plugin without us, and the files beside ours.
struct Configuration {
    std::string text, name;
    std::vector<std::string> others;
};

Result<std::string> read_required(const Host& host, const char* path) {
    const auto file = TRY(host.read(path));
    if (file) return file->text;
    return Error{ErrorKind::not_found, concat({quote(host.place(path)),
                                               " is not there: k0s writes it when it starts, and tells by it what "
                                               "kind of configuration it knows; start it once first"})};
}

Result<Configuration> read_configuration(const Host& host) {
    Configuration configuration{TRY(read_required(host, kConfig)), host.place(kConfig), {}};
    if (!configuration.text.starts_with(concat({kMark, "\n"}))) {
        return Error{ErrorKind::config,
                     concat({configuration.name, ":1: k0s does not manage this file, as its first line is not ", quote(kMark),
                             ", and so reads nothing in ", kDirectory,
                             ": remove the file and restart k0s, or write the runtimes into it by hand (docs/install.md)"})};
    }
    for (const auto& name : TRY(host.list(kDirectory))) {
        if (name.ends_with(".toml") && !name.starts_with('.') && name != kContainerdDropIn)
            configuration.others.push_back(concat({kDirectory, "/", name}));
    }
    if (TRY(containerd_version(TRY(toml::read(configuration.text, configuration.name)))) == 3) return configuration;
    configuration.name = host.place(kMerged);
    // What is ours came into it from our file.
    configuration.text = TRY(without_ours(DocumentKind::toml, TRY(read_required(host, kMerged)), configuration.name, {})).value_or("");
    return configuration;
}

// Whether the file PATH is merged after ours, and has a word on the default runtime, too.
Result<void> judge_other(const Host& host, const std::string& path, int version, const Wanted& wanted) {
    if (version == 3) return judge_import(host, path, version, wanted);
    const auto file = TRY(host.read(path));
    const auto document = TRY(toml::read(file ? file->text : std::string(), host.place(path)));
    TRY(require_no_obstacle(document, version, wanted));
    const auto* pair = document.pair(toml::below(cri_containerd(version), "default_runtime_name"));
    if (pair == nullptr || !wanted.make_default || path < drop_in()) return {};
    return document.error(pair->lines.begin, "this would overrule the default runtime: take it out, or install without --default");
}

Result<void> want(Draft& draft, const Wanted& wanted) {
    const auto& host = draft.host();
    const auto unit = unit_of(host);
    TRY(require_engine(draft, unit, "k0s", kConfig));
    const auto configuration = TRY(read_configuration(host));
    const auto document = TRY(toml::read(configuration.text, configuration.name));
    const int version = TRY(containerd_version(document));
    for (const auto& path : configuration.others) TRY(judge_other(host, path, version, wanted));
    TRY(require_no_obstacle(document, version, wanted));
    if (version == 3 && TRY(imports_of(host, document, kConfig)).our_directory != kDirectory) {
        return Error{ErrorKind::config, concat({configuration.name, ": this does not import ", kDirectory,
                                                "/*.toml: restart k0s, so that it writes it anew"})};
    }
    auto tables = runtime_tables(version, wanted, inherited_from(document, version));
    auto& plan = draft.plan();
    if (wanted.mandatory) {
        auto redirected = redirected_runtimes(document, version, wanted);
        for (auto& table : redirected.tables) tables.push_back(std::move(table));
        for (const auto& name : redirected.left)
            plan.open.push_back(concat({"the handler ", quote(name), ", which is neither runc nor crun"}));
    } else {
        plan.open.push_back("the handler `runc` (--mandatory gives it to aa-shim)");
    }
    if (TRY(draft.base(drop_in(), DocumentKind::toml))) {
        return Error{ErrorKind::config,
                     concat({quote(host.place(drop_in())), " has something in it that aa-shimctl did not write: move it to another file"})};
    }
    draft.want_file(drop_in(), containerd_file(version, tables));
    want_links(draft, wanted);
    TRY(want_containerd_runtime(draft, wanted, document, version, version == 3 ? configuration.others : std::vector<std::string>(),
                                search_path(unit)));
    if (!wanted.make_default) plan.open.push_back("a pod without a RuntimeClass of aa-shim gets the default runtime");
    plan.next.push_back(concat({"systemctl restart ", unit.name.substr(0, unit.name.rfind('.')), "   (running containers go on)"}));
    return {};
}

Result<void> forget(Draft& draft) {
    (void)TRY(draft.base(drop_in(), DocumentKind::toml));
    const auto unit = unit_of(draft.host()).name;
    draft.plan().next.push_back(concat({"systemctl restart ", unit.substr(0, unit.rfind('.')), "   (running containers go on)"}));
    return {};
}

Result<Validation> validation(const Host& /*host*/, bool /*any_state*/) {
    return Validation{nullptr, "not validated: k0s reads its drop-ins when it starts; see its log"};
}

}  // namespace

const Engine kK0s = {"k0s", want, forget, validation};

}  // namespace aa::ctl::install
