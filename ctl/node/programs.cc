// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/programs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

namespace aa::ctl::node {

namespace {

constexpr std::size_t kMaxProgram = 256UL << 20U;
constexpr mode_t kProgramMode = 0755;

// The services that start containers, under the names that their packages give them.
constexpr std::string_view kBootUnitText = R"([Unit]
Description=aa-shim: put the catalog in force
Documentation=man:aa-shimctl(8)
After=local-fs.target apparmor.service
Before=containerd.service crio.service kubelet.service k3s.service k3s-agent.service rke2-server.service rke2-agent.service
ConditionPathExists=/opt/aa-shim/bin/aa-shimctl
ConditionPathExists=/etc/aa-shim/catalog.d

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/opt/aa-shim/bin/aa-shimctl load

[Install]
WantedBy=multi-user.target
)";

bool same(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mode == b.st_mode && a.st_uid == b.st_uid &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
           a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

Result<Buffer> read_program(const std::string& path) {
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return read_file(fd.get(), kMaxProgram, path);
}

}  // namespace

Result<bool> Programs::install(const std::string& from, const std::string& to) {
    const auto before = host_.status(to);
    const auto known = compared_.find(to);
    if (before && known != compared_.end() && same(known->second, *before)) return false;

    const auto program = TRY(read_program(from));
    const HostFile wanted{std::string(program.text()), 0, 0, kProgramMode};
    const auto present = host_.read(to, kMaxProgram);
    const bool change = !present || *present != wanted;
    if (change) {
        TRY(host_.make_directories(to.substr(0, to.rfind('/'))));
        TRY(host_.write(to, wanted));
    }
    if (const auto now = host_.status(to)) compared_[to] = *now;
    return change;
}

Result<void> require_runtime(const Host& host) {
    // Passed on to the runtime, which both of them answer at once.
    const auto outcome = TRY(host.run({kShim, "--version"}, 30));
    if (outcome.ok()) return {};
    return Error{ErrorKind::system, concat({"no container could start on this node: ", last_words(outcome)})};
}

Result<void> make_handlers(const Host& host, const std::vector<std::string>& handlers) {
    for (const auto& handler : handlers) TRY(host.replace_link(concat({kShim, "-", handler}), "aa-shim"));
    return {};
}

Result<void> install_boot_unit(const Host& host) {
    if (!host.exists("/etc/systemd/system")) return {};
    const auto present = host.read(kBootUnit);
    const HostFile wanted{std::string(kBootUnitText)};
    if (!present || *present != wanted) TRY(host.write(kBootUnit, wanted));
    TRY(host.make_directories("/etc/systemd/system/multi-user.target.wants"));
    TRY(host.replace_link(kBootLink, "../aa-shim-node.service"));
    return {};
}

}  // namespace aa::ctl::node
