// SPDX-License-Identifier: Apache-2.0
//
// Podman: a drop-in in /etc/containers/containers.conf.d, which is read after both containers.conf in the order of names;
// [engine.runtimes] is merged by name (containers.conf(5)).
#include <array>

#include "base/text.h"
#include "ctl/install/engine/engines.h"
#include "ctl/install/engine/lower_runtime.h"
#include "ctl/install/plan/config_files.h"
#include "shim/runtime.h"

namespace aa::ctl::install {

namespace {

constexpr std::string_view kDirectory = "/etc/containers/containers.conf.d";
constexpr std::string_view kName = "50-aa-shim.conf";
constexpr std::array<std::string_view, 2> kPrograms = {"/usr/bin/podman", "/usr/local/bin/podman"};
const toml::Path kEngineTable = {"engine"};
const toml::Path kRuntimesTable = {"engine", "runtimes"};

std::string path_of_ours() { return concat({kDirectory, "/", kName}); }

Result<ConfigFiles> read_files(const Host& host) {
    return ConfigFiles::read(host, {"/usr/share/containers/containers.conf", "/etc/containers/containers.conf"}, std::string(kDirectory),
                             ".conf", kName);
}

// A list of runtimes in [engine], and what it is where no file has it (common/pkg/config/default.go).
struct RuntimeList {
    std::string_view key;
    std::vector<std::string> usual;
};

// Those that ours belong to.
std::vector<RuntimeList> lists_of_runtimes(const std::string& lower) {
    // They write their log as JSON; it is how the reason of a refusal reaches the user.
    std::vector<RuntimeList> lists = {{"runtime_supports_json", {"crun", "runc", "kata", "runsc", "youki", "krun"}}};
    // They start a container without a cgroup of its own, which of the two only crun does. containers.conf(5) has another name for it,
    // which Podman does not know (pkg/config/config.go; seen on 4.3, 5.4 and 5.8).
    const auto kind = shim::runtime_kind(lower);
    if (kind && *kind == oci::RuntimeKind::crun) lists.push_back({"runtime_supports_nocgroup", {"crun", "krun"}});
    return lists;
}

// The runtimes in LIST as the files give it, and ours.
std::string with_ours(const ConfigFiles& files, const RuntimeList& list, const Wanted& wanted) {
    auto names = list.usual;
    if (const auto theirs = files.last_pair(toml::below(kEngineTable, list.key)); theirs && theirs->entry->only_strings) {
        names = theirs->entry->strings;
    }
    for (const auto& runtime : runtimes(wanted)) names.push_back(runtime.name);
    return toml::array(std::move(names));
}

// Where Podman looks for a runtime that no file gives paths for, and in which order for one that no file names (containers/common
// pkg/config/default.go: defaultConfigFromMemory, findRuntime).
constexpr std::array<std::string_view, 7> kDirectories = {"/usr/bin", "/usr/sbin", "/usr/local/bin",          "/usr/local/sbin",
                                                          "/sbin",    "/bin",      "/usr/lib/cri-o-runc/sbin"};

UsualRuntime runtime_called(const ConfigFiles& files, const std::string& name) {
    UsualRuntime usual{name, places_of(name, {kDirectories.begin(), kDirectories.end()}), {}, {}};
    const auto found = files.last_pair(toml::below(kRuntimesTable, name));
    if (found && found->entry->only_strings) usual.candidates = found->entry->strings;
    if (found) usual.place = concat({found->document->name, ":", toml::line_and_column(found->document->text, found->entry->lines.begin)});
    return usual;
}

UsualRuntime usual_runtime(const Host& host, const ConfigFiles& files) {
    if (const auto name = files.last_string(toml::below(kEngineTable, "runtime")); name && !name->empty())
        return runtime_called(files, *name);
    auto crun = runtime_called(files, "crun");
    return host.find_program(std::vector<std::string_view>(crun.candidates.begin(), crun.candidates.end())) ? crun
                                                                                                            : runtime_called(files, "runc");
}

std::vector<UsualRuntime> taken_runtimes(const ConfigFiles& files, const UsualRuntime& usual, const Wanted& wanted) {
    std::vector<UsualRuntime> taken;
    for (const auto* name : {"runc", "crun"}) {
        if (wanted.mandatory && usual.name != name) taken.push_back(runtime_called(files, name));
    }
    return taken;
}

Result<void> want(Draft& draft, const Wanted& wanted) {
    const auto& host = draft.host();
    const Unit none{"podman.service", false, {}, {}};
    TRY(require_engine(draft, none, "podman", "/etc/containers"));
    const auto files = TRY(read_files(host));
    const auto usual = usual_runtime(host, files);
    const auto lower = TRY(want_runtime(draft, wanted, usual, taken_runtimes(files, usual, wanted)));
    TomlTable engine{kEngineTable, {}};
    TomlTable known{kRuntimesTable, {}};
    if (wanted.make_default) engine.pairs.emplace_back("runtime", "\"aa-shim\"");
    for (const auto& list : lists_of_runtimes(lower)) {
        TRY(files.require_not_overruled(toml::below(kEngineTable, list.key),
                                        concat({"this is read after ", kName, " and overrules it: rename the file"})));
        engine.pairs.emplace_back(list.key, with_ours(files, list, wanted));
    }
    for (const auto& runtime : runtimes(wanted)) {
        TRY(files.require_nothing_below(
            toml::below(kRuntimesTable, runtime.name),
            concat({"there is a runtime ", quote(runtime.name), " that aa-shimctl did not write: remove it first"})));
        known.pairs.emplace_back(runtime.name, concat({"[", toml::quoted(runtime.path), "]"}));
    }
    auto& plan = draft.plan();
    if (wanted.make_default) {
        TRY(files.require_not_overruled(
            toml::below(kEngineTable, "runtime"),
            concat({"this is read after ", kName, " and overrules its default runtime: take it out, or install without --default"})));
    } else {
        plan.open.push_back("a container that is started without --runtime (--default changes that)");
    }
    for (const auto* name : {"runc", "crun"}) {
        if (!wanted.mandatory) continue;
        TRY(files.require_not_overruled(
            toml::below(kRuntimesTable, name),
            concat({"this is read after ", kName, " and overrules it: rename the file, or install without --mandatory"})));
        known.pairs.emplace_back(name, concat({"[", toml::quoted(wanted.shim), "]"}));
    }
    if (!wanted.mandatory) plan.open.push_back("`podman --runtime runc` and `--runtime crun` (--mandatory gives both names to aa-shim)");
    plan.open.push_back(
        "`--runtime` with a path, `podman build` with another --runtime, and users' own files and environment (~/.config/containers, "
        "CONTAINERS_CONF)");

    const auto base = TRY(draft.base(path_of_ours(), DocumentKind::toml));
    if (base)
        return Error{ErrorKind::config, concat({quote(host.place(path_of_ours())),
                                                " has something in it that aa-shimctl did not write: move it to another file"})};
    draft.want_file(path_of_ours(), marked(table_text({engine, known}, "\n"), "\n"));
    want_links(draft, wanted);
    plan.next.push_back("nothing is to be restarted; containers keep the runtime that they were made with");
    return {};
}

Result<void> forget(Draft& draft) {
    (void)TRY(draft.base(path_of_ours(), DocumentKind::toml));
    draft.found_elsewhere(TRY(read_files(draft.host())).found_of_ours());
    draft.plan().next.push_back("containers that were made with aa-shim need it until they are removed");
    return {};
}

// `podman info` opens the container storage, which only the host itself has.
Result<Validation> validation(const Host& host, bool /*any_state*/) {
    const auto program = host.find_program(kPrograms);
    if (!program) return Validation{nullptr, "not validated: there is no podman here"};
    if (!host.root().empty()) return Validation{nullptr, "not validated: podman can only be asked on the host itself"};
    const auto info = [host = &host, path = *program] {
        return host->run({path, "info", "--format", "{{.Host.OCIRuntime.Name}}"}, kToolSeconds);
    };
    const auto before = info();
    if (!before || !before->ok()) {
        return Validation{nullptr,
                          concat({"not validated: podman info fails as it is: ", before ? last_words(*before) : before.error().message})};
    }
    return Validation{[info]() -> Result<void> {
                          const auto run = TRY(info());
                          if (run.ok()) return {};
                          return Error{ErrorKind::config, concat({"podman refuses the new configuration: ", last_words(run)})};
                      },
                      "validated by podman info"};
}

}  // namespace

const Engine kPodman = {"podman", want, forget, validation};

}  // namespace aa::ctl::install
