// SPDX-License-Identifier: Apache-2.0
//
// What the log says of a container or an exec that is watched as it starts (verify.h).
#pragma once

#include <sys/types.h>

#include <ctime>
#include <string>
#include <string_view>

#include "shim/call.h"
#include "shim/log/decision_log.h"
#include "shim/log/trace.h"

namespace aa::shim {

// Why, as the log's field `reason` has it.
namespace watched_reason {
inline constexpr std::string_view kForged = "forged";
inline constexpr std::string_view kMismatch = "mismatch";
inline constexpr std::string_view kUntraced = "untraced";
inline constexpr std::string_view kUnwatched = "unwatched";
}  // namespace watched_reason

// What is watched, and how the log names it.
struct Watched {
    std::string what;  // `container "c1"`
    std::string id;    // the container's
    std::string decision;
    Fields fields;

    // The container ID, whose decision is DECISION as far as that is known.
    static Watched container(std::string_view id, const Decision& decision);
    // What CALL, an exec that was decided as TRACE says, starts.
    static Watched exec(const Call& call, const Trace& trace);

    // What is told of it, and why; as a refusal.
    [[nodiscard]] LogEntry entry(std::string message, std::string_view reason) const;
};

// Counts and says that PROCESS, of WATCHED, was killed for MISMATCH.
void tell_ended(pid_t process, const Watched& watched, const std::string& mismatch);

// Says that WATCHED cannot be traced on, and WHY: it ends with who says it.
void tell_stuck(const Watched& watched, const Error& why);

// When what could not be traced is looked at: once its program has begun; once the runtime's state tells of it; once it was restored; or never, as
// nobody tells its process.
enum class Looked { once_begun, once_told, once_restored, never };

// Says that WATCHED is looked at then, not before, and WHY.
void log_untraced(const Watched& watched, const Error& why, Looked looked);

// Says which process an exec became, which BEGAN then: nothing on record tells that later, and what a command was denied that ended at once is
// known to be that exec's by its number alone (`aa-shimctl denials`). DECISION_LOG: the catalog's JSON-lines file; empty: none.
void log_exec_process(const Watched& watched, pid_t pid, std::time_t began, std::string_view decision_log);

}  // namespace aa::shim
