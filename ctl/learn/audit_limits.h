// SPDX-License-Identifier: Apache-2.0
//
// How many audit records the kernel keeps for whoever reads them, and how many it had no room for.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"

namespace aa::ctl {

struct AuditStatus {
    std::uint32_t backlog_limit = 0;  // 0: there is none
    std::uint32_t lost = 0;           // since the start of the host
};

// What the kernel says (AUDIT_GET). Needs CAP_AUDIT_CONTROL.
Result<AuditStatus> read_audit_status();

// A limit that is high enough to learn by, for as long as this lives; a higher one stays. Then it is put back, unless somebody else has
// changed it.
class RaisedBacklog {
public:
    static constexpr std::uint32_t kEnough = 65536;

    static Result<RaisedBacklog> raise();
    RaisedBacklog(RaisedBacklog&& other) noexcept : before_(other.before_) { other.before_.reset(); }
    RaisedBacklog& operator=(RaisedBacklog&&) = delete;
    ~RaisedBacklog();

private:
    RaisedBacklog() = default;
    std::optional<std::uint32_t> before_;  // nothing: it was not changed
};

}  // namespace aa::ctl
