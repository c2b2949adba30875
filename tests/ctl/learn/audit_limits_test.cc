// SPDX-License-Identifier: Apache-2.0
//
// The kernel's limit of its audit queue, which learnings share.
#include "ctl/learn/audit_limits.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

namespace aa::ctl {
namespace {

namespace fs = std::filesystem;

class Backlog : public testing::Test {
protected:
    void SetUp() override {
        directory_ = fs::temp_directory_path() / "backlog-XXXXXX";
        ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    }
    void TearDown() override { fs::remove_all(directory_); }

    std::unique_ptr<RaisedBacklog> raise() {
        auto raised = RaisedBacklog::raise(path(), {[this] {
                                                        return Result<AuditStatus>(AuditStatus{limit_, 0});
                                                    },
                                                    [this](std::uint32_t limit) {
                                                        if (limit < limit_ && refusals_ > 0 && refusals_-- > 0) {
                                                            return Result<void>(Error{ErrorKind::system, "no answer"});
                                                        }
                                                        limit_ = limit;
                                                        return Result<void>();
                                                    }});
        EXPECT_TRUE(raised) << raised.error().message;
        return std::make_unique<RaisedBacklog>(*std::move(raised));
    }

    // What a learning that is killed leaves.
    void raise_and_die() {
        const pid_t pid = ::fork();
        if (pid == 0) {
            const auto raised = raise();
            ::_exit(0);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        limit_ = RaisedBacklog::kEnough;  // the child had another copy of it
    }

    [[nodiscard]] std::string path() const { return directory_ + "/audit-backlog"; }

    std::uint32_t limit_ = 64;  // the kernel's
    int refusals_ = 0;          // how often it cannot be lowered
    std::string directory_;
};

TEST_F(Backlog, IsPutBackByTheLastThatEnds) {
    auto first = raise();
    auto second = raise();
    EXPECT_EQ(limit_, RaisedBacklog::kEnough);
    first.reset();
    EXPECT_EQ(limit_, RaisedBacklog::kEnough) << "another one still learns";
    first = raise();
    second.reset();
    EXPECT_EQ(limit_, RaisedBacklog::kEnough);
    first.reset();
    EXPECT_EQ(limit_, 64U);
    EXPECT_FALSE(fs::exists(path()));
}

TEST_F(Backlog, OneThatWasKilledIsInNobodysWay) {
    auto first = raise();
    raise_and_die();
    first.reset();
    EXPECT_EQ(limit_, 64U);
}

TEST_F(Backlog, WhatOneThatWasKilledLeftIsPutBackByTheNext) {
    raise_and_die();
    raise().reset();
    EXPECT_EQ(limit_, 64U);
    EXPECT_FALSE(fs::exists(path()));
}

TEST_F(Backlog, IsPutBackThoughTheKernelDoesNotAnswerOnce) {
    auto first = raise();
    refusals_ = 1;
    first.reset();
    EXPECT_EQ(limit_, 64U);
    EXPECT_FALSE(fs::exists(path()));
}

TEST_F(Backlog, WhatCouldNotBePutBackIsPutBackByTheNext) {
    auto first = raise();
    refusals_ = 100;
    first.reset();
    EXPECT_EQ(limit_, RaisedBacklog::kEnough);
    refusals_ = 0;
    raise().reset();
    EXPECT_EQ(limit_, 64U);
    EXPECT_FALSE(fs::exists(path()));
}

TEST_F(Backlog, WhatSomebodyElseSetStays) {
    auto first = raise();
    limit_ = 8192;
    first.reset();
    EXPECT_EQ(limit_, 8192U);
    raise_and_die();
    limit_ = 320;  // after that one was killed: this is what counts now
    raise().reset();
    EXPECT_EQ(limit_, 320U);
    for (const std::uint32_t enough : {0U, RaisedBacklog::kEnough, 100'000U}) {
        limit_ = enough;
        raise().reset();
        EXPECT_EQ(limit_, enough);
        EXPECT_FALSE(fs::exists(path()));
    }
}

}  // namespace
}  // namespace aa::ctl
