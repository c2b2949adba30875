// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/programs.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace aa::ctl {
namespace {

class ProgramsTest : public testing::Test {
protected:
    // What PID, which calls itself COMMAND, does.
    std::string deed(unsigned long long pid, const std::string& command) { return programs_.of(event(pid, command, "open", "/etc/x")); }
    std::string exec(unsigned long long pid, const std::string& command, const std::string& file) {
        return programs_.of(event(pid, command, "exec", file));
    }
    static apparmor::Event event(unsigned long long pid, const std::string& command, const std::string& operation,
                                 const std::string& name) {
        apparmor::Event event;
        event.type = apparmor::EventType::audit;
        event.pid = pid;
        event.command = command;
        event.operation = operation;
        event.name = name;
        return event;
    }

    std::map<unsigned long long, Programs::Seen> there_;  // what can be looked at
    Programs programs_{[this](unsigned long long pid) {
        const auto found = there_.find(pid);
        return found == there_.end() ? std::nullopt : std::optional(found->second);
    }};
};

TEST_F(ProgramsTest, IsTheOneThatWasExecutedLast) {
    EXPECT_EQ(exec(7, "sh", "/bin/cat"), "") << "who executed it is not known";
    EXPECT_EQ(deed(7, "cat"), "/bin/cat");
    EXPECT_EQ(exec(7, "cat", "/bin/ls"), "/bin/cat");
    EXPECT_EQ(deed(7, "ls"), "/bin/ls");
}

TEST_F(ProgramsTest, OfAProcessThatIsThereIsWhatTheKernelSays) {
    there_[8] = {"/usr/sbin/nginx", "nginx"};
    EXPECT_EQ(deed(8, "nginx"), "/usr/sbin/nginx");
    there_.clear();
    EXPECT_EQ(deed(8, "nginx"), "/usr/sbin/nginx") << "it is remembered";
}

TEST_F(ProgramsTest, IsNotWhatAProcessHasExecutedSince) {
    there_[8] = {"/bin/cat", "cat"};
    EXPECT_EQ(deed(8, "sh"), "");
}

TEST_F(ProgramsTest, OfAThreadIsThatOfItsProcess) {
    there_[9] = {"/usr/bin/java", "java"};
    EXPECT_EQ(deed(9, "java"), "/usr/bin/java");
    EXPECT_EQ(deed(9, "GC Thread#0"), "/usr/bin/java");
    there_.clear();
    EXPECT_EQ(deed(9, "other thread"), "/usr/bin/java");
}

TEST_F(ProgramsTest, OfAnotherProcessWithTheNumberIsItsOwn) {
    (void)exec(7, "sh", "/bin/cat");
    EXPECT_EQ(deed(7, "cat"), "/bin/cat");
    there_[7] = {"/usr/sbin/nginx", "nginx"};
    EXPECT_EQ(deed(7, "nginx"), "/usr/sbin/nginx");
}

TEST_F(ProgramsTest, OfAForkThatIsGoneIsTheOnlyOneCalledSo) {
    (void)exec(7, "sh", "/usr/sbin/nginx");
    EXPECT_EQ(deed(8, "nginx"), "/usr/sbin/nginx");
    (void)exec(9, "sh", "/opt/nginx");
    EXPECT_EQ(deed(10, "nginx"), "") << "it may be either";
    EXPECT_EQ(deed(11, "other"), "");
}

TEST_F(ProgramsTest, OfWhatIsGoneIsTheOnlyOneThatWasExecutedFromOutside) {
    programs_.know("/bin/touch");
    EXPECT_EQ(deed(8, "touch"), "/bin/touch");
}

// Of a script the kernel says the interpreter.
TEST_F(ProgramsTest, OfAScriptIsTheScript) {
    programs_.know("/usr/share/wrapper", "psql");
    there_[8] = {"/usr/bin/perl", "psql"};
    EXPECT_EQ(deed(8, "psql"), "/usr/share/wrapper") << "which was started by a link";
    (void)exec(8, "psql", "/usr/lib/psql");
    EXPECT_EQ(deed(8, "psql"), "/usr/lib/psql");
    there_[9] = {"/usr/bin/perl", "psql"};
    EXPECT_EQ(deed(9, "psql"), "/usr/share/wrapper") << "though two programs are called so now";
    (void)exec(10, "sh", "/usr/local/bin/publish");
    there_[10] = {"/usr/bin/dash", "publish"};
    EXPECT_EQ(programs_.interpreter(), "");
    EXPECT_EQ(deed(10, "publish"), "/usr/local/bin/publish");
    EXPECT_EQ(programs_.interpreter(), "/usr/bin/dash");
    EXPECT_EQ(deed(10, "publish"), "/usr/local/bin/publish");
    EXPECT_EQ(programs_.interpreter(), "") << "it is told once";
    there_[11] = {"/usr/bin/dash", "publish"};
    EXPECT_EQ(deed(11, "publish"), "/usr/local/bin/publish") << "a fork of it";
    there_[12] = {"/usr/bin/python3.11", "worker"};
    EXPECT_EQ(deed(12, "worker"), "/usr/bin/python3.11") << "which has given itself a name";
}

TEST_F(ProgramsTest, ACommandIsCutAsTheKernelCutsIt) {
    (void)exec(7, "sh", "/bin/a-very-long-name-of-a-program");
    EXPECT_EQ(deed(8, "a-very-long-nam"), "/bin/a-very-long-name-of-a-program");
}

TEST_F(ProgramsTest, ADeniedExecIsNone) {
    auto denied = event(7, "sh", "exec", "/bin/cat");
    denied.type = apparmor::EventType::denied;
    EXPECT_EQ(programs_.of(denied), "");
    EXPECT_EQ(deed(7, "cat"), "");
}

TEST_F(ProgramsTest, HowManyAreRememberedIsBounded) {
    for (unsigned long long pid = 1; pid <= Programs::kMost + 1; ++pid) (void)exec(pid, "sh", "/bin/cat");
    EXPECT_EQ(deed(Programs::kMost + 1, "x"), "/bin/cat");
    EXPECT_EQ(deed(1, "y"), "") << "forgotten";
}

}  // namespace
}  // namespace aa::ctl
