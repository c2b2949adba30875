// SPDX-License-Identifier: Apache-2.0
//
// The kernel's own: the buffer of its log (/dev/kmsg), and its audit messages as they come (NETLINK_AUDIT, the group AUDIT_NLGRP_READLOG, which
// takes nothing away from auditd or journald).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ctl/denials/intake.h"

namespace aa::ctl {

// All that the buffer holds. Needs CAP_SYSLOG, or a kernel that shows it to everybody.
Result<void> read_kernel_log(Intake& intake);

// What comes from now on, until SIGINT, SIGTERM or SIGHUP, until INTAKE wants no more or, unless it is 0, for so many SECONDS. Needs
// CAP_AUDIT_READ; where the kernel has no such group, or we have no right to it, the buffer is read as it grows; else that tells what the kernel's
// own queue had no room for. Nothing is missed once BEAT
// has been called for the first time; it is called again about every second, and ends it with false.
Result<void> follow_kernel(Intake& intake, unsigned seconds, const std::function<bool()>& beat = {});

// The records that FD gives as /dev/kmsg does, one at a time and without waiting; whether INTAKE wants more. NEXT is the number of the next
// one, once one was read: those between were overwritten before.
Result<bool> read_kernel_records(int fd, Intake& intake, std::optional<unsigned long long>& next);

// Of the records of FD, as above, those alone by which the kernel says that it has lost audit records.
Result<void> read_kernel_losses(int fd, Intake& intake);

// One record of /dev/kmsg, "PRIORITY,SEQUENCE,TIME,FLAGS;TEXT": its text, if the kernel has written it and not somebody by way of it
// (Documentation/ABI/testing/dev-kmsg).
struct KernelMessage {
    unsigned long long sequence = 0;
    std::optional<std::string> text;  // nothing: it is not the kernel's
};
std::optional<KernelMessage> read_kernel_message(std::string_view record);

}  // namespace aa::ctl
