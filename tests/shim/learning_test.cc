// SPDX-License-Identifier: Apache-2.0
#include "shim/learning.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/fd.h"
#include "shim/judge.h"

namespace aa::shim {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMinute = 60'000'000'000;

Learning sample() { return {"aa-shim-learning-web", "web", learning_clock() + kMinute, {"registry/web/*", "shop-*", "4f"}}; }

TEST(Learning, IsReadAsItWasWritten) {
    for (const auto& learning : {sample(), Learning{"aa-shim-learning-web", "a b", 1, {}}, Learning{"web", "web", 1, {}}}) {
        const auto read = read_learning(to_text(learning));
        ASSERT_TRUE(read.has_value());
        EXPECT_EQ(*read, learning);
    }
}

TEST(Learning, WhatIsNotWholeIsNone) {
    const auto text = to_text(sample());
    for (std::size_t size = 0; size + 1 < text.size(); ++size) EXPECT_FALSE(read_learning(text.substr(0, size)).has_value()) << size;
    const std::string head = "aa-shim learning 1\n";
    const std::string good = "deadline 5\ntwin aa-shim-learning-web\nprofile web\n";
    EXPECT_TRUE(read_learning(head + good + "end\n").has_value());
    for (const auto* more : {"twin aa-shim-learning-b\n", "deadline 6\n", "other x\n", "image\n", "image \n", "\n", "end\n"}) {
        EXPECT_FALSE(read_learning(head + good + more + "end\n").has_value()) << more;
    }
    EXPECT_FALSE(read_learning("aa-shim learning 2\n" + good + "end\n").has_value());
}

TEST(Learning, OnlyTwinsAreTwins) {
    for (const auto* name :
         {"unconfined", "other", "aa-shim-learning-", "aa-shim-learning-web//kid", "aa-shim-learning-web//&unconfined"}) {
        auto learning = sample();
        learning.twin = name;
        EXPECT_FALSE(read_learning(to_text(learning)).has_value()) << name;
    }
}

TEST(Learning, NamesThatNoFileCanHaveAreNeverLearned) {
    EXPECT_EQ(learning_file("web-1.x_Y"), "web-1.x_Y");
    for (const auto* name : {"", ".", "..", ".web", "a/b", "a b", "a\nb"}) EXPECT_FALSE(learning_file(name).has_value()) << name;
    EXPECT_FALSE(learning_file(std::string(101, 'a')).has_value());
}

// A kernel that has the profiles that it is told, below a directory.
class LearningFile : public testing::Test {
protected:
    LearningFile() : kernel_(root_ + "/security", root_ + "/module", root_ + "/proc") {
        fs::remove_all(root_);
        fs::create_directories(directory_);
    }
    ~LearningFile() override { fs::remove_all(root_); }

    // As `aa-shimctl learn` writes and holds it.
    void write(const std::string& text) {
        held_ = Fd(::open(file_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        ASSERT_EQ(::write(held_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void hold() {
        struct flock lock {};
        lock.l_type = F_WRLCK;
        ASSERT_EQ(::fcntl(held_.get(), F_OFD_SETLK, &lock), 0);
    }
    std::string problem() {
        const auto learning = LearningPlace(kernel_, directory_.c_str()).of("web");
        if (!learning) return learning.error().message;
        return *learning ? "none" : "nothing";
    }
    void expect_problem(const std::string& part) { EXPECT_NE(problem().find(part), std::string::npos) << problem(); }

    std::string root_ = testing::TempDir() + "/learning_test." + std::to_string(::getpid());
    std::string directory_ = root_ + "/learning";
    std::string file_ = directory_ + "/web";
    apparmor::Kernel kernel_;
    Fd held_;
};

TEST_F(LearningFile, NoDirectoryOrNoFileIsNoError) {
    EXPECT_EQ(problem(), "nothing");
    fs::remove_all(directory_);
    EXPECT_EQ(problem(), "nothing");
}

TEST_F(LearningFile, ThatNobodyHoldsIsNotLearnedFrom) {
    write(to_text(sample()));
    expect_problem("does not run any more");
    hold();
    // There is no kernel to ask here: this is the last question.
    expect_problem("names a twin that the kernel cannot be asked about");
    held_.reset();
    expect_problem("does not run any more");
}

TEST_F(LearningFile, AReadLockIsNotTheWritersOwn) {
    write(to_text(sample()));
    const Fd other(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
    struct flock lock {};
    lock.l_type = F_RDLCK;
    ASSERT_EQ(::fcntl(other.get(), F_OFD_SETLK, &lock), 0);
    expect_problem("does not run any more");
}

TEST_F(LearningFile, WhoseTimeIsOverIsNotLearnedFrom) {
    auto learning = sample();
    learning.deadline = learning_clock();
    write(to_text(learning));
    hold();
    expect_problem("says that the time is over");
}

TEST_F(LearningFile, ThatIsDamagedIsNotLearnedFrom) {
    for (const std::string& text : {std::string(), std::string("end\n"), to_text(sample()).substr(20), std::string(20000, 'x')}) {
        write(text);
        hold();
        expect_problem("it is not learned from");
    }
}

TEST_F(LearningFile, ThatOthersCouldHaveWrittenIsNotLearnedFrom) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    write(to_text(sample()));
    hold();
    ASSERT_EQ(::chmod(file_.c_str(), 0666), 0);
    expect_problem("it is not learned from");
    ASSERT_EQ(::chmod(file_.c_str(), 0644), 0);
    ASSERT_EQ(::chown(file_.c_str(), 1000, 0), 0);
    expect_problem("it is not learned from");
    ASSERT_EQ(::chown(file_.c_str(), 0, 0), 0);
    ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
    expect_problem("it is not learned from");
    ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
    expect_problem("cannot be asked about");
}

TEST_F(LearningFile, ALinkIsNotFollowed) {
    write(to_text(sample()));
    hold();
    fs::rename(file_, root_ + "/elsewhere");
    fs::create_symlink(root_ + "/elsewhere", file_);
    expect_problem("cannot be opened");
}

TEST_F(LearningFile, ALearnerIsToldOfWhatIsStarted) {
    const std::string calls = directory_ + "/" + calls_file("web");
    tell_learner("web", {false, "c1", "/bin/a", {}, false}, directory_.c_str());
    EXPECT_FALSE(fs::exists(calls)) << "nobody is there";
    std::ofstream(calls).close();
    ASSERT_EQ(::chmod(calls.c_str(), 0600), 0);
    const LearnedCall start{false, "c1", "/bin/a b", "", true};  // a name with a space is not told
    const LearnedCall exec{true, "c1", "sh", "", false};
    for (const auto& call : {LearnedCall{false, "c1", "/bin/a b", "a b", true}, exec, LearnedCall{true, "c1", "/x\n/y", "y", true}})
        tell_learner("web", call, directory_.c_str());
    std::ifstream file(calls);
    std::string line;
    for (const auto& call : {start, exec, LearnedCall{true, "c1", "/x\\x0a/y", "y", true}}) {
        ASSERT_TRUE(std::getline(file, line));
        EXPECT_EQ(read_call(line), call) << line;
    }
    EXPECT_FALSE(std::getline(file, line));
    fs::resize_file(calls, (std::uintmax_t{16} << 20U) + 1);
    tell_learner("web", start, directory_.c_str());
    EXPECT_EQ(fs::file_size(calls), (std::uintmax_t{16} << 20U) + 1) << "nobody keeps up";
    for (const auto* bad : {"", "start", "start c1", "start c1 ", "stop c1 may-gain a /bin/a", "start c1 /bin/a", "start c1 may-gain a",
                            "start c1 gains a /bin/a"})
        EXPECT_FALSE(read_call(bad)) << bad;
}

// ---- what is learned

apparmor::Confinement confinement() {
    apparmor::Confinement one;
    one.name = "web";
    one.profile = std::string("web");
    one.ceiling = CapabilitySet(1);
    one.no_new_privileges = true;
    one.deny_syscalls = {"keyctl"};
    return one;
}

Decision decided(const std::string& label) {
    Decision decision;
    decision.confinement = "web";
    decision.bounds = {label, CapabilitySet(1), true, {"keyctl"}};
    return decision;
}

TEST(LearnFrom, ReplacesTheProfileAndTheCeilingAndNothingElse) {
    auto decision = decided("web");
    learn_from(decision, {"aa-shim-learning-web", "web", 1, {}}, confinement(), {}, "c1");
    EXPECT_EQ(decision.learning, "aa-shim-learning-web");
    EXPECT_EQ(decision.bounds, (Bounds{"aa-shim-learning-web", std::nullopt, true, {"keyctl", "lsm_set_self_attr"}}));
    EXPECT_EQ(decision.reasons.size(), 1U);
}

TEST(LearnFrom, LeavesWhatTheCallerAskedFor) {
    auto decision = decided("asked//&web");
    learn_from(decision, {"aa-shim-learning-web", "web", 1, {}}, confinement(), {}, "c1");
    EXPECT_EQ(decision.bounds.profile, "asked//&aa-shim-learning-web");
}

TEST(LearnFrom, IsAboutNothingWithoutAppArmor) {
    auto decision = decided("web");
    decision.bounds.profile.reset();
    learn_from(decision, {"aa-shim-learning-web", "web", 1, {}}, confinement(), {}, "c1");
    EXPECT_EQ(decision.learning, "");
    EXPECT_EQ(decision.bounds.ceiling, CapabilitySet(1));
}

TEST(LearnFrom, ChoosesContainers) {
    apparmor::Facts facts;
    facts.image = "nginx";
    facts.image_full = "docker.io/library/nginx:latest";
    facts.name = "shop-1";
    struct Row {
        LearningFilter filter;
        bool meant;
    };
    for (const auto& [filter, meant] : {Row{{}, true},
                                        {{"nginx", "", ""}, true},
                                        {{"docker.io/library/*", "", ""}, true},
                                        {{"redis", "", ""}, false},
                                        {{"", "shop-*", ""}, true},
                                        {{"", "other", ""}, false},
                                        {{"", "", "4f"}, true},
                                        {{"", "", "5"}, false},
                                        {{"nginx", "other", "4f"}, false}}) {
        auto decision = decided("web");
        learn_from(decision, {"aa-shim-learning-web", "web", 1, filter}, confinement(), facts, "4f00");
        EXPECT_EQ(!decision.learning.empty(), meant) << filter.image << filter.name << filter.container;
    }
    auto unknown = decided("web");
    learn_from(unknown, {"aa-shim-learning-web", "web", 1, {"**", "", ""}}, confinement(), {}, "4f00");
    EXPECT_EQ(unknown.learning, "") << "what is not known matches no pattern";
}

TEST(LearnFrom, AnExecHasTheCeilingAgainWhenItIsOver) {
    auto container = decided("aa-shim-learning-web");
    container.learning = "aa-shim-learning-web";
    container.bounds.ceiling.reset();
    EXPECT_EQ(exec_bounds(container, confinement(), true).ceiling, std::nullopt);
    EXPECT_EQ(exec_bounds(container, confinement(), false).ceiling, CapabilitySet(1));
    const apparmor::Kernel kernel;
    EXPECT_EQ(learned_now(container, LearningPlace(kernel, "/nonexistent")), LearnedNow::no);
}

TEST(LearnFrom, InPlaceNothingButSystemCallsIsDecidedOtherwise) {
    auto decision = decided("web");
    learn_from(decision, {"web", "web", 1, {}}, confinement(), {}, "4f00");
    EXPECT_EQ(decision.learning, "web");
    EXPECT_FALSE(is_twin(decision.learning));
    EXPECT_EQ(decision.bounds, (Bounds{"web", CapabilitySet(1), true, {"keyctl", "lsm_set_self_attr"}}));
}

}  // namespace
}  // namespace aa::shim
