// SPDX-License-Identifier: Apache-2.0
//
// Inclusion of unix sockets' rules with addresses, labels and peers: profiles of random rules (policy/profiles/sockets), each held against each
// and against stacks of them, and all of it against every short text. The texts are those of the kernel's security/apparmor/af_unix.c; that a
// profile which allows a family and type is asked nothing further, and that one which does not is only if it says so, is in its net.c
// (early_match()).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apparmor/algebra/grammar.h"
#include "apparmor/algebra/rules.h"
#include "apparmor/algebra/spelling.h"
#include "tests/apparmor/policy/fixture.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kFamilyAndType = 4;

std::vector<std::string> endpoints() {
    // None, and abstract ones; no rule knows the last address and the last label.
    constexpr std::array<std::string_view, 5> kAddresses = {std::string_view("\1", 1), std::string_view("\0a", 2),
                                                            std::string_view("\0ab", 3), std::string_view("\0b", 2),
                                                            std::string_view("\0c", 2)};
    std::vector<std::string> result;
    for (const auto address : kAddresses) {
        for (const char* label : {"s", "t", "u"}) result.push_back(std::string(address) + '\0' + label);
    }
    return result;
}

// What is matched for streams, datagrams and a type that no rule names: to the protocol, to the end of what is known of the socket, of a
// command with its argument, and of a peer.
std::vector<std::string> socket_texts() {
    constexpr std::string_view kListen{"\2\0\5", 3};
    constexpr std::string_view kOption{"\4\1\7", 3};
    std::vector<std::string> result;
    for (const char type : {'\1', '\2', '\5'}) {
        const std::string socket{'\0', '\1', '\0', type, '\0', '\0'};
        result.push_back(socket);
        for (const auto& own : endpoints()) {
            const std::string known = socket + own + '\0';
            for (const auto command : {std::string_view(), kListen, kOption}) result.push_back(known + std::string(command));
            for (const auto& peer : endpoints()) result.push_back(known + '\1' + peer);
        }
    }
    return result;
}

std::uint32_t allowed_at(const Profile& profile, StateId state) {
    const auto permissions = profile.rules.permissions(state, true);
    return permissions.allow & ~permissions.deny;
}

StateId start_of(const Profile& profile) {
    const StateId newer = profile.rules_of(mediation::kNetworkV9);
    return newer != kDeadState ? newer : profile.rules_of(mediation::kNetwork);
}

// What PROFILE allows of TEXT.
std::uint32_t said_of(const Profile& profile, const std::string& text) {
    const StateId early = profile.rules.match(start_of(profile), std::string_view(text).substr(0, kFamilyAndType));
    std::uint32_t allowed = allowed_at(profile, early);
    if ((allowed & access::kContinue) != 0)
        allowed |= allowed_at(profile, profile.rules.match(early, std::string_view(text).substr(kFamilyAndType)));
    return allowed & network_permissions();
}

std::uint32_t said_of(const Confining& profiles, const std::string& text) {
    std::uint32_t allowed = network_permissions();
    for (const auto* profile : profiles) allowed &= said_of(*profile, text);
    return allowed;
}

std::vector<std::uint64_t> copy_of(const Words& words) {
    std::vector<std::uint64_t> result;
    for (std::size_t at = 0; at < words.size(); ++at) result.push_back(words[at]);
    return result;
}

// PROFILE with the addresses of its unix sockets left to decide, as compilers have it for those of inet; parser 5.0 also allows what its unix
// rules name, whatever the address.
Profile leaving_it_to_addresses(const Profile& profile) {
    Profile result = profile;
    auto tables = profile.rules.tables();
    auto accept = copy_of(tables.accept);
    auto permissions = copy_of(tables.permissions);
    const std::uint64_t entry = permissions.size() / 2;
    permissions.push_back(std::uint64_t{access::kContinue} << 32U);
    permissions.push_back(0);
    for (const auto type : kSocketTypes) {
        const std::string text{'\0', '\1', '\0', static_cast<char>(type)};
        if (const StateId early = profile.rules.match(start_of(profile), text); early != kDeadState) accept[early] = entry;
    }
    tables.accept = Words(std::move(accept));
    tables.permissions = Words(std::move(permissions));
    result.rules = Automaton(std::move(tables));
    return result;
}

// How many of the pairs that were asked about were told apart, and how many of these a short text does.
struct Outcome {
    std::size_t included = 0;
    std::size_t differ = 0;
    std::size_t confirmed = 0;
};

void hold(const Confining& ours, const Confining& theirs, const std::vector<std::string>& texts, Outcome& outcome) {
    const bool expected =
        std::ranges::any_of(texts, [&](const std::string& text) { return (said_of(ours, text) & ~said_of(theirs, text)) != 0; });
    Budget budget;
    const auto found = allowed_rules({.inside = {ours}, .outside = &theirs, .classes = {mediation::kNetwork}}, budget);
    ASSERT_TRUE(found.proved);
    const bool differ = !found.allowances.empty();
    ASSERT_TRUE(differ || !expected) << ours.front()->name << " of " << ours.size() << ", " << theirs.front()->name;
    ++(differ ? outcome.differ : outcome.included);
    outcome.confirmed += expected ? 1 : 0;
}

class AddressesTest : public ::testing::Test {
protected:
    AddressesTest() : compiled_(policy_profiles("5.0-7.2", "sockets")) {
        for (const auto& profile : compiled_) addressed_.push_back(leaving_it_to_addresses(profile));
    }

    std::vector<std::string> texts_ = socket_texts();
    std::vector<Profile> compiled_;
    std::vector<Profile> addressed_;
    Outcome outcome_;
};

TEST_F(AddressesTest, AsCompiledEachEqualsWhatEveryShortTextSays) {
    for (const auto& ours : compiled_) {
        for (const auto& theirs : compiled_) hold({&ours}, {&theirs}, texts_, outcome_);
    }
    EXPECT_EQ(outcome_.differ, outcome_.confirmed);  // family and type decide
    EXPECT_GT(outcome_.differ, compiled_.size());
    EXPECT_GT(outcome_.included, compiled_.size());
}

TEST_F(AddressesTest, ByAddressEachEqualsWhatEveryShortTextSays) {
    for (const auto& ours : addressed_) {
        for (const auto& theirs : addressed_) hold({&ours}, {&theirs}, texts_, outcome_);
    }
    // A text that is none of these may make a difference, too.
    EXPECT_GT(10 * outcome_.confirmed, 9 * outcome_.differ);
    EXPECT_GT(outcome_.confirmed, 4 * addressed_.size());
    EXPECT_GT(outcome_.included, addressed_.size());
}

// Of a stack, one profile may ask for the address where another has allowed all of the family.
TEST_F(AddressesTest, StacksEqualWhatEveryShortTextSays) {
    for (std::size_t at = 0; at < compiled_.size(); ++at) {
        for (std::size_t other = 0; other < compiled_.size(); ++other) {
            hold({&compiled_[at], &addressed_[other]}, {&addressed_[at]}, texts_, outcome_);
            hold({&compiled_[at], &addressed_[other]}, {&compiled_[other], &addressed_[(at + 1) % addressed_.size()]}, texts_, outcome_);
        }
    }
    EXPECT_GT(10 * outcome_.confirmed, 9 * outcome_.differ);
    EXPECT_GT(outcome_.confirmed, 4 * addressed_.size());
    EXPECT_GT(outcome_.included, addressed_.size());
}

}  // namespace
}  // namespace aa::apparmor
