// SPDX-License-Identifier: Apache-2.0
//
// K3s and RKE2 write containerd's configuration at every start, from a template. Where the file that they wrote imports a directory
// (config-v3.toml.d, containerd 2), ours goes there. Else it goes to the end of the template, and where there is none, one is made
// that extends the built-in one (K3s documentation, "Configuring containerd": releases of September 2023 and later).
#include "base/text.h"
#include "ctl/install/engine/containerd_config.h"
#include "ctl/install/engine/containerd_imports.h"
#include "ctl/install/engine/containerd_runtime.h"
#include "ctl/install/engine/engines.h"
#include "ctl/install/engine/rancher_data.h"

namespace aa::ctl::install {

namespace {

// Where its containerd finds its configuration, and the programs that come first in the PATH of that containerd (k3s pkg/cli/cmds,
// findPreferBundledBin; rke2 likewise).
struct Places {
    Distribution facts;
    std::string directory;
    std::vector<std::string> search_path;

    [[nodiscard]] std::string template_of(int version) const {
        return concat({directory, version == 3 ? "/config-v3.toml.tmpl" : "/config.toml.tmpl"});
    }
    [[nodiscard]] std::string drop_in() const { return concat({directory, "/config-v3.toml.d/", kContainerdDropIn}); }
};

Result<Places> places_on(const Host& host, const Distribution& facts) {
    const auto data = TRY(rancher_data(host, facts));
    Places places{facts, rancher_containerd(data), rancher_unit(host, facts).search_path()};
    places.search_path.insert(places.search_path.begin(), concat({data, facts.programs}));
    return places;
}

void say_what_to_restart(Draft& draft, const Distribution& facts) {
    const auto unit = rancher_unit(draft.host(), facts).name;
    draft.plan().next.push_back(concat({"systemctl restart ", unit.substr(0, unit.rfind('.')), "   (running containers go on)"}));
}

// A file with the runtimes beside the one that is written: containerd 2 merges them.
Result<void> want_drop_in(Draft& draft, const Places& places, const toml::Document& document, const Wanted& wanted) {
    auto tables = runtime_tables(3, wanted, inherited_from(document, 3));
    auto& plan = draft.plan();
    if (wanted.mandatory) {
        auto redirected = redirected_runtimes(document, 3, wanted);
        for (auto& table : redirected.tables) tables.push_back(std::move(table));
        for (const auto& name : redirected.left)
            plan.open.push_back(concat({"the handler ", quote(name), ", which is neither runc nor crun"}));
    } else {
        plan.open.push_back("the handler `runc` (--mandatory gives it to aa-shim)");
    }
    const auto path = places.drop_in();
    if (TRY(draft.base(path, DocumentKind::toml))) {
        return Error{ErrorKind::config, concat({quote(draft.host().place(path)),
                                                " has something in it that aa-shimctl did not write: move it to another file"})};
    }
    draft.want_file(path, containerd_file(3, tables));
    return {};
}

// Tables can be added at the end of the template; those that the template makes cannot be opened again.
Result<void> want_in_template(Draft& draft, const Places& places, const toml::Document& document, int version, const Wanted& wanted) {
    const auto& facts = places.facts;
    if (wanted.make_default) {
        return Error{ErrorKind::config, concat({"--default: this ", facts.name,
                                                " makes the table of the default runtime itself: install without it, and write "
                                                "'default-runtime: aa-shim' into /etc/rancher/",
                                                facts.name, "/config.yaml"})};
    }
    const auto path = places.template_of(version);
    const auto base = TRY(draft.base(path, DocumentKind::lines));
    // The line that extends the built-in template stands outside the marks: what is between them is taken out of the written file.
    const std::string text = base ? base->text : "{{ template \"base\" . }}\n\n";
    draft.want_file(path, with_marked_end(text, table_text(runtime_tables(version, wanted, inherited_from(document, version)), "\n")));
    auto& plan = draft.plan();
    if (!base) {
        plan.notes.push_back(concat({"the template extends the built-in one, which releases of ", facts.name,
                                     " from September 2023 on know (1.24.17, 1.25.13, "
                                     "1.26.8, 1.27.5, 1.28.1)"}));
    }
    plan.open.push_back("the handler `runc`, which the built-in template makes itself");
    return {};
}

Result<void> want_rancher(Draft& draft, const Wanted& wanted, const Distribution& facts) {
    const auto& host = draft.host();
    const auto places = TRY(places_on(host, facts));
    const auto path = concat({places.directory, "/config.toml"});
    const auto written = TRY(host.read(path));
    if (!written) {
        return Error{ErrorKind::not_found, concat({quote(host.place(path)), " is not there: ", facts.name,
                                                   " writes it when it starts, and tells by it "
                                                   "what kind of configuration it knows; start it once first"})};
    }
    // What is ours came into it from the template.
    const auto text = TRY(without_marked(written->text, host.place(path)));
    const auto document = TRY(toml::read(text, host.place(path)));
    const int version = TRY(containerd_version(document));
    const auto imports = TRY(imports_of(host, document, path));
    for (const auto& file : imports.files) TRY(judge_import(host, file, version, wanted));
    TRY(require_no_obstacle(document, version, wanted));
    const bool has_directory = version == 3 && imports.our_directory == places.directory + "/config-v3.toml.d";
    TRY(has_directory ? want_drop_in(draft, places, document, wanted) : want_in_template(draft, places, document, version, wanted));
    want_links(draft, wanted);
    TRY(want_containerd_runtime(draft, wanted, document, version, imports.files, places.search_path));
    if (!wanted.make_default) draft.plan().open.push_back("a pod without a RuntimeClass of aa-shim gets the default runtime");
    say_what_to_restart(draft, facts);
    return {};
}

Result<void> forget_rancher(Draft& draft, const Distribution& facts) {
    const auto places = TRY(places_on(draft.host(), facts));
    (void)TRY(draft.base(places.drop_in(), DocumentKind::toml));
    for (const int version : {2, 3}) (void)TRY(draft.base(places.template_of(version), DocumentKind::lines));
    say_what_to_restart(draft, facts);
    return {};
}

Result<Validation> validation(const Host& /*host*/, bool /*any_state*/) {
    return Validation{nullptr, "not validated: the configuration is written when the service starts; see its log"};
}

}  // namespace

const Engine kK3s = {"k3s", [](Draft& draft, const Wanted& wanted) { return want_rancher(draft, wanted, kK3sFacts); },
                     [](Draft& draft) { return forget_rancher(draft, kK3sFacts); }, validation};
const Engine kRke2 = {"rke2", [](Draft& draft, const Wanted& wanted) { return want_rancher(draft, wanted, kRke2Facts); },
                      [](Draft& draft) { return forget_rancher(draft, kRke2Facts); }, validation};

}  // namespace aa::ctl::install
