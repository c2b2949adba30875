// SPDX-License-Identifier: Apache-2.0
//
// Whatever is observed: a recording of it is read as it was written, and the rules for a file of any name are in characters that can be
// printed, one statement each. Bytes that are no record are taken for a name, and for a recording.
#include <algorithm>
#include <cstdlib>

#include "apparmor/audit/rule.h"
#include "apparmor/learn/profile_text.h"
#include "apparmor/learn/recording.h"
#include "apparmor/learn/rules.h"
#include "apparmor/source/profile_words.h"

using namespace aa::apparmor;

namespace {

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); });
}

void check(const Event& event, std::string_view program) {
    Recording recording;
    recording.add(event, program);
    recording.add_exec(program);
    const auto text = write_recording(recording);
    const auto read = read_recording(text);
    if (!is_printable(text) || !read || write_recording(*read) != text) std::abort();
    for (const auto& [fact, count] : recording.facts()) {
        if (!fact.event.is_of_file() || !fact.event.name.starts_with('/') || rule_letters(fact.event.denied).empty()) continue;
        const auto rules = learned_rules({{&fact, count}}, "web");
        const auto profile = with_rules(base_profile("web", "web"), "web", rules);
        if (!profile || !is_printable(*profile)) std::abort();
        for (const auto& rule : rules) {
            const auto statement_text = rule.text + ",";
            ProfileWords words(statement_text);
            const auto statement = words.next();
            if (!statement || statement->end != Statement::End::rule || words.next()) std::abort();
        }
    }
}

void check_name(std::string_view name) {
    Event event;
    event.type = EventType::allowed;
    event.label = "x";
    event.operation = "open";
    event.denied = "r";
    event.user = event.owner = 0;
    event.name = name;
    check(event, name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto line = read_log_line(bytes);
    if (const auto* event = std::get_if<Event>(&line)) check(*event, event->command);
    const auto recording = read_recording(bytes);
    if (recording && write_recording(*recording) != bytes) std::abort();
    if (bytes.find('\0') == std::string_view::npos && size < 4000) check_name("/" + std::string(bytes));
    return 0;
}
