// SPDX-License-Identifier: Apache-2.0
//
// Docker: /etc/docker/daemon.json, unless dockerd is started with options that contradict it.
#include <array>

#include "base/text.h"
#include "ctl/install/document/daemon_json.h"
#include "ctl/install/engine/containerd_config.h"
#include "ctl/install/engine/engines.h"
#include "ctl/install/engine/lower_runtime.h"
#include "ctl/install/engine/nvidia.h"
#include "ctl/install/plan/units.h"

namespace aa::ctl::install {

namespace {

constexpr const char* kConfig = "/etc/docker/daemon.json";
constexpr const char* kUnit = "docker.service";
constexpr const char* kContainerdUnit = "containerd.service";
constexpr std::array<std::string_view, 3> kPrograms = {"/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"};

// dockerd does not start with a setting that is both an option and in the file (moby daemon/config, findConfigurationConflicts).
Result<void> require_no_conflict(const Unit& unit, const Wanted& wanted) {
    if (const auto option = unit.option("--config-file"); option && option->value != kConfig) {
        return Error{ErrorKind::config, concat({option->place, ": dockerd is started with --config-file and does not read ", kConfig,
                                                ": move that file there, and take the option away"})};
    }
    if (const auto option = unit.option("--add-runtime")) {
        return Error{ErrorKind::config,
                     concat({option->place, ": dockerd is started with --add-runtime, and would not start with runtimes in ", kConfig,
                             ", too: move the option there"})};
    }
    if (const auto option = unit.option("--default-runtime"); option && wanted.make_default) {
        return Error{ErrorKind::config,
                     concat({option->place, ": dockerd is started with --default-runtime, and would not start with it in ", kConfig,
                             ", too: take the option away, or install without --default"})};
    }
    return {};
}

// The runtime `runc`, which dockerd always has, is found by PATH: dockerd's own (23 and later) or that of the containerd whose
// shim starts it. BuildKit takes the command of the variable (moby builder/builder-next, newExecutor).
Result<void> want_closed_doors(Draft& draft, const Unit& unit, const Wanted& wanted) {
    const auto containerd = read_unit(draft.host(), kContainerdUnit);
    if (!unit.exists) {
        return Error{ErrorKind::not_found,
                     concat({"--mandatory: there is no ", kUnit, " to give another PATH: start dockerd with ", kEnginePath,
                             " first in its PATH and DOCKER_BUILDKIT_RUNC_COMMAND=", wanted.shim, " yourself"})};
    }
    want_engine_links(draft, wanted);
    const std::string buildkit = concat({"DOCKER_BUILDKIT_RUNC_COMMAND=", wanted.shim});
    TRY(want_engine_path(draft, unit, {buildkit}));
    if (containerd.exists) TRY(want_engine_path(draft, containerd, {}));
    return {};
}

// The snap's dockerd reads only the snap's files, and sees neither /usr/bin nor /etc/aa-shim of the host (snapcraft.io/docker).
constexpr const char* kSnap = "/snap/bin/docker";
constexpr const char* kSnapConfig = "/var/snap/docker/current/config/daemon.json";

bool has_snap(const Host& host) {
    return host.exists(kSnap) || host.exists(kSnapConfig) || read_unit(host, "snap.docker.dockerd.service").exists;
}

Result<void> require_dockerd(const Host& host, const Unit& unit) {
    if (has_program(host, unit, "dockerd")) return {};
    if (has_snap(host)) {
        return Error{ErrorKind::config, concat({"the Docker of this host is a snap, whose dockerd reads ", quote(host.place(kSnapConfig)),
                                                " and sees no program of the host: aa-shim cannot be installed for it; use the packages of "
                                                "the distribution or of Docker"})};
    }
    return no_engine(host, unit, "dockerd");
}

// A runtime of dockerd's "runtimes", or one that it has without being told: "runc", or a shim by its type (moby daemon/runtime_unix.go).
UsualRuntime usual_runtime(const Unit& unit, const DockerSettings& settings) {
    UsualRuntime usual{settings.default_runtime.value_or("runc"), {}, settings.type, settings.place};
    if (const auto option = unit.option("--default-runtime"); option && !settings.default_runtime)
        usual = {option->value, {}, {}, option->place};
    if (usual.other_shim.empty() && usual.name.starts_with("io.containerd.")) usual.other_shim = usual.name;
    const bool named = usual.other_shim.empty() && settings.path.empty();
    if (is_runc_shim(usual.other_shim)) usual.other_shim.clear();
    usual.candidates = places_of(!settings.path.empty() ? settings.path : named ? usual.name : "runc", unit.search_path());
    return usual;
}

// `runc` is what the default is not, and gets aa-shim, too.
std::vector<UsualRuntime> taken_runtimes(const Unit& unit, const UsualRuntime& usual, const Wanted& wanted) {
    if (!wanted.mandatory || usual.name == "runc") return {};
    return {{"runc", places_of("runc", unit.search_path()), {}, {}}};
}

void tell_what_is_open(const Host& host, const DockerSettings& settings, const Wanted& wanted, Plan& plan) {
    if (!wanted.make_default && nvidia_leads_to(host, settings.path, wanted.shim)) {
        plan.notes.push_back(
            concat({"a container that is started without --runtime gets aa-shim from ", quote(*settings.default_runtime)}));
    } else if (!wanted.make_default) {
        plan.open.push_back(
            concat({"a container that is started without --runtime gets ", quote(settings.default_runtime.value_or("runc")),
                    wanted.mandatory ? ", which is aa-shim only if it is runc" : ", not aa-shim (--default changes that)"}));
    }
    if (!wanted.mandatory) {
        plan.open.push_back("`docker run --runtime runc`, and `docker build`, which calls runc by itself (--mandatory closes both)");
    }
    plan.open.push_back(
        concat({"runtimes that are named by path or by their shim (`--runtime io.containerd.runsc.v1`), other entries of \"runtimes\", "
                "`docker buildx` with a builder of its own, ",
                wanted.mandatory ? "`ctr` with a runtime of its own choice" : "`ctr`", ", and everything that root does"}));
    if (has_snap(host)) plan.open.push_back("the Docker of the snap, which is another dockerd");
}

Result<void> want(Draft& draft, const Wanted& wanted) {
    const auto& host = draft.host();
    const auto unit = read_unit(host, kUnit);
    TRY(require_dockerd(host, unit));
    TRY(require_no_conflict(unit, wanted));
    const auto base = TRY(draft.base(kConfig, DocumentKind::daemon_json));
    const std::string text = base ? base->text : std::string();
    draft.want_file(kConfig, TRY(with_docker_runtimes(text, host.place(kConfig), wanted)));
    want_links(draft, wanted);
    const auto settings = TRY(read_docker_settings(text, host.place(kConfig)));
    const auto usual = usual_runtime(unit, settings);
    TRY(want_runtime(draft, wanted, usual, taken_runtimes(unit, usual, wanted)));
    if (wanted.mandatory) TRY(want_closed_doors(draft, unit, wanted));
    auto& plan = draft.plan();
    tell_what_is_open(host, settings, wanted, plan);
    plan.next.push_back(wanted.mandatory ? "systemctl daemon-reload && systemctl restart containerd docker" : "systemctl restart docker");
    return {};
}

Result<void> forget(Draft& draft) {
    (void)TRY(draft.base(kConfig, DocumentKind::daemon_json));
    for (const auto* unit : {kUnit, kContainerdUnit}) (void)TRY(draft.base(drop_in_path(unit, "docker"), DocumentKind::lines));
    draft.plan().next.push_back("systemctl daemon-reload && systemctl restart docker");
    return {};
}

// `dockerd --validate` came with Docker 23; older ones say that they do not know the flag.
Result<Validation> validation(const Host& host, bool any_state) {
    const auto program = host.find_program(kPrograms);
    if (!program) return Validation{nullptr, "not validated: there is no dockerd here"};
    const auto validate = [host = &host, path = *program]() -> Result<CommandOutcome> {
        return host->run({path, "--validate", "--config-file", kConfig}, kToolSeconds);
    };
    const auto check_new = [host = &host, validate]() -> Result<void> {
        if (!host->exists(kConfig)) return {};
        const auto run = TRY(validate());
        if (run.ok()) return {};
        return Error{ErrorKind::config, concat({"dockerd refuses the new ", kConfig, ": ", last_words(run)})};
    };
    const auto version = host.run({*program, "--validate", "--version"}, kToolSeconds);
    if (!version) return Validation{nullptr, concat({"not validated: ", version.error().message})};
    if (version->errors.find("unknown flag") != std::string::npos) {
        return Validation{nullptr, "not validated: this dockerd is older than 23 and has no --validate"};
    }
    const std::string note = "validated by dockerd --validate";
    if (!host.exists(kConfig)) return Validation{check_new, note};
    const auto before = TRY(validate());
    if (!before.ok()) {
        if (any_state) return Validation{nullptr, concat({"not validated: dockerd refuses the file as it is: ", last_words(before)})};
        return Error{ErrorKind::config, concat({"dockerd refuses ", quote(host.place(kConfig)), " as it is: ", last_words(before)})};
    }
    return Validation{check_new, note};
}

}  // namespace

const Engine kDocker = {"docker", want, forget, validation};

}  // namespace aa::ctl::install
