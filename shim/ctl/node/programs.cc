// SPDX-License-Identifier: Apache-2.0
#include "shim/ctl/node/programs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/text.h"

namespace aa::shim::ctl::node {

namespace {

constexpr std::size_t kMaxProgram = 256UL << 20U;
constexpr mode_t kProgramMode = 0755;
constexpr mode_t kPermissions = 07777;

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

bool is_copy(const std::string& path, const struct stat& st, std::string_view wanted) {
    if (!S_ISREG(st.st_mode) || (st.st_mode & kPermissions) != kProgramMode || st.st_uid != 0) return false;
    const auto present = read_program(path);
    return present && present->text() == wanted;
}

}  // namespace

Result<bool> Programs::install(const std::string& from, std::string_view to) {
    const std::string path = host_.path(to);
    struct stat st {};
    const bool exists = ::lstat(path.c_str(), &st) == 0;
    const auto known = compared_.find(path);
    if (exists && known != compared_.end() && same(known->second, st)) return false;

    const auto program = TRY(read_program(from));
    const bool change = !exists || !is_copy(path, st, program.text());
    if (change) {
        TRY(host_.make_directory(to.substr(0, to.rfind('/'))));
        TRY(host_.write(to, program.text(), kProgramMode));
        if (::lstat(path.c_str(), &st) != 0) return errno_error("look at", path, errno);
    }
    compared_[path] = st;
    return change;
}

Result<void> make_handlers(const Host& host, const std::vector<std::string>& handlers) {
    for (const auto& handler : handlers) TRY(host.link(concat({kShim, "-", handler}), "aa-shim"));
    return {};
}

Result<void> install_boot_unit(const Host& host) {
    if (!host.exists("/etc/systemd/system")) return {};
    const auto present = host.read(kBootUnit);
    if (!present || *present != kBootUnitText) TRY(host.write(kBootUnit, kBootUnitText));
    TRY(host.make_directory(kBootLink.substr(0, kBootLink.rfind('/'))));
    TRY(host.link(kBootLink, "../aa-shim-node.service"));
    return {};
}

}  // namespace aa::shim::ctl::node
