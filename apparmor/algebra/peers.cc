// SPDX-License-Identifier: Apache-2.0
//
// Classes whose rules are about the label of somebody else: signals, ptrace, credentials for io_uring.
#include <algorithm>
#include <map>
#include <utility>

#include "apparmor/algebra/comparison.h"
#include "apparmor/algebra/spelling.h"

namespace aa::apparmor {

namespace {

constexpr std::uint8_t kRealTimeSignals = 128;  // the first one
constexpr unsigned kNumberedSignals = 36;
constexpr unsigned kSignals = kNumberedSignals + 65;

const PeerGrammar kSignalPeers(access::kSend | access::kReceive);
const PeerGrammar kPtracePeers(access::kTrace | access::kReadByTrace | access::kTracedBy | access::kReadBy);
const PeerGrammar kIoUringLabels(access::kOverrideCredentials, access::kPollQueue);

std::uint8_t signal_number(unsigned index) {
    return static_cast<std::uint8_t>(index < kNumberedSignals ? index : kRealTimeSignals + index - kNumberedSignals);
}

struct PeerRule {
    std::uint32_t permissions = 0;
    std::string peer;  // a pattern
    std::string example;
};

bool compares_two_labels(const RuleQuestion& question) { return !question.own.empty() && question.own != question.their_own; }

// Nothing, or the name of a child.
class OfOwnLabel : public Grammar {
public:
    explicit OfOwnLabel(std::uint32_t wanted) : wanted_(wanted) {}
    [[nodiscard]] State next(State state, std::uint8_t byte) const override {
        if (byte == 0 || (state < 2 && byte != '/')) return kNowhere;
        return std::min<State>(static_cast<State>(state + 1), 3);
    }
    [[nodiscard]] std::uint32_t wanted(State state) const override { return state == 0 || state == 3 ? wanted_ : 0; }
    [[nodiscard]] std::string_view special() const override { return {"/\0", 2}; }

private:
    std::uint32_t wanted_;
};

void add_own_peers(Comparison& comparison, const Question& question, std::vector<PeerRule>& rules) {
    const OfOwnLabel grammar(question.grammar.wanted(1));
    Question own{grammar, Shape::peer, question.inside, question.outside, question.alphabet, kEverything, {}};
    const auto begin = [](std::vector<Operand>& operands, std::string_view label) {
        for (auto& operand : operands) {
            for (auto& part : operand) part.start = part.automaton->match(part.start, label);
        }
    };
    begin(own.inside, comparison.question().own);
    begin(own.outside, comparison.question().their_own);
    for (const auto& pattern : comparison.covered(own).patterns) {
        rules.push_back({pattern.granted.either(), "@{profile_name}" + pattern.glob.text(),
                         comparison.question().own + Glob::literal(pattern.witness).text()});
    }
}

// What is allowed of peers, of a class or (PREFIX) a part of one. What ours may do to processes under its own label is held against
// what theirs may do to those under theirs: profiles say `peer=@{profile_name}` of both.
std::vector<PeerRule> peer_rules(Comparison& comparison, const Grammar& grammar, std::uint8_t mediation_class, std::string_view prefix) {
    std::vector<PeerRule> rules;
    Question question = comparison.asked(grammar, Shape::peer, mediation_class, prefix);
    if (compares_two_labels(comparison.question())) {
        add_own_peers(comparison, question, rules);
        Glob children = Glob::literal(comparison.question().own);
        Glob stacked;
        question.besides.push_back(Glob::literal(comparison.question().own));
        question.besides.push_back(std::move(children.add("//").add_anything()));
        question.besides.push_back(std::move(stacked.add_anything().add("//&").add(comparison.question().own).add_anything()));
    }
    for (const auto& pattern : comparison.covered(question).patterns) {
        rules.push_back({pattern.granted.either(), pattern.glob.text(), Glob::literal(pattern.witness).text()});
    }
    return rules;
}

std::vector<StateId> starts_of(const Question& question) {
    std::vector<StateId> starts;
    for (const auto* operands : {&question.inside, &question.outside}) {
        for (const auto& operand : *operands) {
            for (const auto& part : operand) starts.push_back(part.start);
        }
    }
    return starts;
}

void add_signals(Comparison& comparison, std::uint32_t permissions, std::vector<std::uint8_t> signals, std::string_view peer,
                 std::string_view example) {
    constexpr std::uint8_t kKill = 9;
    std::sort(signals.begin(), signals.end());
    const bool every = signals.size() == kSignals;
    const std::uint8_t one = every ? kKill : signals.front();
    if (every) signals.clear();
    comparison.add(mediation::kSignal, signal_rule(permissions, signals, peer), signal_rule(permissions, {&one, 1}, example));
}

using Spelled = std::string (*)(std::uint32_t permissions, std::string_view peer);

void compare_peers(Comparison& comparison, const Grammar& grammar, std::uint8_t mediation_class, Spelled spelled) {
    for (const auto& rule : peer_rules(comparison, grammar, mediation_class, {})) {
        comparison.add(mediation_class, spelled(rule.permissions, rule.peer), spelled(rule.permissions, rule.example));
    }
}

}  // namespace

// Signals of which the same is allowed are said together; those whose rules begin at the same states are one question.
void compare_signals(Comparison& comparison) {
    std::map<std::vector<StateId>, std::vector<std::uint8_t>> alike;
    for (unsigned index = 0; index < kSignals; ++index) {
        const char prefix = static_cast<char>(signal_number(index));
        alike[starts_of(comparison.asked(kSignalPeers, Shape::peer, mediation::kSignal, {&prefix, 1}))].push_back(signal_number(index));
    }
    std::map<std::pair<std::uint32_t, std::string>, std::pair<std::vector<std::uint8_t>, std::string>> peers;
    for (const auto& [starts, signals] : alike) {
        const char prefix = static_cast<char>(signals.front());
        for (const auto& rule : peer_rules(comparison, kSignalPeers, mediation::kSignal, {&prefix, 1})) {
            auto& [known, example] = peers[{rule.permissions, rule.peer}];
            known.insert(known.end(), signals.begin(), signals.end());
            if (example.empty()) example = rule.example;
        }
    }
    for (const auto& [key, found] : peers) add_signals(comparison, key.first, found.first, key.second, found.second);
}

void compare_ptrace(Comparison& comparison) { compare_peers(comparison, kPtracePeers, mediation::kPtrace, ptrace_rule); }

void compare_io_uring(Comparison& comparison) { compare_peers(comparison, kIoUringLabels, mediation::kIoUring, io_uring_rule); }

}  // namespace aa::apparmor
