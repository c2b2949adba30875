// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/audit_limits.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "apparmor/load.h"
#include "base/file.h"
#include "base/hold.h"
#include "base/text.h"

namespace aa::ctl {
namespace {

constexpr std::string_view kAudit = "the kernel's audit system";

Result<Fd> open_audit() {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT));
    if (!fd.valid()) return errno_error("speak to", kAudit, errno);
    return fd;
}

// One request of TYPE, which the kernel answers with an acknowledgement at least.
Result<void> ask(int fd, std::uint16_t type, const audit_status& status) {
    struct Request {
        nlmsghdr head;
        audit_status status;
    } request{};
    request.head.nlmsg_len = sizeof request;
    request.head.nlmsg_type = type;
    request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request.status = status;
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    const auto sent = ::sendto(fd, &request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    if (sent != static_cast<ssize_t>(sizeof request)) return errno_error("ask", kAudit, errno);
    return {};
}

// Reads until the acknowledgement, and the STATUS if one is wanted: the kernel answers with that from a thread of its own, mostly later
// (kernel/audit.c, audit_send_reply()).
Result<void> read_answer(int fd, audit_status* status) {
    for (bool acknowledged = false, answered = status == nullptr; !acknowledged || !answered;) {
        pollfd wait{fd, POLLIN, 0};
        constexpr int kPatience = 2000;  // milliseconds
        if (::poll(&wait, 1, kPatience) <= 0) return errno_error("hear from", kAudit, ETIMEDOUT);
        alignas(nlmsghdr) std::array<char, 8192> buffer{};
        const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
        nlmsghdr head{};
        if (size < static_cast<ssize_t>(sizeof head)) return errno_error("hear from", kAudit, size < 0 ? errno : EBADMSG);
        std::memcpy(&head, buffer.data(), sizeof head);
        const auto body = static_cast<std::size_t>(size) - sizeof head;
        if (head.nlmsg_type == NLMSG_ERROR) {
            nlmsgerr answer{};
            std::memcpy(&answer, buffer.data() + sizeof head, std::min(body, sizeof answer));
            if (answer.error != 0) return errno_error("ask", kAudit, -answer.error);
            acknowledged = true;
        }
        if (head.nlmsg_type == AUDIT_GET && status != nullptr) {
            std::memcpy(status, buffer.data() + sizeof head, std::min(body, sizeof *status));  // older kernels tell less of it
            answered = true;
        }
    }
    return {};
}

// What the limit was, as FILE tells; nothing if it tells nothing.
Result<std::optional<std::uint32_t>> limit_before(int file, const std::string& path) {
    constexpr std::size_t kMost = 64;
    const auto text = TRY(read_file(file, kMost, path));
    unsigned long long limit = 0;
    const bool told = parse_decimal(text.text(), limit) && limit < RaisedBacklog::kEnough;
    return told ? std::optional(static_cast<std::uint32_t>(limit)) : std::nullopt;
}

Result<void> write_limit(int file, const std::string& path, std::uint32_t limit) {
    if (::ftruncate(file, 0) != 0 || ::lseek(file, 0, SEEK_SET) != 0) return errno_error("write", path, errno);
    return write_all(file, decimal(limit));
}

// Has AUDIT's limit, where it is still the raised one, be LIMIT again. The kernel's answer may be lost for once: a queue is full, a call interrupted.
bool lower(const AuditSystem& audit, std::uint32_t limit) {
    constexpr int kMostTries = 3;
    for (int i = 0; i < kMostTries; ++i) {
        const auto now = audit.status();
        if (now && now->backlog_limit != RaisedBacklog::kEnough) return true;
        if (now && audit.set_backlog_limit(limit)) return true;
    }
    return false;
}

}  // namespace

Result<AuditStatus> read_audit_status() {
    const auto fd = TRY(open_audit());
    audit_status status{};
    TRY(ask(fd.get(), AUDIT_GET, status));
    TRY(read_answer(fd.get(), &status));
    return AuditStatus{status.backlog_limit, status.lost};
}

Result<void> set_backlog_limit(std::uint32_t limit) {
    const auto fd = TRY(open_audit());
    audit_status status{};
    status.mask = AUDIT_STATUS_BACKLOG_LIMIT;
    status.backlog_limit = limit;
    TRY(ask(fd.get(), AUDIT_SET, status));
    return read_answer(fd.get(), nullptr);
}

Result<RaisedBacklog> RaisedBacklog::raise(const std::string& path, AuditSystem audit) {
    RaisedBacklog raised(path, std::move(audit));
    const auto lock = TRY(apparmor::lock_for_load(path));
    const auto now = TRY(raised.audit_.status()).backlog_limit;
    if (now == 0 || now > kEnough) return raised;
    const bool is_raised = now == kEnough;
    auto opened = open_file(AT_FDCWD, path, O_RDWR | O_NOFOLLOW | (is_raised ? 0 : O_CREAT), 0600);
    if (is_raised && !opened && opened.error().kind == ErrorKind::not_found) return raised;  // by somebody else
    Fd file = TRY(std::move(opened));
    TRY(hold_file(file.get(), Hold::with_others, path));
    raised.file_ = std::move(file);
    if (is_raised) return raised;
    TRY(write_limit(raised.file_.get(), path, now));
    TRY(raised.audit_.set_backlog_limit(kEnough));
    return raised;
}

RaisedBacklog::~RaisedBacklog() {
    if (!file_.valid()) return;
    const auto lock = apparmor::lock_for_load(path_);
    if (is_held(file_.get())) return;
    const auto before = limit_before(file_.get(), path_);
    // Who cannot lower it leaves word to the next who raises it.
    if (before && *before && !lower(audit_, **before)) return;
    (void)::unlink(path_.c_str());
}

}  // namespace aa::ctl
