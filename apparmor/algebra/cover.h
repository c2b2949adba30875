// SPDX-License-Identifier: Apache-2.0
//
// The texts that one operand grants something of and another does not, as patterns that cover all of them: what a person reads in place of
// an infinite set. A pattern says no more than what is granted: it stands for the rule behind the difference.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/algebra/glob.h"
#include "apparmor/algebra/product.h"

namespace aa::apparmor {

// How texts of a class are made of pieces that may be replaced by patterns.
enum class Shape : std::uint8_t {
    paths,   // a path; then, after a NUL, anything
    peer,    // one piece
    fields,  // pieces between NULs
};

struct Question {
    const Grammar& grammar;
    Shape shape = Shape::fields;
    std::vector<Operand> inside;   // all of them grant it
    std::vector<Operand> outside;  // and this one, if there is one, does not
    Alphabet alphabet;             // that tells apart what their automata do
    Granted mask = kEverything;    // of these permissions
    std::vector<Glob> besides;     // but not of these texts
};

struct Pattern {
    Glob glob;
    Granted granted;      // what all inside grant of it, and outside does not of `witness`
    std::string witness;  // a shortest text that it covers and that makes the difference
    bool partly = false;  // some of its texts are not granted, or are granted outside, too
};

struct Cover {
    std::vector<Pattern> patterns;
    bool complete = true;  // there are no other texts
    bool proved = true;    // the walk came to its end: without patterns, there is no such text
};

constexpr std::size_t kMostPatterns = 16;

// At most MOST patterns; with 0, only whether there are any: `complete` is false then.
Cover cover(const Question& question, Budget& budget, std::size_t most = kMostPatterns);

}  // namespace aa::apparmor
