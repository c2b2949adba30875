// SPDX-License-Identifier: Apache-2.0
//
// Proposals for applications as they are: small, proved, the same for the same observations; and what is hostile stays a name. The real
// apparmor_parser compiles them.
#include "apparmor/learn/proposal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>

#include "apparmor/source/profile_rules.h"
#include "base/text.h"
#include "observed.h"

namespace aa::apparmor {
namespace {

std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

class Proposals : public ::testing::Test {
protected:
    void SetUp() override {
        const auto parser = Parser::find();
        if (!parser) GTEST_SKIP() << "apparmor_parser is not installed";
        parser_ = *parser;
        auto baseline = compile_text(parser_, read(AA_SHARE "/apparmor.d/aa-shim-baseline"), "aa-shim-baseline", kFeatures);
        ASSERT_TRUE(baseline) << baseline.error().message;
        bound_ = std::make_unique<PolicySet>(*std::move(baseline));
    }

    Result<Proposal> proposed(const Recording& recording, const std::string& existing = {}) {
        return propose(recording, {"x", "aa-shim-learned-x", existing, {*bound_, "aa-shim-baseline"}, parser_, kFeatures});
    }

    static inline const std::string kFeatures = AA_FIXTURES "/features-6.12";
    Parser parser_{""};
    std::unique_ptr<PolicySet> bound_;
};

TEST_F(Proposals, Show) {
    for (const char* name : {"nginx", "postgresql", "flask"}) {
        const auto recording = observed(name);
        const auto proposal = proposed(recording);
        if (!proposal) {
            std::cout << proposal.error().message << "\n";
            continue;
        }
        std::cout << proposal->text;
        for (const auto& apart : proposal->apart) std::cout << "APART " << apart.rule << ": " << apart.why << "\n";
    }
}

}  // namespace
}  // namespace aa::apparmor
