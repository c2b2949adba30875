// SPDX-License-Identifier: Apache-2.0
//
// Several automata at once: every combination of their states that some text leads to, each once, with a shortest such text. What a walk
// of one finds is found for all texts, however long they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "apparmor/algebra/alphabet.h"
#include "apparmor/algebra/glob.h"
#include "apparmor/algebra/grammar.h"
#include "apparmor/policy/automaton.h"
#include "apparmor/policy/steps.h"

namespace aa::apparmor {

// How much one question may cost, all walks for it together. What is left undone for it is said, and counts as not proved. It counts what
// is done and not how long it takes: a busy machine gives the same answers.
class Budget {
public:
    static constexpr std::size_t kCombinations = std::size_t{1} << 22U;  // each is kept: a few hundred megabytes
    static constexpr std::size_t kSteps = std::size_t{1} << 33U;         // of one automaton by one byte: a minute at most

    explicit Budget(std::size_t combinations = kCombinations, std::size_t steps = kSteps)
        : most_combinations_(combinations), most_steps_(steps) {}

    // Whether one more combination of states may be looked at, and the STEPS made that lead on from it.
    bool spend(std::size_t steps);
    [[nodiscard]] bool exhausted() const { return exhausted_; }
    // What was too much, in words: "more than 4194304 combinations of states"; of a budget that is exhausted.
    [[nodiscard]] std::string bound() const;

private:
    std::size_t most_combinations_;
    std::size_t most_steps_;
    std::size_t combinations_ = 0;
    std::size_t steps_ = 0;
    bool exhausted_ = false;
};

// Permissions of a task that owns the object, and of one that does not.
struct Granted {
    std::uint32_t owner = 0;
    std::uint32_t other = 0;

    [[nodiscard]] bool none() const { return (owner | other) == 0; }
    [[nodiscard]] std::uint32_t either() const { return owner | other; }
    friend Granted operator&(Granted a, Granted b) { return {a.owner & b.owner, a.other & b.other}; }
    friend Granted operator|(Granted a, Granted b) { return {a.owner | b.owner, a.other | b.other}; }
    friend Granted operator-(Granted a, Granted b) { return {a.owner & ~b.owner, a.other & ~b.other}; }
    friend bool operator==(Granted, Granted) = default;
};
inline constexpr Granted kEverything{~std::uint32_t{0}, ~std::uint32_t{0}};
inline constexpr Granted all_of(std::uint32_t permissions) { return {permissions, permissions}; }

// An automaton and where the texts begin in it.
struct Part {
    const Automaton* automaton = nullptr;
    StateId start = kDeadState;
};

// What a label allows of one class: that which all of its parts do; without any, everything.
using Operand = std::vector<Part>;

class Product {
public:
    // Walks texts of GRAMMAR through OPERANDS and GLOBS, all of which must outlive it. ALPHABET tells apart what the automata of the operands
    // do; STEPS, which walks of the same automata share, what one of their states does. Where the first NEEDED of the operands allow
    // nothing any more, or all of the first NEEDED_GLOBS globs cannot match any more, it does not go on.
    Product(const Grammar& grammar, std::vector<Operand> operands, std::vector<const Glob*> globs, Alphabet alphabet, Steps& steps,
            std::size_t needed, std::size_t needed_globs = 0);

    // One combination.
    class Place {
    public:
        [[nodiscard]] std::uint32_t wanted() const { return product_.grammar_.wanted(static_cast<Grammar::State>(at(kGrammar))); }
        [[nodiscard]] Granted granted(std::size_t operand) const;
        [[nodiscard]] bool matched(std::size_t glob) const;
        // The permissions of one part as they stand there.
        [[nodiscard]] Permissions permissions(std::size_t operand, std::size_t part, bool owner) const;
        // What is the same at every place where the first operand grants for the same reasons.
        [[nodiscard]] std::vector<StateId> reasons() const;
        // A shortest text that leads here.
        [[nodiscard]] std::string text() const;

    private:
        friend class Product;
        Place(const Product& product, std::size_t index) : product_(product), index_(index) {}
        [[nodiscard]] std::uint32_t at(std::size_t column) const { return product_.row(index_)[column]; }
        const Product& product_;
        std::size_t index_;
    };

    // Calls VISIT for every combination, those of short texts first, until it says false. False if BUDGET was exhausted before the end.
    bool walk(Budget& budget, const std::function<bool(const Place&)>& visit);

private:
    static constexpr std::size_t kGrammar = 0;  // columns of a row: the state of the grammar, the memory, then the parts and the globs
    static constexpr std::size_t kMemory = 1;
    static constexpr std::size_t kParts = 2;

    // What longer texts have from the beginning of theirs. Each part of an operand is another profile, which looks for itself where it is
    // allowed: in one that may be at the beginning, in another at the end.
    struct Memory {
        std::vector<Granted> carried;    // of each operand
        std::vector<Granted> inherited;  // of each part of all of them, in their order
        friend bool operator==(const Memory&, const Memory&) = default;
    };
    struct Origin {
        std::uint32_t parent = 0;
        std::uint8_t byte = 0;
    };

    [[nodiscard]] std::span<const std::uint32_t> row(std::size_t index) const { return {rows_.data() + index * width_, width_}; }
    // Where the grammar leads from a state of its own with one of `bytes_`.
    struct Move {
        Grammar::State to = Grammar::kNowhere;
        bool remembers = false;  // something is carried or inherited
    };

    [[nodiscard]] const std::vector<Move>& moves_from(Grammar::State state);
    // The bytes that may lead elsewhere than all others do.
    [[nodiscard]] Bytes unusual(std::span<const std::uint32_t> row);
    // Follows each byte; how many steps that took.
    std::size_t expand(std::size_t index);
    [[nodiscard]] std::size_t work_of_globs() const;
    // What a part grants where its automaton is in STATE, and what all parts of an operand do, without what is carried.
    [[nodiscard]] Granted granted_by(const Part& part, StateId state, Grammar::State grammar_state) const;
    [[nodiscard]] Granted granted_by_parts(std::size_t index, std::size_t operand) const;
    [[nodiscard]] std::uint32_t memory_after(std::size_t index, std::uint8_t byte);
    void step(std::size_t index, std::uint8_t byte, Move move);
    [[nodiscard]] bool step_operands(std::span<const std::uint32_t> from, std::uint8_t byte);
    [[nodiscard]] bool step_globs(std::span<const std::uint32_t> from, std::uint8_t byte);
    void keep(std::size_t parent, std::uint8_t byte);
    // Where the row NEXT_, whose hash is HASH, is in the table or belongs.
    [[nodiscard]] std::size_t slot_of_next(std::uint32_t hash) const;
    void grow();

    const Grammar& grammar_;
    std::vector<Operand> operands_;
    std::vector<const Glob*> globs_;
    std::size_t needed_;
    std::size_t needed_globs_;
    std::size_t width_;
    std::vector<std::uint8_t> bytes_;
    Bytes special_;                           // that the grammar tells apart
    std::vector<Steps::OfAutomaton*> steps_;  // of each part
    std::vector<std::vector<Move>> moves_;    // by states of the grammar that were needed so far
    std::vector<Memory> memories_;
    std::vector<std::uint32_t> rows_;
    std::vector<Origin> origins_;
    struct Slot {
        std::uint32_t number = 0;  // index of a row plus one; 0: free
        std::uint32_t hash = 0;    // of the row, which most often need not be looked at then
    };
    std::vector<Slot> table_;          // open addressing
    std::size_t latest_ = 0;           // the row that the last step led to
    std::vector<std::uint32_t> next_;  // the row that is being made
};

}  // namespace aa::apparmor
