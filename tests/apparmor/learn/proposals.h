// SPDX-License-Identifier: Apache-2.0
//
// Proposals for recordings that tests make up; the real apparmor_parser compiles them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "apparmor/learn/proposal.h"
#include "apparmor/source/profile_rules.h"
#include "apparmor/source/profile_words.h"
#include "base/text.h"
#include "observed.h"

namespace aa::apparmor {

constexpr const char* kProfile = "aa-shim-learned-x";
inline const std::string kFeatures = AA_FIXTURES "/features-6.12";

inline std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The rules of the first profile in TEXT, without its children.
inline std::size_t rules_of(const std::string& text) {
    ProfileWords words(text);
    std::size_t depth = 0;
    std::size_t rules = 0;
    while (const auto statement = words.next()) {
        if (statement->end == Statement::End::open) ++depth;
        if (statement->end == Statement::End::close && --depth == 0) break;
        if (statement->end == Statement::End::rule && depth == 1) ++rules;
    }
    return rules;
}

class Proposals : public ::testing::Test {
protected:
    void SetUp() override {
        const auto parser = Parser::find();
        if (!parser) GTEST_SKIP() << "apparmor_parser is not installed";
        parser_ = *parser;
        bound_ = compiled(read(AA_SHARE "/apparmor.d/aa-shim-baseline"));
    }

    std::unique_ptr<PolicySet> compiled(const std::string& text) {
        auto profiles = compile_text(parser_, text, "test", kFeatures);
        EXPECT_TRUE(profiles) << profiles.error().message << text;
        return std::make_unique<PolicySet>(profiles ? *std::move(profiles) : std::vector<Profile>());
    }

    // Every command from outside may get any label that is not in commands_.
    Result<Proposal> propose(const Recording& recording, const std::string& existing = {}) {
        auto commands = commands_;
        const auto is_known = [&](const std::string& program) {
            return std::any_of(commands_.begin(), commands_.end(), [&](const OutsideCommand& one) { return one.program == program; });
        };
        for (const auto& [command, count] : recording.execs()) {
            if (!is_known(command)) commands.push_back({command, {}});
        }
        return apparmor::propose(
            recording, {"x", kProfile, existing, {*bound_, bound_label_}, ceiling_, parser_, kFeatures, commands, no_new_privileges_});
    }

    // The proposal for RECORDING, which can be proved.
    Proposal proposed(const Recording& recording, const std::string& existing = {}) {
        auto proposal = propose(recording, existing);
        EXPECT_TRUE(proposal) << proposal.error().message;
        return proposal ? *std::move(proposal) : Proposal();
    }

    std::vector<std::string> apart(const Recording& recording) {
        std::vector<std::string> result;
        for (const auto& one : proposed(recording).apart) result.push_back(concat({one.rule, ": ", one.why}));
        return result;
    }

    Parser parser_{""};
    std::unique_ptr<PolicySet> bound_;
    std::string bound_label_ = "aa-shim-baseline";
    CapabilitySet ceiling_ = CapabilitySet::all();
    std::vector<OutsideCommand> commands_;
    bool no_new_privileges_ = false;
};

}  // namespace aa::apparmor
