// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/gains.h"

#include <vector>

#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kMostTold = 3;

std::string in_words(const Gain& gain) {
    const auto& [mediation_class, rule, example, partly] = gain.allowance;
    return concat(
        {quote(rule), example == rule ? "" : concat({", such as ", quote(example)}), gain.way.empty() ? "" : " after " + gain.way});
}

}  // namespace

std::string told_gains(Policy& policy, const std::string& label, const std::string& base,
                       const std::function<bool(const Gain&)>& is_meant) {
    if (label.empty() || label == base) return {};
    Budget budget;
    auto found = inclusion({&policy, label}, {&policy, base}, budget);
    if (!found) return {};
    if (is_meant) std::erase_if(found->gains, is_meant);
    std::vector<std::string> texts;
    for (const auto& gain : found->gains) {
        texts.push_back(texts.size() == kMostTold ? "…" : in_words(gain));
        if (texts.size() > kMostTold) break;
    }
    if (texts.empty() && !found->unproved.empty()) return concat({"perhaps something (", found->unproved.front(), ")"});
    return join(texts, ", ");
}

}  // namespace aa::apparmor
