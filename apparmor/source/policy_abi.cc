// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/policy_abi.h"

#include <fcntl.h>

#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// As the kernel lists its own in /sys/kernel/security/apparmor/features. Not with them: `ipc/posix_mqueue` and `network_v9`, for which a
// parser of AppArmor 3 has no rules, so that no profile for all hosts could allow message queues, or sockets of the host's own services.
constexpr std::string_view kFeatures = R"(
query {label {multi_transaction {yes} data {yes} perms {allow deny audit quiet}}}
dbus {mask {acquire send receive}}
signal {mask {hup int quit ill trap abrt bus fpe kill usr1 segv usr2 pipe alrm term stkflt chld cont stop stp ttin ttou urg xcpu xfsz
  vtalrm prof winch io pwr sys emt lost}}
ptrace {mask {read trace}}
caps {mask {chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast
  net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource
  sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read
  perfmon bpf checkpoint_restore}}
rlimit {mask {cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio rttime}}
capability {0xffffff}
namespaces {mask {userns_create} pivot_root {no} profile {yes}}
io_uring {mask {sqpoll override_creds}}
mount {mask {mount umount pivot_root}}
file {mask {create read write exec append mmap_exec link lock}}
domain {version {1.2} attach_conditions {xattr {yes}} computed_longest_left {yes} post_nnp_subset {yes} fix_binfmt_elf_mmap {yes}
  stack {yes} change_profile {yes} change_onexec {yes} change_hatv {yes} change_hat {yes}}
policy {set_load {yes} versions {v8 {yes} v7 {yes} v6 {yes} v5 {yes}}}
)";
// Of sockets; older kernels, of distributions that brought it along, and newer ones ask by different names.
constexpr std::string_view kFamilies = R"(af_mask {unspec unix inet ax25 ipx appletalk netrom bridge atmpvc x25 inet6 rose netbeui security
  key netlink packet ash econet atmsvc rds sna irda pppox wanpipe llc ib mpls can tipc bluetooth iucv rxrpc isdn phonet ieee802154 caif
  alg nfc vsock kcm qipcrtr smc xdp mctp})";

// What is there already keeps its times, by which a cache of what includes it goes.
Result<void> write(const std::string& path, std::string_view text) {
    if (const auto bytes = read_file_at(AT_FDCWD, path, text.size()); bytes && bytes->text() == text) return {};
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    return write_all(fd.get(), text).context(concat({"write ", quote(path)}));
}

}  // namespace

Result<void> write_policy_abi(const std::string& directory) {
    const std::string here = directory + "/aa-shim";
    std::error_code error;
    std::filesystem::create_directories(here, error);
    if (error) return errno_error("make the directory", here, error.value());
    TRY(write(here + "/features", concat({kFeatures, "network {af_unix {yes} ", kFamilies, "}\n", "network_v8 {", kFamilies, "}\n"})));
    return write(here + "/abi", concat({"abi \"", here, "/features\",\n"}));
}

}  // namespace aa::apparmor
