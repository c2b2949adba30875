// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/intake.h"

#include <variant>

#include "base/text.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

using apparmor::Damaged;
using apparmor::Event;
using apparmor::LogLine;
using apparmor::Lost;

bool Intake::take(const LogLine& line) {
    if (const auto* lost = std::get_if<Lost>(&line)) {
        read_.losses.suppressed += lost->suppressed;
        // The number counts from the start of the host on: what was lost before the first that is seen was lost before this log, perhaps.
        if (lost->in_total) {
            read_.losses.backlog += lost_before_ && *lost->in_total >= *lost_before_ ? *lost->in_total - *lost_before_ : 1;
            lost_before_ = lost->in_total;
        }
    }
    if (const auto* damaged = std::get_if<Damaged>(&line)) {
        ++read_.records;
        if (read_.damaged++ == 0) read_.damage = damaged->why;
    }
    const auto* event = std::get_if<Event>(&line);
    if (event == nullptr || (event->seconds != 0 && event->seconds < not_before_)) return true;
    if (is_known(*event)) {
        ++read_.twice;
        return true;
    }
    ++read_.records;
    return take_(*event);
}

bool Intake::is_known(const Event& event) {
    if (!event.serial) return false;
    // A serial number begins anew with each start of the host.
    const unsigned long long key =
        *event.serial * 1'000'003ULL + static_cast<unsigned long long>(event.seconds) * 1'000ULL + event.milliseconds;
    if (!known_.insert(key).second) return true;
    known_.erase(std::exchange(recent_[next_], key));
    next_ = (next_ + 1) % kRecent;
    return false;
}

LogLine read_journal_entry(std::string_view line) {
    const auto entry = Json::parse(line, nullptr, false);
    // A message that is not text is an array; the kernel has written no such record.
    if (!entry.is_object() || !entry.contains("MESSAGE") || !entry["MESSAGE"].is_string()) return std::monostate();
    const auto text = [&](const char* name) {
        return entry.contains(name) && entry[name].is_string() ? entry[name].get<std::string>() : std::string();
    };
    const auto message = text("MESSAGE");
    if (text("_TRANSPORT") != "audit") return apparmor::read_message(message);
    // journald keeps the stamp of a record that came over netlink apart: "AVC apparmor=…".
    const auto space = message.find(' ');
    unsigned long long time = 0;
    const auto serial = text("_AUDIT_ID");
    if (space == std::string::npos || serial.empty() || !parse_decimal(text("_SOURCE_REALTIME_TIMESTAMP"), time))
        return apparmor::read_message(message);
    const auto milliseconds = decimal(static_cast<long long>(time / 1000 % 1000 + 1000)).substr(1);
    return apparmor::read_message(
        concat({"type=", message.substr(0, space), " msg=audit(", decimal(static_cast<long long>(time / 1'000'000)), ".", milliseconds, ":",
                serial, "): ", message.substr(space + 1)}));
}

}  // namespace aa::ctl
