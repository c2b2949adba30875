// SPDX-License-Identifier: Apache-2.0
#include "apparmor/audit/log_head.h"

#include <algorithm>
#include <array>
#include <utility>

#include "apparmor/audit/record.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

using Kind = LogHead::Kind;

// Takes WORD off TEXT; false if it does not begin so.
bool take(std::string_view& text, std::string_view word) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
}

// Takes what stands before END, and END, off TEXT; nothing if there is no END.
std::optional<std::string_view> take_until(std::string_view& text, std::string_view end) {
    const std::size_t at = text.find(end);
    if (at == std::string_view::npos) return std::nullopt;
    const auto taken = text.substr(0, at);
    text.remove_prefix(at + end.size());
    return taken;
}

std::optional<unsigned long long> take_number(std::string_view& text) {
    const auto digits = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
    unsigned long long number = 0;
    if (!parse_decimal(digits, number)) return std::nullopt;
    text.remove_prefix(digits.size());
    return number;
}

// Takes "audit(SECONDS.MILLISECONDS:SERIAL): " off TEXT.
bool take_stamp(std::string_view& text, LogHead& head) {
    if (!take(text, "audit(")) return false;
    const auto seconds = take_number(text);
    if (!seconds || *seconds > (1ULL << 40U) || !take(text, ".")) return false;
    const auto milliseconds = take_number(text);
    if (!milliseconds || *milliseconds > 999 || !take(text, ":")) return false;
    const auto serial = take_number(text);
    if (!serial || !take(text, "): ")) return false;
    head.seconds = static_cast<long long>(*seconds);
    head.milliseconds = static_cast<unsigned>(*milliseconds);
    head.serial = serial;
    return true;
}

std::optional<Kind> kind_of_number(unsigned long long number) {
    if (number == kAvcRecord) return Kind::record;
    if (number == kUserAvcRecord) return Kind::user_record;
    return std::nullopt;
}

// auditd calls AppArmor's records AVC; one that was built for it calls the older ones by what they are (libaudit, msg_typetab.h).
std::optional<Kind> kind_of_name(std::string_view name) {
    if (name == "AVC" || name.starts_with("APPARMOR_")) return Kind::record;
    if (name == "USER_AVC") return Kind::user_record;
    return std::nullopt;
}

// "audit_lost=N …" and "… callbacks suppressed" (kernel/audit.c, audit_log_lost(); lib/ratelimit.c).
std::optional<LogHead> lost(std::string_view text) {
    LogHead head;
    head.kind = Kind::lost;
    auto line = text;
    if (take(line, "audit: ") && take(line, "audit_lost=")) {
        head.lost_in_total = take_number(line);
        return head.lost_in_total ? std::optional(head) : std::nullopt;
    }
    // Of the function that prints audit records alone: kauditd_printk_skb, in older kernels audit_printk_skb.
    line = text;
    const auto function = take_until(line, ": ");
    if (!function || !(function->ends_with("audit_printk_skb") || function->ends_with("kauditd_printk_skb"))) return std::nullopt;
    const auto count = take_number(line);
    if (!count || line.substr(0, line.find_last_not_of("\r\n") + 1) != " callbacks suppressed") return std::nullopt;
    head.suppressed = *count;
    return head;
}

// "[  12.345678] " of printk's time, or of `dmesg -T`.
void take_print_time(std::string_view& text) {
    if (!text.starts_with('[')) return;
    const std::size_t end = text.find("] ");
    if (end != std::string_view::npos && end < 40) text.remove_prefix(end + 2);
}

// "<5>" of a raw buffer.
void take_priority(std::string_view& text) {
    auto line = text;
    if (take(line, "<") && take_number(line) && take(line, ">")) text = line;
}

// Takes "Nov 30 04:51:00 " or "2026-11-30T04:51:00.123456+00:00 ", the host and the tag, and leaves the message; nothing if that is not
// what it begins with.
std::optional<std::string_view> take_syslog_tag(std::string_view& text) {
    constexpr std::size_t kOldDate = 16;  // "Mmm dd hh:mm:ss "
    auto line = text;
    const bool is_old = line.size() > kOldDate && line[3] == ' ' && line[6] == ' ' && line[9] == ':' && line[12] == ':' && line[15] == ' ';
    if (is_old) {
        line.remove_prefix(kOldDate);
    } else {
        const auto date = take_until(line, " ");
        if (!date || date->size() < 19 || (*date)[10] != 'T' || (*date)[4] != '-') return std::nullopt;
    }
    const auto host = take_until(line, " ");
    if (!host || host->empty()) return std::nullopt;
    const auto tag = take_until(line, ": ");
    if (!tag || tag->find(' ') != std::string_view::npos) return std::nullopt;
    text = line;
    return tag->substr(0, tag->find('['));
}

std::optional<LogHead> auditd_head(std::string_view line) {
    LogHead head;
    if (take(line, "node=") && !take_until(line, " ")) return std::nullopt;
    if (!take(line, "type=")) return std::nullopt;
    const auto name = take_until(line, " msg=");
    const auto kind = name ? kind_of_name(*name) : std::nullopt;
    if (!kind || !take_stamp(line, head)) return std::nullopt;
    head.kind = *kind;
    head.rest = line;
    return head;
}

}  // namespace

std::optional<LogHead> head_of_record(unsigned number, std::string_view text) {
    LogHead head;
    const auto kind = kind_of_number(number);
    if (!kind || !take_stamp(text, head)) return std::nullopt;
    head.kind = *kind;
    head.rest = text;
    return head;
}

std::optional<LogHead> head_of_message(std::string_view text) {
    if (auto head = lost(text)) return head;
    if (text.starts_with("type=") || text.starts_with("node=")) return auditd_head(text);
    auto line = text;
    if (take(line, "audit: type=")) {
        const auto number = take_number(line);
        return number && take(line, " ") ? head_of_record(static_cast<unsigned>(*number), line) : std::nullopt;
    }
    // journald's own words for what the kernel sends it over netlink.
    const auto name = take_until(line, " ");
    const auto kind = name ? kind_of_name(*name) : std::nullopt;
    if (!kind) return std::nullopt;
    LogHead head;
    head.kind = *kind;
    head.rest = line;
    return head;
}

std::optional<LogHead> head_of_line(std::string_view line) {
    if (const auto tag = take_syslog_tag(line)) {
        if (*tag == "dbus-daemon") {
            LogHead head;
            head.kind = Kind::bus;
            head.rest = line;
            return head;
        }
        if (*tag != "kernel" && *tag != "audit") return std::nullopt;
    }
    take_priority(line);
    take_print_time(line);
    return head_of_message(line);
}

}  // namespace aa::apparmor
