// SPDX-License-Identifier: Apache-2.0
//
// Whatever line a log has: the rule for a record in it is one rule of the profile language, in characters that can be printed.
#include <algorithm>
#include <cstdlib>

#include "apparmor/audit/record.h"
#include "apparmor/audit/risk.h"
#include "apparmor/audit/rule.h"
#include "apparmor/source/profile_words.h"

using namespace aa::apparmor;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const auto line = read_log_line({reinterpret_cast<const char*>(data), size});
    const auto* event = std::get_if<Event>(&line);
    if (event == nullptr) return 0;
    if (risk_of(*event).reason.empty()) std::abort();
    const auto rule = remedy_for(*event).rule;
    if (rule.empty()) return 0;
    if (!std::all_of(rule.begin(), rule.end(), [](char c) { return c >= 0x20 && c < 0x7F; })) std::abort();
    const auto text = rule + ",";
    ProfileWords words(text);
    const auto statement = words.next();
    if (!statement || statement->end != Statement::End::rule || words.next()) std::abort();
    return 0;
}
