// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/engine.h"

#include <array>

#include "base/text.h"
#include "ctl/node/ctl.h"
#include "ctl/node/programs.h"

namespace aa::ctl::node {

namespace {

constexpr const char* kMark = "/run/aa-shim/engine-restart";

// Where engines listen. Each makes its socket anew when it starts (containerd sys/socket_unix.go, CRI-O server/server.go).
constexpr std::array<const char*, 4> kSockets = {"/run/k3s/containerd/containerd.sock", "/run/k0s/containerd.sock",
                                                 "/run/containerd/containerd.sock", "/run/crio/crio.sock"};

// The services that an engine may be part of, the outermost first: containerd of k3s, RKE2 and k0s is their child.
constexpr std::array<const char*, 8> kServices = {"k3s.service",        "k3s-agent.service", "rke2-server.service",
                                                  "rke2-agent.service", "k0sworker.service", "k0scontroller.service",
                                                  "crio.service",       "containerd.service"};

bool older(const timespec& a, const timespec& b) { return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec; }

std::vector<std::string> command_line(const char* verb, const Host& host, const EngineSettings& settings) {
    std::vector<std::string> words = {"/proc/self/exe", verb, "kubernetes", "--root", host.root()};
    if (!settings.engine.empty()) words.insert(words.end(), {"--engine", settings.engine});
    return words;
}

Result<bool> change(std::vector<std::string> words) {
    const auto document = TRY(run_ctl({std::move(words), {}, {}, 60}));
    if (document.value("ok", false)) return document.value("changed", false);
    const std::string message = error_message(document);
    return Error{ErrorKind::system, message.empty() ? "the engine's configuration cannot be changed" : message};
}

// The mark is there before the change: if we are killed in between, the engine is restarted once too often, and never once too
// seldom.
Result<void> change_with_mark(const Host& host, const std::vector<std::string>& words, bool engine_runs) {
    auto dry = words;
    dry.emplace_back("--dry-run");
    if (!TRY(change(dry))) return {};
    if (engine_runs) {
        TRY(host.make_directories("/run/aa-shim"));
        TRY(host.write(kMark, {"The engine's configuration was changed after the engine had started.\n"}));
    }
    TRY(change(words));
    return {};
}

// As root systemctl talks to process 1 itself, by a socket of its own, and takes no answer from a process that its PID namespace does
// not show ("No data available"; systemd src/shared/bus-util.c, bus_check_peercred(); seen on 252 and 257). Through the D-Bus daemon it
// asks nobody's number.
Result<CommandOutcome> systemctl(const Host& host, std::vector<std::string> words, int seconds) {
    words.insert(words.begin(), "/usr/bin/systemctl");
    // The node's systemd is meant, and nobody is fooled.
    return host.run(std::move(words), seconds, {"SYSTEMCTL_FORCE_BUS=1", "SYSTEMD_IGNORE_CHROOT=1"});
}

// All that a program says about its failure: systemctl's reason comes first, and advice after it.
std::string on_one_line(const CommandOutcome& outcome) {
    std::string text;
    for (const auto line : lines(outcome.errors)) text += concat({text.empty() ? "" : " ", line});
    return text.empty() ? last_words(outcome) : text;
}

// `is-active` ends with 3 for a unit that is not, and 3 or 4 for one that is not there (systemctl(1), "Exit status").
Result<bool> is_active(const Host& host, const char* service) {
    const auto outcome = TRY(systemctl(host, {"is-active", service}, 30));  // with --quiet it would not say why it failed either
    if (outcome.ok()) return true;
    if (outcome.exit_code == 3 || outcome.exit_code == 4) return false;
    return Error{ErrorKind::system, concat({"the node's systemd cannot be asked: systemctl is-active: ", on_one_line(outcome),
                                            ": restart the engine by hand; the agent can where the node runs D-Bus (package dbus)"})};
}

}  // namespace

Result<void> configure_engine(const Host& host, const EngineSettings& settings) {
    auto words = command_line("install", host, settings);
    words.insert(words.end(), {"--shim", kShim});
    if (!settings.handlers.empty()) words.insert(words.end(), {"--handlers", join(settings.handlers, ",")});
    if (settings.is_default) words.emplace_back("--default");
    if (settings.mandatory) words.emplace_back("--mandatory");
    if (settings.replace_runtime) words.emplace_back("--replace-runtime");
    return change_with_mark(host, words, settings.runs).context("the engine's configuration");
}

Result<void> restore_engine(const Host& host, const EngineSettings& settings) {
    return change_with_mark(host, command_line("uninstall", host, settings), settings.runs).context("the engine's configuration");
}

bool restart_is_pending(const Host& host) {
    const auto mark = host.status(kMark);
    if (!mark) return false;
    for (const auto* socket : kSockets) {
        const auto st = host.status(socket);
        if (!st || !older(mark->st_mtim, st->st_mtim)) continue;
        return !host.remove(kMark);
    }
    return true;
}

Result<void> restart_engine(const Host& host) {
    for (const char* service : kServices) {
        if (!TRY(is_active(host, service))) continue;
        (void)TRY(systemctl(host, {"daemon-reload"}, 60));
        const auto restarted = TRY(systemctl(host, {"restart", service}, 120));
        if (restarted.ok()) return host.remove(kMark);
        return Error{ErrorKind::system, concat({"systemctl restart ", service, " failed: ", on_one_line(restarted)})};
    }
    return Error{ErrorKind::system, "no service of an engine is active on this node's systemd: restart the engine by hand"};
}

std::string restart_advice() {
    return "restart pending: the engine's configuration changed, and it reads it only when it starts; restart containerd, k3s, rke2, k0s "
           "or crio on the node (and remove /run/aa-shim/engine-restart if this message stays), or let the agent do it "
           "(--restart-engine; in the chart engine.restart)";
}

}  // namespace aa::ctl::node
