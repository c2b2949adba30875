// SPDX-License-Identifier: Apache-2.0
#include "ctl/cli/start.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace aa::ctl {

// Descriptors 0 to 2 are always open, so that no file of ours is taken for one of them. A host without /dev/null (a chroot) is no
// obstacle as long as they are.
bool open_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        if (::open("/dev/null", O_RDWR) == fd) continue;  // the lowest one that is free
        (void)std::fprintf(stderr, "aa-shimctl: there is no /dev/null to open in place of descriptor %d, which is closed: mount a /dev\n",
                           fd);
        return false;
    }
    return true;
}

// Only flags stand before the command.
Result<void> check_command(const CLI::App& app, int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.starts_with('-')) continue;
        const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
        std::vector<std::string> names;
        for (const auto* command : commands) names.push_back(command->get_name());
        if (std::find(names.begin(), names.end(), word) != names.end()) return {};
        const std::vector<std::string_view> candidates(names.begin(), names.end());
        const auto near = closest(word, candidates);
        return Error{ErrorKind::usage, concat({"there is no command ", quote(word),
                                               near.empty() ? ": see aa-shimctl --help" : concat({", did you mean ", quote(near), "?"})})};
    }
    return {};
}

}  // namespace aa::ctl
