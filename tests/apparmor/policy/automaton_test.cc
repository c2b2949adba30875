// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/automaton.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace aa::apparmor {
namespace {

// Makes tables as the reader does: each state has 256 edges of its own.
class Builder {
public:
    explicit Builder(std::size_t states) : states_(states), edges_((states + 1) * 256), accept_(states) { add_permissions({}); }

    Builder& edge(StateId from, char byte, StateId to) { return edge_at((from + 1U) * 256U + static_cast<unsigned char>(byte), from, to); }
    Builder& out_of_band(StateId from, StateId to) {
        flag(from, Automaton::kOutOfBand);
        return edge_at((from + 1U) * 256U - 1U, from, to);
    }
    Builder& otherwise(StateId from, StateId to) {
        states_[from] = (states_[from] & ~std::uint64_t{0xFFFFFFFF}) | to;
        return *this;
    }
    Builder& flag(StateId state, std::uint32_t flag) {
        states_[state] |= std::uint64_t{flag} << 32U;
        return *this;
    }
    Builder& accept(StateId state, Permissions permissions) {
        accept_[state] = add_permissions(permissions);
        return *this;
    }
    Builder& accept(StateId state, Permissions owner, Permissions other) {
        accept_[state] = add_permissions(owner) | Automaton::kOwnerPair;
        add_permissions(other);
        return *this;
    }
    Builder& classes(std::vector<std::uint64_t> words) {
        classes_ = std::move(words);
        return *this;
    }
    [[nodiscard]] Automaton build() const {
        auto states = states_;
        for (std::size_t i = 0; i < states.size(); ++i) states[i] |= std::uint64_t{(i + 1) * 256} << 32U;
        return Automaton({.states = Words(states),
                          .edges = Words(edges_),
                          .accept = Words(accept_),
                          .permissions = Words(permissions_),
                          .classes = Words(classes_)});
    }

private:
    Builder& edge_at(std::size_t at, StateId from, StateId to) {
        edges_[at] = (std::uint64_t{from} << 32U) | to;
        return *this;
    }
    std::uint64_t add_permissions(Permissions permissions) {
        permissions_.push_back((std::uint64_t{permissions.allow} << 32U) | permissions.target);
        permissions_.push_back(std::uint64_t{permissions.deny} << 32U);
        return permissions_.size() / 2 - 1;
    }

    std::vector<std::uint64_t> states_, edges_, accept_, permissions_, classes_;
};

TEST(Automaton, WithoutTablesMatchesNothing) {
    const Automaton automaton;
    EXPECT_TRUE(automaton.empty());
    EXPECT_EQ(automaton.match(kStartState, "/bin/sh"), kDeadState);
    EXPECT_EQ(automaton.out_of_band(kStartState), kDeadState);
    EXPECT_EQ(automaton.permissions(kStartState, true), Permissions());
    EXPECT_EQ(automaton.left_match("/").state, kDeadState);
}

TEST(Automaton, TakesAnEdgeOrTheDefault) {
    const auto automaton = Builder(4).edge(1, 'a', 2).otherwise(1, 3).edge(3, '\xFF', 2).build();
    EXPECT_EQ(automaton.step(1, 'a'), 2U);
    EXPECT_EQ(automaton.step(1, 'b'), 3U);
    EXPECT_EQ(automaton.step(3, 0xFF), 2U);
    EXPECT_EQ(automaton.match(1, "x\xFF"), 2U);
    EXPECT_EQ(automaton.match(1, ""), 1U);
    EXPECT_EQ(automaton.match(1, "aa"), kDeadState);
    EXPECT_EQ(automaton.match(kDeadState, "a"), kDeadState);
}

// 2 is encoded as a difference to 3, and that one to 4.
Automaton differential() {
    return Builder(6)
        .edge(1, 'a', 2)
        .edge(2, 'x', 5)
        .otherwise(2, 3)
        .flag(2, Automaton::kDifferential)
        .edge(3, 'y', 5)
        .otherwise(3, 4)
        .flag(3, Automaton::kDifferential)
        .edge(4, 'z', 5)
        .build();
}

TEST(Automaton, FollowsAChainOfDifferences) {
    const auto automaton = differential();
    EXPECT_EQ(automaton.match(1, "ax"), 5U);
    EXPECT_EQ(automaton.match(1, "ay"), 5U);
    EXPECT_EQ(automaton.match(1, "az"), 5U);
    EXPECT_EQ(automaton.match(1, "aw"), kDeadState);
    EXPECT_TRUE(automaton.is_differential(2));
    EXPECT_FALSE(automaton.is_differential(4));
}

TEST(Automaton, AChainWithoutAnEndEnds) {
    const auto automaton =
        Builder(3).otherwise(1, 2).flag(1, Automaton::kDifferential).otherwise(2, 1).flag(2, Automaton::kDifferential).build();
    EXPECT_EQ(automaton.step(1, 'a'), kDeadState);
}

TEST(Automaton, StatesThatDoNotExistAreDead) {
    const auto automaton = Builder(2).edge(1, 'a', 77).build();
    EXPECT_EQ(automaton.match(1, "a"), 77U);
    EXPECT_EQ(automaton.match(1, "aa"), kDeadState);
    EXPECT_EQ(automaton.permissions(77, true), Permissions());
}

TEST(Automaton, OutOfBandNeedsItsFlag) {
    const auto automaton = Builder(4).out_of_band(1, 2).edge(2, 'a', 3).build();
    EXPECT_EQ(automaton.out_of_band(1), 2U);
    EXPECT_EQ(automaton.out_of_band(2), kDeadState);
    EXPECT_EQ(automaton.step(1, 0xFF), kDeadState);
}

TEST(Automaton, MapsBytesToClasses) {
    std::vector<std::uint64_t> classes(32);
    classes['a' / 8] |= std::uint64_t{7} << (8U * ('a' % 8));
    classes['b' / 8] |= std::uint64_t{7} << (8U * ('b' % 8));
    const auto automaton = Builder(4).edge(1, 7, 2).edge(1, 0, 3).classes(classes).build();
    EXPECT_EQ(automaton.step(1, 'a'), 2U);
    EXPECT_EQ(automaton.step(1, 'b'), 2U);
    EXPECT_EQ(automaton.step(1, 'c'), 3U);
    EXPECT_EQ(automaton.step(1, 7), 3U);
}

TEST(Automaton, OwnersMayHavePermissionsOfTheirOwn) {
    const Permissions all{.allow = 5, .target = exec_index::kInherit, .deny = 2};
    const Permissions some{.allow = 4, .target = 0, .deny = 8};
    const auto automaton = Builder(4).accept(1, all).accept(2, all, some).build();
    EXPECT_EQ(automaton.permissions(1, true), all);
    EXPECT_EQ(automaton.permissions(1, false), all);
    EXPECT_EQ(automaton.permissions(2, true), all);
    EXPECT_EQ(automaton.permissions(2, false), some);
    EXPECT_EQ(automaton.permissions(3, false), Permissions());
}

// A chain that matches COUNT times 'a' and then anything.
Automaton literal_then_anything(StateId count) {
    Builder builder(count + 3);
    for (StateId state = 1; state <= count; ++state) builder.edge(state, 'a', state + 1);
    builder.otherwise(count + 1, count + 2).otherwise(count + 2, count + 2);
    return builder.build();
}

TEST(LeftMatch, CountsUntilItLoops) {
    const struct {
        StateId literal;
        std::size_t length;
        std::uint32_t expected;
    } kCases[] = {
        {3, 2, 2},     // not at the end yet
        {3, 3, 3},     // just literal
        {3, 4, 4},     // the first byte of a wildcard counts, too
        {3, 5, 4},     // and no other
        {3, 200, 4},   //
        {40, 60, 41},  // longer than what is remembered
    };
    for (const auto& c : kCases) {
        const auto match = literal_then_anything(c.literal).left_match(std::string(c.length, 'a'));
        EXPECT_EQ(match.length, c.expected) << c.literal << " " << c.length;
        EXPECT_NE(match.state, kDeadState);
    }
}

TEST(LeftMatch, WhatDoesNotMatchHasNoLength) {
    const auto match = literal_then_anything(3).left_match("aab");
    EXPECT_EQ(match.state, kDeadState);
    EXPECT_EQ(match.length, 0U);
}

TEST(LeftMatch, IsBlindForDifferences) {
    const auto automaton = differential();
    EXPECT_EQ(automaton.left_match("ax").state, 5U);
    // The kernel takes the default state for the next one, where it should have looked for the byte there.
    EXPECT_EQ(automaton.left_match("ay").state, 3U);
    EXPECT_EQ(automaton.left_match("ay").length, 2U);
}

// 1 -a-> 4 -a-> 3 -a-> 4: the way back to 4 shows when 4 is entered from 3... which has the lower number, so that only the
// step from 4 to 3 is looked at.
TEST(LeftMatch, LoopsShowOnlyOnStepsToLowerStates) {
    const auto automaton = Builder(6).edge(1, 'a', 4).edge(4, 'a', 3).edge(3, 'a', 4).build();
    EXPECT_EQ(automaton.left_match("aaa").length, 3U);
    // The fourth byte leads to 3, left two steps ago.
    EXPECT_EQ(automaton.left_match("aaaa").length, 2U);
    EXPECT_EQ(automaton.left_match("aaaa").state, 3U);
}

// Linux 6.1 takes the step from 4 to 3 for a circle of one more than it remembers, and counts below nothing.
TEST(LeftMatch, TheOriginalLoopDetectionSeesLoopsThatAreNone) {
    const auto automaton = Builder(6).edge(1, 'a', 4).edge(4, 'a', 3).build();
    EXPECT_EQ(automaton.left_match("aa").length, 2U);
    EXPECT_EQ(automaton.left_match("aa", LoopDetection::original).length, 0xFFFFFFFFU);
    EXPECT_EQ(automaton.left_match("aa", LoopDetection::original).state, 3U);
    EXPECT_EQ(literal_then_anything(3).left_match("aaa", LoopDetection::original).length, 3U);
}

// Pieces of which some cannot be had.
class Patchy : public WordSource {
public:
    const std::uint64_t* piece(std::size_t index) override {
        ++fetched;
        return index == 1 ? nullptr : words_.data();
    }
    int fetched = 0;

private:
    std::vector<std::uint64_t> words_ = std::vector<std::uint64_t>(Words::kPiece, 7);
};

TEST(Words, FetchesEachPieceOnceAndWhenItIsNeeded) {
    auto source = std::make_shared<Patchy>();
    const Words words(2 * Words::kPiece + 1, source);
    EXPECT_EQ(source->fetched, 0);
    EXPECT_EQ(words[0], 7U);
    EXPECT_EQ(words[Words::kPiece - 1], 7U);
    EXPECT_EQ(source->fetched, 1);
    EXPECT_EQ(words[Words::kPiece], 0U);
    EXPECT_EQ(words[2 * Words::kPiece], 7U);
    EXPECT_EQ(words[2 * Words::kPiece + 1], 0U);
    EXPECT_EQ(source->fetched, 3);
}

TEST(Words, OfATableInMemory) {
    std::vector<std::uint64_t> table(300);
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = i;
    const Words words(table);
    for (std::size_t i = 0; i < table.size(); ++i) EXPECT_EQ(words[i], i);
    EXPECT_EQ(words[300], 0U);
    EXPECT_TRUE(Words().empty());
    EXPECT_EQ(Words()[0], 0U);
}

}  // namespace
}  // namespace aa::apparmor
