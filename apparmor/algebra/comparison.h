// SPDX-License-Identifier: Apache-2.0
//
// A question about rules while it is answered, class by class: which automata it is about, and what was found so far.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apparmor/algebra/alphabet.h"
#include "apparmor/algebra/cover.h"
#include "apparmor/algebra/rules.h"

namespace aa::apparmor {

// Where the rules about MEDIATION_CLASS, which is not that of files, begin in PROFILE; dead: it is not mediated.
StateId start_of(const Profile& profile, std::uint8_t mediation_class);

class Comparison {
public:
    // Both must outlive it.
    Comparison(const RuleQuestion& question, Budget& budget) : question_(question), budget_(budget) {}

    [[nodiscard]] const RuleQuestion& question() const { return question_; }
    [[nodiscard]] Difference& result() { return result_; }

    // Whether nobody mediates the class, so that it cannot be compared.
    [[nodiscard]] bool unmediated(std::uint8_t mediation_class) const;
    // Whether inside and outside have the same automaton for the class, and so allow the same.
    [[nodiscard]] bool same(std::uint8_t mediation_class);
    // Whether everything is allowed outside, which takes no walk to tell.
    [[nodiscard]] bool outside_allows_all(std::uint8_t mediation_class) const;

    // The question about texts of a class that begin with PREFIX, which the texts of GRAMMAR are without.
    [[nodiscard]] Question asked(const Grammar& grammar, Shape shape, std::uint8_t mediation_class, std::string_view prefix = {});
    // The answer; what it leaves open is noted.
    Cover covered(const Question& question);
    // Adds an allowance, unless its rule is there.
    void add(std::uint8_t mediation_class, std::string rule, std::string example, bool partly = false);

private:
    const Alphabet& alphabet_of(std::uint8_t mediation_class);

    const RuleQuestion& question_;
    Budget& budget_;
    Difference result_;
    std::array<std::optional<Alphabet>, 2> alphabets_;
    std::array<std::optional<bool>, 2> same_;
};

// What OPERAND allows where its texts begin.
std::uint32_t allowed_at_start(const Operand& operand);
// Of WANTED, what all inside allow there and nobody outside.
std::uint32_t gained_at_start(const Question& question, std::uint32_t wanted);

// --- classes whose texts are not only a text (peers.cc, sockets.cc) ---

void compare_signals(Comparison& comparison);
void compare_ptrace(Comparison& comparison);
void compare_io_uring(Comparison& comparison);
void compare_sockets(Comparison& comparison);

}  // namespace aa::apparmor
