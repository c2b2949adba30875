// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/running_command.h"

namespace aa {
namespace {

Command shell(const std::string& script) { return {{"/bin/sh", "-c", script}}; }

TEST(Process, CollectsWhatAProgramWritesAndHowItEnds) {
    const auto run = run_command(shell("echo out; echo err >&2; exit 3"));
    ASSERT_TRUE(run.has_value());
    EXPECT_EQ(run->output, "out\n");
    EXPECT_EQ(run->errors, "err\n");
    EXPECT_EQ(run->exit_code, 3);
    EXPECT_FALSE(run->ok());
    EXPECT_TRUE(run_command(shell("exit 0"))->ok());
    EXPECT_EQ(run_command(shell("kill -TERM $$"))->exit_code, 128 + 15);
}

// Descriptors 3 and above are the shell's own only where it opens them; a program gets nothing of ours.
TEST(Process, GivesItNothingOfOurs) {
    ASSERT_EQ(::setenv("AA_PROCESS_TEST", "ours", 1), 0);
    const Fd open(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
    ASSERT_TRUE(open.valid());
    const auto run = run_command(
        {{"/bin/sh", "-c",
          "echo \"[$AA_PROCESS_TEST] $LC_ALL $OWN\"; cat; test -e /proc/self/fd/" + std::to_string(open.get()) + " || echo closed"},
         {},
         {"OWN=here"}});
    ASSERT_EQ(::unsetenv("AA_PROCESS_TEST"), 0);
    ASSERT_TRUE(run.has_value());
    EXPECT_EQ(run->output, "[] C here\nclosed\n");
}

TEST(Process, GivesItItsInput) {
    Command command{{"/bin/sh", "-c", "cat; cat /proc/self/fd/0"}};
    command.input = "once\n";
    const auto run = run_command(command);
    ASSERT_TRUE(run.has_value());
    EXPECT_EQ(run->output, "once\nonce\n");
}

TEST(Process, KeepsWhatSeveralPrintAtATime) {
    const std::string script =
        "for i in 1 2 3 4; do (n=0; while [ $n -lt 2000 ]; do echo out; echo error >&2; n=$((n+1)); done) & done; wait";
    const auto outcome = run_command({{"/bin/sh", "-c", script}, {}, {}, 60});
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->output.size(), std::size_t{4} * 2000 * std::string_view("out\n").size());
    EXPECT_EQ(outcome->errors.size(), std::size_t{4} * 2000 * std::string_view("error\n").size());
}

TEST(Process, RunsInOurDirectory) {
    const auto run = run_command(shell("pwd -P"));
    ASSERT_TRUE(run.has_value());
    EXPECT_EQ(run->output, std::filesystem::current_path().string() + "\n");
}

TEST(Process, SaysWhatCannotBeRun) {
    const auto missing = run_command({{"/nowhere/program"}});
    ASSERT_FALSE(missing.has_value());
    EXPECT_EQ(missing.error().message, "cannot run '/nowhere/program': it does not exist");
    const auto elsewhere = run_command({{"/bin/sh"}, "/nowhere"});
    ASSERT_FALSE(elsewhere.has_value());
    EXPECT_NE(elsewhere.error().message.find("'/nowhere/bin/sh'"), std::string::npos);
}

TEST(Process, EndsWhatTakesTooLongWithItsChildren) {
    const auto begin = std::chrono::steady_clock::now();
    // The child holds the output open, and would for a minute.
    const auto run = run_command({{"/bin/sh", "-c", "sleep 60 & sleep 60"}, {}, {}, 1});
    ASSERT_FALSE(run.has_value());
    EXPECT_EQ(run.error().message, "'/bin/sh' was ended: not done after 1 seconds");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

// What comes of RUNNING, within ten seconds.
std::optional<CommandOutcome> end_of(RunningCommand& running) {
    for (int tenths = 0; tenths < 100; ++tenths) {
        const auto outcome = running.outcome();
        if (!outcome || *outcome) return outcome ? *outcome : std::nullopt;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return std::nullopt;
}

TEST(RunningCommand, RunsBesideUs) {
    auto running = RunningCommand::start(shell("echo begun >&2; exec sleep 60"));
    ASSERT_TRUE(running.has_value());
    while (running->errors()->empty()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(*running->errors(), "begun\n");
    auto outcome = running->outcome();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_FALSE(outcome->has_value());
    const auto end = running->end();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->exit_code, 128 + SIGTERM);
}

TEST(RunningCommand, EndsByItself) {
    auto running = RunningCommand::start(shell("echo out; exit 3"));
    ASSERT_TRUE(running.has_value());
    const auto outcome = end_of(*running);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->exit_code, 3);
    EXPECT_EQ(outcome->output, "out\n");
}

TEST(RunningCommand, ThatIsNoProgramEndsWithAnError) {
    auto running = RunningCommand::start({{"/nowhere/program"}});
    ASSERT_TRUE(running.has_value());
    auto end = running->outcome();
    while (end && !*end) end = running->outcome();
    ASSERT_FALSE(end.has_value());
    EXPECT_EQ(end.error().message, "cannot run '/nowhere/program': it does not exist");
}

// A child of ours starts one of its own and is killed: that one is told to end, and says so.
TEST(RunningCommand, IsToldToEndWhenWeAreKilled) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const auto told = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto running =
            RunningCommand::start(shell("exec > " + told + "; trap 'echo told; exit' TERM; echo begun; while :; do sleep 0.1; done"));
        ::pause();
    }
    std::array<char, 64> text{};
    ASSERT_EQ(::read(ends[0], text.data(), text.size()), 6);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ASSERT_EQ(::read(ends[0], text.data(), text.size()), 5);
    EXPECT_EQ(std::string_view(text.data(), 5), "told\n");
}

TEST(Process, FindsTheReasonInItsLastLine) {
    struct Row {
        CommandOutcome outcome;
        const char* reason;
    };
    const Row rows[] = {
        {{1, "", ""}, "exit code 1 and no message"},
        {{1, "told\n", " \n\t\n"}, "told"},
        {{1, "told\n", "usage: much\nfatal: broken\n\n"}, "fatal: broken"},
    };
    for (const auto& row : rows) EXPECT_EQ(last_words(row.outcome), row.reason);
}

}  // namespace
}  // namespace aa
