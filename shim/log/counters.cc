// SPDX-License-Identifier: Apache-2.0
#include "shim/log/counters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::shim {
namespace {

// The first byte is not text. Numbers are of this machine's byte order: the file does not outlive a boot.
struct Head {
    std::array<char, 8> magic{'\x89', 'A', 'A', 'C', 'N', 'T', 'S', '\n'};
    std::uint32_t version = 1;
    std::uint32_t counters = kCounters;
};
static_assert(sizeof(Head) == 16);

struct Counted {
    Head head;
    CounterValues values{};
};
static_assert(sizeof(Counted) == sizeof(Head) + kCounters * sizeof(std::uint64_t));
static_assert(__atomic_always_lock_free(sizeof(std::uint64_t), nullptr));

constexpr std::size_t kMaxBytes = 4096;  // one page; more counters than that are not ours

bool is_ours(const Head& head, std::size_t size) {
    const Head expected;
    return head.magic == expected.magic && head.version == expected.version && size <= kMaxBytes && head.counters > 0 &&
           size == sizeof(Head) + head.counters * sizeof(std::uint64_t);
}

// The file's memory; nullptr if there is none that may be written.
void* map(std::size_t& size) {
    const Fd fd(::open(kCountersPath.data(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat st {};
    if (!fd.valid() || ::fstat(fd.get(), &st) != 0) return nullptr;
    size = static_cast<std::size_t>(st.st_size);
    if (!S_ISREG(st.st_mode) || !is_trusted(st) || size < sizeof(Head) || size > kMaxBytes) return nullptr;
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    return memory == MAP_FAILED ? nullptr : memory;
}

// It stays mapped: what follows is another program, or the end.
void add_one(std::initializer_list<Counter> counters) noexcept {
    std::size_t size = 0;
    auto* const memory = static_cast<char*>(map(size));
    if (memory == nullptr) return;
    Head head;
    std::memcpy(&head, memory, sizeof head);
    if (!is_ours(head, size)) return;
    auto* const values = reinterpret_cast<std::uint64_t*>(memory + sizeof head);
    for (const auto counter : counters) {
        const auto place = static_cast<std::size_t>(counter);
        if (place < head.counters) __atomic_fetch_add(values + place, 1, __ATOMIC_RELAXED);
    }
}

Counter at(Counter first, std::size_t offset) { return static_cast<Counter>(static_cast<std::size_t>(first) + offset); }

// The counter of what was allowed to COMMAND; what was refused is the next one.
Counter counter_of(oci::Command command) {
    switch (command) {
        case oci::Command::create:
            return Counter::create_allowed;
        case oci::Command::run:
            return Counter::run_allowed;
        case oci::Command::restore:
            return Counter::restore_allowed;
        case oci::Command::exec:
        case oci::Command::update:
        case oci::Command::pass_through:
            break;
    }
    return Counter::exec_allowed;
}

Error not_ours(std::string_view path) {
    return {ErrorKind::config, concat({quote(path), " does not hold counters of this version: remove it and run 'aa-shimctl load'"})};
}

}  // namespace

void count_allowed(oci::Command command, Passed passed) noexcept {
    if (passed == Passed::no) return add_one({counter_of(command)});
    add_one({counter_of(command), passed == Passed::sandbox ? Counter::passed_sandboxes : Counter::passed_containers});
}

void count_refused(oci::Command command, Refusal refusal) noexcept {
    add_one({at(counter_of(command), 1), at(Counter::refused_policy, static_cast<std::size_t>(refusal))});
}

void count_mismatch() noexcept { add_one({Counter::mismatches}); }

void count(Counter counter) noexcept { add_one({counter}); }

Result<CounterValues> read_counters(const std::string& path) {
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    TRY(require_trusted(fd.get(), path));
    const auto bytes = TRY(read_file(fd.get(), kMaxBytes, path));
    Counted counted;
    if (bytes.text().size() < sizeof counted.head) return not_ours(path);
    std::memcpy(&counted.head, bytes.text().data(), sizeof counted.head);
    if (!is_ours(counted.head, bytes.text().size())) return not_ours(path);
    const auto values = bytes.text().substr(sizeof counted.head);
    std::memcpy(counted.values.data(), values.data(), std::min(values.size(), sizeof counted.values));
    return counted.values;
}

Result<void> make_counters(const std::string& path) {
    Counted counted;
    const auto old = read_counters(path);
    if (old) {
        struct stat st {};
        if (::lstat(path.c_str(), &st) == 0 && static_cast<std::size_t>(st.st_size) >= sizeof counted) return {};
        counted.values = *old;
    }
    const std::size_t slash = path.rfind('/');
    const std::string directory = path.substr(0, std::max<std::size_t>(slash, 1));
    const Fd dir = TRY(open_file(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY(require_trusted(dir.get(), directory));
    const iovec piece{&counted, sizeof counted};
    return replace_file(dir.get(), path.substr(slash + 1), {&piece, 1}, ::geteuid(), ::getegid(), 0644);
}

}  // namespace aa::shim
