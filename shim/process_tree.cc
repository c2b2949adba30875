// SPDX-License-Identifier: Apache-2.0
#include "shim/process_tree.h"

#include <fcntl.h>

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/text.h"

namespace aa::shim {
namespace {

constexpr std::size_t kMostTasks = 1'000'000;
constexpr std::size_t kMostChildrenBytes = std::size_t{16} << 20U;

// Calls EACH for every number in TEXT, in which they are parted by spaces.
template <class Each>
void each_number(std::string_view text, Each each) {
    while (!text.empty()) {
        const auto word = text.substr(0, text.find(' '));
        unsigned long long number = 0;
        if (parse_decimal(word, number) && number <= static_cast<unsigned long long>(std::numeric_limits<pid_t>::max()))
            each(static_cast<pid_t>(number));
        text.remove_prefix(word.size() < text.size() ? word.size() + 1 : text.size());
    }
}

}  // namespace

std::vector<pid_t> threads_of(pid_t process) {
    std::vector<pid_t> threads;
    const auto path = concat({"/proc/", decimal(process), "/task"});
    auto directory = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (!directory) return threads;
    const auto names = directory_names(*std::move(directory), path);
    if (!names) return threads;
    for (const auto& name : *names) each_number(name, [&](pid_t thread) { threads.push_back(thread); });
    return threads;
}

std::vector<Task> process_tree(pid_t root) {
    std::vector<Task> tasks;
    std::vector<pid_t> processes{root};
    for (std::size_t i = 0; i < processes.size() && tasks.size() < kMostTasks; ++i) {
        const pid_t process = processes[i];
        for (const pid_t thread : threads_of(process)) {
            tasks.push_back({process, thread});
            const auto path = concat({"/proc/", decimal(process), "/task/", decimal(thread), "/children"});
            const auto children = read_virtual_file(AT_FDCWD, path, kMostChildrenBytes);
            if (children) each_number(*children, [&](pid_t child) { processes.push_back(child); });
        }
    }
    return tasks;
}

}  // namespace aa::shim
