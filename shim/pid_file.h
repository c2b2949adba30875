// SPDX-License-Identifier: Apache-2.0
//
// The file in which a runtime tells its caller the number of the process that an exec started (--pid-file).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/fd.h"
#include "shim/watched_process.h"

namespace aa::shim {

class PidFile {
public:
    // The file PATH, which is to be written yet. Engines name a new file, and in full: what is there already is another exec's.
    explicit PidFile(std::string_view path);

    // Whether there is such a file.
    [[nodiscard]] bool is_told() const { return !path_.empty(); }

    // Has the kernel tell of it from now on (inotify(7)).
    void watch();

    // The number that RUNTIME has written there, waited for until that has ended, ten minutes at most; 0 if there is none. Looks every 5 ms
    // where nobody tells.
    [[nodiscard]] pid_t await(const WatchedProcess& runtime) const;

private:
    std::string path_;  // empty: none that would tell
    Fd told_;
};

}  // namespace aa::shim
