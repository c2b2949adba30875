// SPDX-License-Identifier: Apache-2.0
#include "ctl/watch/exec_events.h"

#include <arpa/inet.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/file.h"

namespace aa::ctl::watch {
namespace {

constexpr std::size_t kEvent = NLMSG_HDRLEN + sizeof(cn_msg);  // where an event begins in a datagram
constexpr auto kExec = static_cast<std::uint32_t>(proc_event::PROC_EVENT_EXEC);
constexpr auto kAnswer = static_cast<std::uint32_t>(proc_event::PROC_EVENT_NONE);
constexpr std::chrono::milliseconds kAnswersWithin{1000};
constexpr int kRoom = 4 << 20;

Error refused(std::string_view what, int error_number) { return errno_error(what, "the process events of the kernel", error_number); }

// Lets through what tells of an exec, or answers us: forks and ends would wake us as well.
Result<void> let_execs_through(int fd) {
    std::array<sock_filter, 5> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kEvent + offsetof(proc_event, what)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(kExec), 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(kAnswer), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFFU),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    const sock_fprog filter{program.size(), program.data()};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) return refused("filter", errno);
    return {};
}

// By which an answer is told from one to another listener, which comes to all of them.
std::uint32_t our_number() { return static_cast<std::uint32_t>(::getpid()); }

// The form that kernels before 6.6 take, too: all events, which is why the socket has a filter.
Result<void> ask(int fd) {
    struct Request {
        nlmsghdr head;
        alignas(NLMSG_ALIGNTO) std::array<char, sizeof(cn_msg) + sizeof(proc_cn_mcast_op)> body;
    } request{};
    request.head.nlmsg_len = NLMSG_LENGTH(request.body.size());
    request.head.nlmsg_type = NLMSG_DONE;
    cn_msg message{};
    message.id = {CN_IDX_PROC, CN_VAL_PROC};
    message.ack = our_number();
    message.len = sizeof(proc_cn_mcast_op);
    const proc_cn_mcast_op listen = PROC_CN_MCAST_LISTEN;
    std::memcpy(request.body.data(), &message, sizeof message);
    std::memcpy(request.body.data() + sizeof message, &listen, sizeof listen);
    if (::send(fd, &request, request.head.nlmsg_len, 0) < 0) return refused("ask for", errno);
    return {};
}

// Whether a DATAGRAM is the kernel's answer, and no event. Who is not to have them is told so, or nothing at all.
Result<bool> is_answer(std::string_view datagram) {
    cn_msg message{};
    proc_event event{};
    if (datagram.size() < kEvent + offsetof(proc_event, event_data) + sizeof event.event_data.ack) return false;
    std::memcpy(&message, datagram.data() + NLMSG_HDRLEN, sizeof message);
    if (message.ack != our_number() + 1) return false;
    std::memcpy(&event, datagram.data() + kEvent, std::min(sizeof event, datagram.size() - kEvent));
    if (static_cast<std::uint32_t>(event.what) != kAnswer) return false;
    if (event.event_data.ack.err != 0) return refused("get", static_cast<int>(event.event_data.ack.err));
    return true;
}

// What the kernel has sent next on FD, in BUFFER; empty if there is nothing. What others send is nothing.
Result<std::string_view> receive(int fd, std::array<char, 4096>& buffer) {
    for (;;) {
        sockaddr_nl sender{};
        socklen_t length = sizeof sender;
        const ssize_t size = ::recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&sender), &length);
        if (size < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
        if (size < 0 && errno == EAGAIN) return std::string_view();
        if (size < 0) return refused("read", errno);
        if (sender.nl_pid == 0) return std::string_view(buffer.data(), static_cast<std::size_t>(size));
    }
}

Result<void> await_answer(int fd) {
    std::array<char, 4096> buffer{};
    pollfd wait{fd, POLLIN, 0};
    // Events may come without end, as others listen, too.
    const auto end = std::chrono::steady_clock::now() + kAnswersWithin;
    while (std::chrono::steady_clock::now() < end) {
        if (::poll(&wait, 1, static_cast<int>(kAnswersWithin.count())) <= 0) break;
        if (TRY(is_answer(TRY(receive(fd, buffer))))) return {};
    }
    return refused("get", EPERM);
}

}  // namespace

Result<ExecEvents> ExecEvents::open() {
    Fd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
    if (!fd.valid()) return refused("open", errno);
    TRY(let_execs_through(fd.get()));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = CN_IDX_PROC;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return refused("listen to", errno);
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof kRoom);
    TRY(ask(fd.get()));
    TRY(await_answer(fd.get()));
    return ExecEvents(std::move(fd));
}

Result<std::vector<pid_t>> ExecEvents::read() const {
    std::array<char, 4096> buffer{};
    std::vector<pid_t> processes;
    for (;;) {
        const auto datagram = TRY(receive(fd_.get(), buffer));
        if (datagram.empty()) break;
        if (const pid_t process = executing_process(datagram); process != 0) processes.push_back(process);
    }
    std::sort(processes.begin(), processes.end());
    processes.erase(std::unique(processes.begin(), processes.end()), processes.end());
    return processes;
}

pid_t executing_process(std::string_view message) {
    proc_event event{};
    if (message.size() < kEvent + offsetof(proc_event, event_data) + sizeof event.event_data.exec) return 0;
    std::memcpy(&event, message.data() + kEvent, std::min(sizeof event, message.size() - kEvent));
    return static_cast<std::uint32_t>(event.what) == kExec ? event.event_data.exec.process_tgid : 0;
}

}  // namespace aa::ctl::watch
