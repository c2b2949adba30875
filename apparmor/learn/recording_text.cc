// SPDX-License-Identifier: Apache-2.0
//
// Recordings as files have them.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "apparmor/learn/recording.h"
#include "base/text.h"

namespace aa::apparmor {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::string_view kVersionKey = "aa-shim-recording";
constexpr std::uint64_t kFirstVersion = 1;
constexpr std::uint64_t kVersion = 2;
constexpr std::string_view kGaining = "mayGain";  // from version 2 on
constexpr std::array kObserved = {EventType::allowed, EventType::audit, EventType::denied, EventType::killed};

// --- bytes and the characters of their numbers, in UTF-8 ---

std::string characters(std::string_view bytes) {
    std::string result;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x80) result += static_cast<char>(0xC0U | (byte >> 6U));
        result += byte >= 0x80 ? static_cast<char>(0x80U | (byte & 0x3FU)) : c;
    }
    return result;
}

// Nothing, if TEXT has other characters.
std::optional<std::string> bytes_of(std::string_view text) {
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto first = static_cast<unsigned char>(text[at]);
        if (first >= 0x80 && ((first & 0xFCU) != 0xC0U || ++at == text.size())) return std::nullopt;
        result += first < 0x80 ? text[at] : static_cast<char>(((first & 3U) << 6U) | (static_cast<unsigned char>(text[at]) & 0x3FU));
    }
    return result;
}

// --- writing ---

void append_line(std::string& text, const Json& document) {
    text += document.dump(-1, ' ', true);
    text += '\n';
}

Json to_json(const Fact& fact, std::uint64_t times) {
    Json document = {{"fact", event_type_name(fact.event.type)}};
    if (!fact.program.empty()) document["program"] = characters(fact.program);
    for (const auto& text : kFactTexts) {
        const auto& value = fact.event.*text.member;
        if (!value.empty()) document[std::string(text.name)] = characters(value);
    }
    if (fact.event.is_of_file()) document["owned"] = fact.owned();
    if (fact.event.teller == Teller::process) document["told"] = "process";
    document["count"] = times;
    return document;
}

Json header(const Recording& recording) {
    const bool is_first = recording.gaining() == 0;
    Json document = {{kVersionKey, is_first ? kFirstVersion : kVersion}};
    if (!is_first) document[std::string(kGaining)] = recording.gaining();
    for (const auto& field : kLossFields) document[std::string(field.name)] = recording.losses().*field.member;
    document["lines"] = recording.starts().size() + recording.execs().size() + recording.facts().size();
    return document;
}

// --- reading ---

std::optional<std::string> text_of(const Json& document, std::string_view name) {
    const auto found = document.find(name);
    if (found == document.end()) return std::string();
    return found->is_string() ? bytes_of(found->get_ref<const std::string&>()) : std::nullopt;
}

std::optional<std::uint64_t> number_of(const Json& document, std::string_view name) {
    const auto found = document.find(name);
    if (found == document.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
}

bool read_owner(const Json& document, Event& event) {
    const auto owned = document.find("owned");
    if (owned == document.end()) return true;
    if (!owned->is_boolean()) return false;
    event.user = 0;
    event.owner = owned->get<bool>() ? 0 : 1;
    return true;
}

std::optional<EventType> type_of(std::string_view name) {
    const auto* known = std::find_if(kObserved.begin(), kObserved.end(), [&](EventType one) { return event_type_name(one) == name; });
    return known == kObserved.end() ? std::nullopt : std::optional(*known);
}

std::optional<Fact> fact_in(const Json& document) {
    Fact fact;
    const auto type = type_of(text_of(document, "fact").value_or(""));
    auto program = text_of(document, "program");
    if (!type || !program || !read_owner(document, fact.event)) return std::nullopt;
    fact.program = *std::move(program);
    fact.event.type = *type;
    fact.event.label = kOwnLabel;
    if (document.contains("told")) fact.event.teller = Teller::process;
    for (const auto& text : kFactTexts) {
        auto value = text_of(document, text.name);
        if (!value) return std::nullopt;
        fact.event.*text.member = *std::move(value);
    }
    return fact;
}

}  // namespace

class RecordingReader {
public:
    // Reads LINE, the one behind the header or after that; false: it is none of a recording.
    bool read(std::string_view line) {
        const auto document = Json::parse(line, nullptr, false);
        const auto times = document.is_object() ? number_of(document, "count") : std::nullopt;
        if (!times || *times == 0) return false;
        if (document.contains("start")) return read_program(recording_.starts_, document, "start", *times);
        if (document.contains("exec")) return read_program(recording_.execs_, document, "exec", *times);
        auto fact = fact_in(document);
        if (!fact) return false;
        recording_.count(*std::move(fact), *times);
        return true;
    }

    // The number of lines that follow; nothing, if it is no header.
    std::optional<std::uint64_t> read_header(std::string_view line) {
        const auto document = Json::parse(line, nullptr, false);
        const auto version = document.is_object() ? number_of(document, kVersionKey) : std::nullopt;
        if (version != kFirstVersion && version != kVersion) return std::nullopt;
        const auto gaining = number_of(document, kGaining);
        if (gaining.has_value() != (version == kVersion)) return std::nullopt;
        recording_.gaining_ = gaining.value_or(0);
        for (const auto& field : kLossFields) {
            const auto number = number_of(document, field.name);
            if (!number) return std::nullopt;
            recording_.losses_.*field.member = *number;
        }
        return number_of(document, "lines");
    }

    Recording& recording() { return recording_; }

private:
    bool read_program(Recording::Counts& counts, const Json& document, std::string_view key, std::uint64_t times) {
        const auto program = text_of(document, key);
        if (program) recording_.count(counts, *program, times);
        return program.has_value();
    }

    Recording recording_;
};

namespace {

Error at_line(std::size_t line, std::string_view problem) {
    return {ErrorKind::config,
            concat({"line ", decimal(static_cast<long long>(line)), " ", problem, ": take a recording as aa-shimctl learn wrote it"})};
}

// What is told twice, in another order or in other words is not what we write, even if it can be understood.
Result<void> require_own_words(std::string_view bytes, const Recording& recording) {
    const auto own = write_recording(recording);
    const auto differs = std::mismatch(bytes.begin(), bytes.end(), own.begin(), own.end()).first;
    if (differs == bytes.end() && bytes.size() == own.size()) return {};
    const auto line = static_cast<std::size_t>(std::count(bytes.begin(), differs, '\n')) + 1;
    return at_line(line, "is not in the words or the order of a recording");
}

}  // namespace

std::string write_recording(const Recording& recording) {
    std::string text;
    append_line(text, header(recording));
    for (const auto& [program, times] : recording.starts()) append_line(text, {{"start", characters(program)}, {"count", times}});
    for (const auto& [command, times] : recording.execs()) append_line(text, {{"exec", characters(command)}, {"count", times}});
    for (const auto& [fact, times] : recording.facts()) append_line(text, to_json(fact, times));
    return text;
}

Result<Recording> read_recording(std::string_view bytes) {
    if (bytes.size() > kMostRecordingBytes) return Error{ErrorKind::config, "it is larger than a recording can be"};
    const auto all = lines(bytes);
    RecordingReader reader;
    const auto expected = all.empty() ? std::nullopt : reader.read_header(all.front());
    if (!expected) return at_line(1, "is not how a recording of this version begins");
    for (std::size_t at = 1; at < all.size(); ++at) {
        if (at > *expected || !reader.read(all[at])) return at_line(at + 1, "is nothing that a recording has");
    }
    if (all.size() != *expected + 1 || !bytes.ends_with('\n')) return at_line(all.size(), "is not where it ends: it was cut off");
    TRY(require_own_words(bytes, reader.recording()));
    return std::move(reader.recording());
}

}  // namespace aa::apparmor
