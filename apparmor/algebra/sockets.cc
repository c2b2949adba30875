// SPDX-License-Identifier: Apache-2.0
//
// Network rules (security/apparmor/net.c): two bytes of the family, two of the type, and where a rule says more two of the protocol and the
// addresses.
#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "apparmor/algebra/comparison.h"
#include "apparmor/algebra/spelling.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

const AnyGrammar kAnyTexts;

std::vector<std::uint16_t> types_of(std::uint16_t family) {
    constexpr std::uint16_t kInet = 2;
    constexpr std::uint16_t kInet6 = 10;
    std::vector<std::uint16_t> types(kSocketTypes.begin(), kSocketTypes.end());
    if (family == kInet || family == kInet6) types.push_back(kDccp);
    return types;
}

void add_sockets(Comparison& comparison, std::uint32_t permissions, const std::vector<std::uint16_t>& families, std::uint16_t type) {
    const bool every = families.size() == kFamilies;
    for (const std::uint16_t family : every ? std::vector{kAnyFamily} : families) {
        comparison.add(mediation::kNetwork, network_rule(permissions, family, type),
                       network_rule(permissions, every ? families.front() : family, type == kAnyType ? kSocketTypes.front() : type));
    }
}

Question socket_question(Comparison& comparison, std::uint16_t family, std::uint16_t type) {
    const std::array<char, 4> prefix = {static_cast<char>(family >> 8U), static_cast<char>(family), static_cast<char>(type >> 8U),
                                        static_cast<char>(type)};
    return comparison.asked(kAnyTexts, Shape::fields, mediation::kNetwork, {prefix.data(), prefix.size()});
}

std::uint32_t socket_permissions(const Question& question) { return gained_at_start(question, network_permissions()); }

// Whether what follows may make a difference: where one of the profiles inside looks at it.
bool goes_on(const Question& question) {
    const auto looks = [](const Part& part) { return (allowed_at_start({part}) & access::kContinue) != 0; };
    return std::ranges::any_of(question.inside, [&](const Operand& operand) { return std::ranges::any_of(operand, looks); });
}

// What is allowed of a family and type at once is allowed with every address.
class Addresses : public Grammar {
public:
    [[nodiscard]] State next(State /*state*/, std::uint8_t /*byte*/) const override { return 1; }
    [[nodiscard]] std::uint32_t wanted(State state) const override { return state == 0 ? 0 : network_permissions(); }
    [[nodiscard]] std::uint32_t inherited(State state, std::uint8_t /*byte*/) const override {
        return state == 0 ? network_permissions() : 0;
    }
    [[nodiscard]] std::string_view special() const override { return {"\0", 1}; }
};

void compare_addresses(Comparison& comparison, const Question& sockets, std::uint16_t family, std::uint16_t type) {
    static const Addresses kAddresses;
    Question question{kAddresses, Shape::fields, sockets.inside, sockets.outside, sockets.alphabet, kEverything, {}};
    question.mask = all_of(network_permissions() & ~socket_permissions(sockets));
    for (const auto& pattern : comparison.covered(question).patterns) {
        const std::uint32_t permissions = pattern.granted.either();
        const auto rule = [&](std::string_view text) { return concat({network_rule(permissions, family, type), " ", shown(text)}); };
        comparison.add(mediation::kNetwork, rule(pattern.glob.text()), rule(Glob::literal(pattern.witness).text()));
    }
}

}  // namespace

// Every family and type by itself, which is all that kernels up to 6.12 look at; what follows (protocols, addresses) where a rule
// goes on.
void compare_sockets(Comparison& comparison) {
    std::map<std::pair<std::uint32_t, std::uint16_t>, std::vector<std::uint16_t>> families;  // by permissions and type
    for (std::uint16_t family = 0; family < kFamilies; ++family) {
        std::map<std::uint32_t, std::vector<std::uint16_t>> types;
        for (const std::uint16_t type : types_of(family)) {
            const auto question = socket_question(comparison, family, type);
            const std::uint32_t allowed = socket_permissions(question);
            if (allowed != 0) types[allowed].push_back(type);
            if (goes_on(question)) compare_addresses(comparison, question, family, type);
        }
        for (const auto& [permissions, list] : types) {
            const bool every = list.size() >= kSocketTypes.size();
            for (const std::uint16_t type : every ? std::vector{kAnyType} : list) families[{permissions, type}].push_back(family);
        }
    }
    for (const auto& [key, list] : families) add_sockets(comparison, key.first, list, key.second);
}

}  // namespace aa::apparmor
