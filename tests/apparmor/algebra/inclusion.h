// SPDX-License-Identifier: Apache-2.0
//
// Labels of profiles that the real apparmor_parser compiles, one held against another.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "apparmor/algebra/inclusion.h"
#include "apparmor/source/profile_rules.h"

namespace aa::apparmor {

inline const std::string kFeatures = std::string(AA_POLICY) + "/features/7.2";

class InclusionTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto parser = Parser::find();
        if (!parser) GTEST_SKIP() << "apparmor_parser is not installed";
        parser_ = *parser;
    }

    [[nodiscard]] std::vector<Profile> compiled(const std::string& text) const {
        auto profiles = compile_text(*parser_, text, "test", kFeatures);
        EXPECT_TRUE(profiles) << profiles.error().message << "\n" << text;
        return profiles ? *std::move(profiles) : std::vector<Profile>();
    }

    // What label A of the profiles TEXT allows and B does not.
    [[nodiscard]] Inclusion compare(const std::string& text, const std::string& a = "a", const std::string& b = "b") const {
        PolicySet policy(compiled(text));
        Budget budget;
        const auto result = inclusion({&policy, a}, {&policy, b}, budget);
        EXPECT_TRUE(result) << result.error().message;
        return result ? *result : Inclusion();
    }

    // Of profiles with these rules, what A allows and B does not: each rule, and behind an arrow how to get there.
    [[nodiscard]] std::vector<std::string> gains(const std::string& a, const std::string& b, const std::string& others = {}) const {
        const auto result = compare("profile a {\n" + a + "\n}\nprofile b {\n" + b + "\n}\n" + others);
        EXPECT_THAT(result.unproved, ::testing::IsEmpty());
        std::vector<std::string> texts;
        for (const auto& gain : result.gains) {
            texts.push_back(gain.allowance.rule + (gain.allowance.partly ? " (partly)" : "") +
                            (gain.way.empty() ? "" : " after " + gain.way));
        }
        return texts;
    }

    std::optional<Parser> parser_;
};

}  // namespace aa::apparmor
