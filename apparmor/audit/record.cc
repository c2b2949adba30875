// SPDX-License-Identifier: Apache-2.0
#include "apparmor/audit/record.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "apparmor/audit/log_head.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::array<std::pair<std::string_view, EventType>, 7> kTypes = {{{"AUDIT", EventType::audit},
                                                                           {"ALLOWED", EventType::allowed},
                                                                           {"DENIED", EventType::denied},
                                                                           {"HINT", EventType::hint},
                                                                           {"STATUS", EventType::status},
                                                                           {"ERROR", EventType::error},
                                                                           {"KILLED", EventType::killed}}};
constexpr std::string_view kBegin = "apparmor=\"";

// How a value that is not quoted is meant.
enum class Bare : std::uint8_t {
    word,  // as it stands
    hex,   // the digits of bytes
};
struct TextField {
    std::string_view key;
    std::string Event::*member;
    Bare bare;
};
// `profile` and `label`, `requested` and `requested_mask` … are the same under two names: classes choose (security/apparmor/, lsm_audit.c).
constexpr std::array kTexts = {
    TextField{"operation", &Event::operation, Bare::word},
    TextField{"class", &Event::mediation_class, Bare::word},
    TextField{"profile", &Event::label, Bare::hex},
    TextField{"label", &Event::label, Bare::hex},
    TextField{"namespace", &Event::policy_namespace, Bare::hex},
    TextField{"name", &Event::name, Bare::hex},
    TextField{"target", &Event::target, Bare::hex},
    TextField{"comm", &Event::command, Bare::hex},
    TextField{"requested_mask", &Event::requested, Bare::word},
    TextField{"requested", &Event::requested, Bare::word},
    TextField{"denied_mask", &Event::denied, Bare::word},
    TextField{"denied", &Event::denied, Bare::word},
    TextField{"mask", &Event::requested, Bare::word},
    TextField{"info", &Event::info, Bare::hex},
    TextField{"error", &Event::error, Bare::word},
    TextField{"capname", &Event::capability, Bare::word},
    TextField{"signal", &Event::signal, Bare::word},
    TextField{"peer", &Event::peer, Bare::hex},
    TextField{"peer_label", &Event::peer, Bare::hex},
    TextField{"family", &Event::family, Bare::word},
    TextField{"sock_type", &Event::socket_type, Bare::word},
    TextField{"protocol", &Event::protocol, Bare::word},
    TextField{"addr", &Event::address, Bare::hex},
    TextField{"peer_addr", &Event::peer_address, Bare::hex},
    TextField{"fstype", &Event::file_system, Bare::hex},
    TextField{"srcname", &Event::source, Bare::hex},
    TextField{"flags", &Event::flags, Bare::word},
    TextField{"rlimit", &Event::limit, Bare::word},
    TextField{"value", &Event::value, Bare::word},
    TextField{"bus", &Event::bus, Bare::hex},
    TextField{"path", &Event::path, Bare::hex},
    TextField{"interface", &Event::interface, Bare::hex},
    TextField{"member", &Event::member, Bare::hex},
};
struct NumberField {
    std::string_view key;
    std::optional<unsigned long long> Event::*member;
};
constexpr std::array kNumbers = {NumberField{"pid", &Event::pid}, NumberField{"fsuid", &Event::user}, NumberField{"ouid", &Event::owner}};

// Operations that have no `denied_mask`, with what they have: how each begins.
constexpr std::array<std::pair<std::string_view, std::string Event::*>, 10> kLast = {{{"capable", &Event::capability},
                                                                                      {"setrlimit", &Event::value},
                                                                                      {"pivotroot", &Event::source},
                                                                                      {"umount", &Event::name},
                                                                                      {"mount", &Event::flags},
                                                                                      {"change_profile", &Event::name},
                                                                                      {"change_onexec", &Event::name},
                                                                                      {"stack", &Event::name},
                                                                                      {"change_hat", &Event::operation},
                                                                                      {"profile_", &Event::operation}}};

constexpr std::string_view kNone = "none";  // an address that a socket does not have

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct Pair {
    std::string_view key, value;
    bool quoted = false;
};

bool is_key(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

// Takes KEY=VALUE or KEY="VALUE" off TEXT; why not, if there is none.
std::string_view take(std::string_view& text, Pair& pair) {
    const std::size_t equals = text.find('=');
    pair.key = text.substr(0, equals);
    if (!is_key(pair.key)) return "something stands in it that is no field";
    if (equals == std::string_view::npos) return "it ends within a field";
    text.remove_prefix(equals + 1);
    pair.quoted = text.starts_with('"');
    if (pair.quoted) text.remove_prefix(1);
    const std::size_t end = pair.quoted ? text.find('"') : std::min(text.find(' '), text.size());
    if (end == std::string_view::npos) return "it ends within a value";
    pair.value = text.substr(0, end);
    text.remove_prefix(end + (pair.quoted ? 1 : 0));
    if (!text.empty() && !text.starts_with(' ')) return "a value does not end where its quotes do";
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return {};
}

class Reader {
public:
    explicit Reader(Event& event) : event_(event) {}

    // Reads the fields of TEXT, which begins with the type; why not, if it cannot.
    std::string read(std::string_view text) {
        Pair pair;
        while (!text.empty()) {
            if (const auto problem = take(text, pair); !problem.empty()) return std::string(problem);
            if (std::find(seen_.begin(), seen_.end(), pair.key) != seen_.end())
                return concat({"the field ", quote(pair.key), " stands in it twice"});
            seen_.push_back(pair.key);
            if (!set(pair)) return concat({"the field ", quote(pair.key), " has a value that no such field has"});
        }
        return missing();
    }

private:
    bool set(const Pair& pair) {
        if (pair.key == "apparmor") {
            const auto* known = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& one) { return one.first == pair.value; });
            if (known != kTypes.end()) event_.type = known->second;
            return known != kTypes.end() && seen_.size() == 1;
        }
        for (const auto& field : kNumbers) {
            if (field.key == pair.key) return set_number(event_.*field.member, pair.value);
        }
        for (const auto& field : kTexts) {
            if (field.key == pair.key) return set_text(event_.*field.member, field.bare, pair);
        }
        return true;  // one that nobody asks for
    }
    static bool set_number(std::optional<unsigned long long>& member, std::string_view value) {
        unsigned long long number = 0;
        if (!parse_decimal(value, number)) return false;
        member = number;
        return true;
    }
    static bool set_text(std::string& member, Bare bare, const Pair& pair) {
        if (!member.empty()) return false;  // under its other name
        if (pair.quoted || bare == Bare::word || pair.value == kNone) {
            member = pair.value;
            return true;
        }
        auto bytes = bytes_of_hex(pair.value);
        if (!bytes) return false;
        member = *std::move(bytes);
        return true;
    }

    // What a record that was cut off between two fields does not have any more: the kernel writes these last.
    [[nodiscard]] std::string missing() const {
        if (event_.operation.empty()) return "it has no operation";
        const bool forbids = event_.type == EventType::denied || event_.type == EventType::allowed || event_.type == EventType::killed;
        if (event_.teller == Teller::process || !forbids) return {};
        if (event_.label.empty()) return "it has no profile";
        if (!event_.pid || event_.command.empty()) return "it has no process";
        const auto* last =
            std::find_if(kLast.begin(), kLast.end(), [&](const auto& one) { return event_.operation.starts_with(one.first); });
        const auto& needed = event_.*(last == kLast.end() ? &Event::denied : last->second);
        const bool is_file = event_.mediation_class == "file" || (event_.mediation_class.empty() && event_.family.empty());
        const bool has_owner = last != kLast.end() || !is_file || event_.name.empty() || event_.is_of_file();
        return needed.empty() || !has_owner ? "it ends before all is said that was denied" : "";
    }

    Event& event_;
    std::vector<std::string_view> seen_;
};

LogLine read_fields(std::string_view text, Event event) {
    auto problem = Reader(event).read(text);
    if (!problem.empty()) return Damaged{std::move(problem)};
    return event;
}

// What a process told: "pid=1 uid=81 … msg='apparmor="DENIED" … exe="…" …'" of which the part between the apostrophes is its own.
LogLine read_user_record(std::string_view text, Event event) {
    constexpr std::string_view kMessage = " msg='";
    const std::size_t begin = text.find(kMessage);
    if (begin == std::string_view::npos) return std::monostate();
    text.remove_prefix(begin + kMessage.size());
    if (!text.starts_with(kBegin)) return std::monostate();
    const std::size_t end = text.rfind('\'');
    if (end == std::string_view::npos) return Damaged{"it ends within a value"};
    text = text.substr(0, end);
    // Behind the record stands what libaudit says of the process.
    if (const std::size_t exe = text.find(" exe=\""); exe != std::string_view::npos) text = text.substr(0, exe);
    event.teller = Teller::process;
    return read_fields(text.substr(0, text.find_last_not_of(' ') + 1), std::move(event));
}

LogLine read_record(LogHead head) {
    // Behind this, auditd puts what it makes of numbers ("log_format = ENRICHED").
    constexpr char kEnriched = '\x1d';
    head.rest = head.rest.substr(0, head.rest.find(kEnriched));
    head.rest = head.rest.substr(0, head.rest.find_last_not_of(" \r\n") + 1);
    // Neither the kernel nor libaudit writes such: they become digits.
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
    if (head.rest.find(kBegin) != std::string_view::npos && std::any_of(head.rest.begin(), head.rest.end(), is_control))
        return Damaged{"it has control characters in it"};
    Event event;
    event.seconds = head.seconds;
    event.milliseconds = head.milliseconds;
    event.serial = head.serial;
    if (head.kind == LogHead::Kind::user_record) return read_user_record(head.rest, std::move(event));
    if (head.kind == LogHead::Kind::bus) event.teller = Teller::process;
    if (!head.rest.starts_with(kBegin)) return std::monostate();
    return read_fields(head.rest, std::move(event));
}

LogLine read_headed(const std::optional<LogHead>& head) {
    if (!head) return std::monostate();
    if (head->kind == LogHead::Kind::lost) return Lost{head->suppressed, head->lost_in_total};
    return read_record(*head);
}

}  // namespace

std::optional<std::string> bytes_of_hex(std::string_view digits) {
    if (digits.empty() || digits.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t at = 0; at < digits.size(); at += 2) {
        const int high = digit(digits[at]);
        const int low = digit(digits[at + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

std::string_view event_type_name(EventType type) {
    for (const auto& [name, known] : kTypes) {
        if (known == type) return name;
    }
    return {};
}

LogLine read_log_line(std::string_view line) { return read_headed(head_of_line(line)); }
LogLine read_message(std::string_view text) { return read_headed(head_of_message(text)); }

LogLine read_audit_message(unsigned number, std::string_view text) {
    if (number != kAvcRecord && number != kUserAvcRecord) return std::monostate();
    return read_headed(head_of_record(number, text));
}

}  // namespace aa::apparmor
