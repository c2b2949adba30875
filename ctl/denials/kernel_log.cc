// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/kernel_log.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "apparmor/audit/record.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/cli/ending.h"

namespace aa::ctl {

namespace {

constexpr const char* kBuffer = "/dev/kmsg";

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// TEXT with each \xHH the byte that it stands for; a backslash is written so, too.
std::string unescaped(std::string_view text) {
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool escape = text.substr(at, 2) == "\\x" && at + 3 < text.size() && digit(text[at + 2]) >= 0 && digit(text[at + 3]) >= 0;
        result += escape ? static_cast<char>(digit(text[at + 2]) * 16 + digit(text[at + 3])) : text[at];
        if (escape) at += 3;
    }
    return result;
}

// What EACH does with the messages that FD gives as /dev/kmsg does, until it wants no more; whether it does.
Result<bool> each_message(int fd, const std::function<bool(const KernelMessage&)>& each) {
    std::array<char, 16384> record{};  // one at a time
    for (;;) {
        const ssize_t size = ::read(fd, record.data(), record.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EPIPE) continue;  // overwritten meanwhile: the next sequence number tells how many
        if (size < 0 && errno == EAGAIN) return true;
        if (size < 0) return errno_error("read", kBuffer, errno);
        if (size == 0) return true;
        const auto message = read_kernel_message({record.data(), static_cast<std::size_t>(size)});
        if (message && !each(*message)) return false;
    }
}

class Buffer {
public:
    static Result<Buffer> open() { return Buffer(TRY(open_file(AT_FDCWD, kBuffer, O_RDONLY | O_NONBLOCK))); }

    // Reads what there is; whether more is wanted.
    Result<bool> read(Intake& intake) { return read_kernel_records(fd_.get(), intake, next_); }

    // Reads what it tells of lost audit records, and nothing else.
    Result<void> read_losses(Intake& intake) const { return read_kernel_losses(fd_.get(), intake); }

    [[nodiscard]] int fd() const { return fd_.get(); }
    void to_end() const { (void)::lseek(fd_.get(), 0, SEEK_END); }

private:
    explicit Buffer(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
    std::optional<unsigned long long> next_;
};

Result<Fd> audit_socket() {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT));
    if (!fd.valid()) return errno_error("open", "the kernel's audit messages", errno);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1U);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return errno_error("listen to", "the kernel's audit messages", errno);
    }
    constexpr int kRoom = 8 << 20;
    // Beyond net.core.rmem_max with CAP_NET_ADMIN alone (socket(7)).
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof kRoom) != 0) {
        (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kRoom, sizeof kRoom);
    }
    return fd;
}

// Counts the messages that the kernel had no room for in the socket FD. It counts them itself (net/netlink/af_netlink.c, netlink_overrun()).
void count_overruns(int fd, LogRead& read) {
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t length = sizeof memory;
    if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) == 0) read.losses.overruns = memory[SK_MEMINFO_DROPS];
}

// Reads the messages that have come; whether more are wanted.
Result<bool> read_messages(int fd, Intake& intake) {
    alignas(nlmsghdr) std::array<char, 65536> buffer{};
    constexpr int kMostAtOnce = 10'000;  // there are other things to do
    for (int taken = 0; taken < kMostAtOnce; ++taken) {
        sockaddr_nl sender{};
        socklen_t length = sizeof sender;
        const ssize_t size = ::recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&sender), &length);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return true;
        if (size < 0 && errno == ENOBUFS) {
            count_overruns(fd, intake.read());
            continue;
        }
        if (size < 0) return errno_error("read", "the kernel's audit messages", errno);
        nlmsghdr head{};
        if (sender.nl_pid != 0 || static_cast<std::size_t>(size) < sizeof head) continue;  // the kernel's alone
        std::memcpy(&head, buffer.data(), sizeof head);
        // The length of an audit message does not count its head in some kernels (kernel/audit.c, audit_log_end()).
        const std::string_view body(buffer.data() + sizeof head, static_cast<std::size_t>(size) - sizeof head);
        if (!intake.take(apparmor::read_audit_message(head.nlmsg_type, body.substr(0, body.find('\0'))))) return false;
    }
    return true;
}

}  // namespace

std::optional<KernelMessage> read_kernel_message(std::string_view record) {
    const std::size_t semicolon = record.find(';');
    const auto head = record.substr(0, semicolon);
    const std::size_t comma = head.find(',');
    unsigned long long priority = 0;
    KernelMessage message;
    if (semicolon == std::string_view::npos || comma == std::string_view::npos || !parse_decimal(head.substr(0, comma), priority))
        return std::nullopt;
    const auto rest = head.substr(comma + 1);
    if (!parse_decimal(rest.substr(0, rest.find(',')), message.sequence)) return std::nullopt;
    constexpr unsigned long long kFacility = 8;  // what is written to /dev/kmsg never has the kernel's, which is 0
    const auto text = record.substr(semicolon + 1);
    if (priority < kFacility) message.text = unescaped(text.substr(0, text.find('\n')));
    return message;
}

Result<bool> read_kernel_records(int fd, Intake& intake, std::optional<unsigned long long>& next) {
    return each_message(fd, [&](const KernelMessage& message) {
        if (next && message.sequence > *next) intake.read().losses.overwritten += message.sequence - *next;
        next = message.sequence + 1;
        return !message.text || intake.take(apparmor::read_message(*message.text));
    });
}

Result<void> read_kernel_losses(int fd, Intake& intake) {
    constexpr std::string_view kLost = "audit: audit_lost=";  // kernel/audit.c, audit_log_lost()
    TRY(each_message(fd, [&](const KernelMessage& message) {
        return !message.text || !message.text->starts_with(kLost) || intake.take(apparmor::read_message(*message.text));
    }));
    return {};
}

Result<void> read_kernel_log(Intake& intake) {
    intake.read().name = "the kernel's log buffer (/dev/kmsg)";
    auto buffer = TRY(Buffer::open());
    TRY(buffer.read(intake));
    return {};
}

Result<void> follow_kernel(Intake& intake, unsigned seconds, const std::function<bool()>& beat) {
    const Fd signals = TRY(end_signals());
    const Fd end = TRY(end_after(seconds));
    const auto socket = audit_socket();
    auto buffer = Buffer::open();
    if (!socket && !buffer) return buffer.error();
    if (buffer) buffer->to_end();
    intake.read().name =
        socket ? "the kernel's audit messages" : concat({"the kernel's log buffer (/dev/kmsg), as we cannot ", socket.error().message});
    const auto read = [&]() -> Result<bool> {
        if (!socket) return buffer->read(intake);
        if (buffer) TRY(buffer->read_losses(intake));
        return read_messages(socket->get(), intake);
    };
    std::array<pollfd, 4> wait{{{signals.get(), POLLIN, 0},
                                {end.get(), POLLIN, 0},
                                {socket ? socket->get() : -1, POLLIN, 0},
                                {buffer ? buffer->fd() : -1, POLLIN, 0}}};
    constexpr std::chrono::seconds kBeat{1};
    auto next = std::chrono::steady_clock::now();
    while (!beat || next > std::chrono::steady_clock::now() || beat()) {
        const auto now = std::chrono::steady_clock::now();
        if (next <= now) next = now + kBeat;
        const int ready = ::poll(wait.data(), wait.size(), beat ? static_cast<int>(kBeat / std::chrono::milliseconds(1)) : -1);
        if (ready < 0 && errno != EINTR) return errno_error("wait for", "the kernel's audit messages", errno);
        if (ready > 0 && !TRY(read())) return {};
        if (ready > 0 && (wait[0].revents != 0 || wait[1].revents != 0)) return {};
    }
    return {};
}

}  // namespace aa::ctl
