// SPDX-License-Identifier: Apache-2.0
//
// How many audit records the kernel keeps for whoever reads them, and how many it had no room for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/result.h"

namespace aa::ctl {

struct AuditStatus {
    std::uint32_t backlog_limit = 0;  // 0: there is none
    std::uint32_t lost = 0;           // since the start of the host
};

// What the kernel says (AUDIT_GET). Needs CAP_AUDIT_CONTROL.
Result<AuditStatus> read_audit_status();

// Sets the first of these.
Result<void> set_backlog_limit(std::uint32_t limit);

// The kernel's side of it, which tests have another one of.
struct AuditSystem {
    std::function<Result<AuditStatus>()> status = read_audit_status;
    std::function<Result<void>(std::uint32_t)> set_backlog_limit = ctl::set_backlog_limit;
};

// A limit that is high enough to learn by, for as long as this lives; a higher one stays. The last of all that have raised it puts it back,
// unless somebody else has changed it. What it was stands in a file that each of them holds: one that was killed holds it no more, and leaves
// it to the next.
class RaisedBacklog {
public:
    static constexpr std::uint32_t kEnough = 65536;
    static constexpr const char* kPath = "/run/aa-shim/audit-backlog";

    static Result<RaisedBacklog> raise(const std::string& path = kPath, AuditSystem audit = {});
    RaisedBacklog(RaisedBacklog&& other) noexcept = default;
    RaisedBacklog& operator=(RaisedBacklog&&) = delete;
    ~RaisedBacklog();

private:
    RaisedBacklog(std::string path, AuditSystem audit) : path_(std::move(path)), audit_(std::move(audit)) {}

    std::string path_;
    AuditSystem audit_;
    Fd file_;  // none: it was high enough
};

}  // namespace aa::ctl
