// SPDX-License-Identifier: Apache-2.0
#include "oci/state/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "tests/oci/trusted_directory.h"

namespace aa::oci {
namespace {

using test::fixture;
using test::TrustedDirectory;

// A child that does nothing, under a name of its own choice. It ends with this object.
class Child {
public:
    explicit Child(const char* name) {
        std::array<int, 2> ready{};
        if (::pipe(ready.data()) != 0) return;
        pid_ = ::fork();
        if (pid_ == 0) {
            (void)::prctl(PR_SET_NAME, name);
            (void)!::write(ready[1], "x", 1);
            while (true) ::pause();
        }
        char byte = 0;
        (void)!::read(ready[0], &byte, 1);
        (void)::close(ready[0]);
        (void)::close(ready[1]);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        kill();
        (void)::waitpid(pid_, nullptr, 0);
    }

    void kill() const { (void)::kill(pid_, SIGKILL); }

    // Waits until the child is dead, and leaves the zombie.
    void become_zombie() const {
        kill();
        siginfo_t info{};
        (void)::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
    }

    [[nodiscard]] std::string pid() const { return std::to_string(pid_); }

    // Counted from the end of the file, unlike what is tested.
    [[nodiscard]] std::string start() const {
        std::ifstream file("/proc/" + pid() + "/stat");
        std::ostringstream text;
        text << file.rdbuf();
        std::istringstream words(text.str());
        const std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
        return all[all.size() - (52 - 21)];  // 52 fields since Linux 3.5, proc(5)
    }

private:
    pid_t pid_ = 0;
};

std::string runc_state(const std::string& pid, const std::string& start) {
    return fixture("runc_state.json", {{"@PID@", pid}, {"@START@", start}});
}

std::string runc_labels(const std::string& labels) { return R"({"init_process_pid":0,"config":{"labels":)" + labels + "}}"; }

class State : public ::testing::Test {
protected:
    void SetUp() override {
        if (directory_.path().empty()) GTEST_SKIP() << "no directory that only this user can write";
    }

    [[nodiscard]] std::string root() const { return directory_.path() + "/root"; }
    [[nodiscard]] std::string path(const std::string& name) const { return root() + "/" + name; }
    void write(const std::string& name, std::string_view content, mode_t mode = 0600) const {
        directory_.write("root/" + name, content, mode);
    }
    [[nodiscard]] Result<ContainerState> read(RuntimeKind kind = RuntimeKind::runc) const {
        return read_container_state(root(), "x1", kind);
    }

    [[nodiscard]] std::string error(RuntimeKind kind = RuntimeKind::runc) const {
        const auto state = read(kind);
        return state ? "no error" : state.error().message;
    }

    TrustedDirectory directory_;
};

TEST_F(State, OfRuncIsReadFromWhatItWrote) {
    const Child child("plain");
    write("x1/state.json", runc_state(child.pid(), child.start()));
    const auto state = read();
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(std::to_string(state->init_pid), child.pid());
    EXPECT_EQ(state->bundle, "/srv/bundle");
    EXPECT_THAT(state->annotations, ::testing::UnorderedElementsAre(std::pair<std::string, std::string>("a", "b=c"),
                                                                    std::pair<std::string, std::string>("aa-shim/x", "{\"q\":1}\n"),
                                                                    std::pair<std::string, std::string>("uni", "ü<&>")));
    EXPECT_EQ(state->annotation("a"), "b=c");
    EXPECT_EQ(state->annotation("b"), "");
}

TEST_F(State, OfCrunIsReadFromStatusAndConfig) {
    const Child child("plain");
    write("x1/status", fixture("crun_status.json", {{"@PID@", child.pid()}, {"@START@", child.start()}}), 0700);
    write("x1/config.json", fixture("crun_config.json"), 0700);
    const auto state = read(RuntimeKind::crun);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(std::to_string(state->init_pid), child.pid());
    EXPECT_EQ(state->bundle, "/srv/bundle");
    EXPECT_EQ(state->annotations, (StringMap{{"a", "b=c"}, {"aa-shim/x", "{\"q\":1}\n"}, {"uni", "ü<&>"}}));
}

TEST_F(State, OfCrunWithoutAnnotations) {
    write("x1/status", fixture("crun_status.json", {{"@PID@", "0"}, {"@START@", "0"}}));
    for (const char* config : {"{}", R"({"annotations":null})", R"({"annotations":{}})"}) {
        write("x1/config.json", config);
        const auto state = read(RuntimeKind::crun);
        ASSERT_TRUE(state) << state.error().message;
        EXPECT_EQ(state->annotations, StringMap{}) << config;
    }
}

TEST_F(State, AnInitWithAHostileNameIsRecognised) {
    for (const char* name : {") R 1 2 3 (", "a b", "((", "))", ")", "", "x\ny"}) {
        const Child child(name);
        write("x1/state.json", runc_state(child.pid(), child.start()));
        const auto state = read();
        ASSERT_TRUE(state) << state.error().message;
        EXPECT_EQ(std::to_string(state->init_pid), child.pid()) << name;
    }
}

TEST_F(State, AnInitThatIsGoneOrAnotherIsStopped) {
    const Child child("plain");
    const Child zombie("plain");
    zombie.become_zombie();
    struct Case {
        const char* name;
        std::string pid;
        std::string start;
    };
    const std::array<Case, 8> cases{{
        {"another start time", child.pid(), child.start() + "1"},
        {"no start time", child.pid(), "0"},
        {"negative start time", child.pid(), "-1"},
        {"never started", "0", "0"},
        {"runc's word for none", "-1", child.start()},
        {"zombie", zombie.pid(), zombie.start()},
        {"no such pid", "4194305", "1"},  // above the kernel's PID_MAX_LIMIT
        {"pid out of range", "9223372036854775807", "1"},
    }};
    for (const auto& c : cases) {
        write("x1/state.json", runc_state(c.pid, c.start));
        const auto state = read();
        ASSERT_TRUE(state) << c.name << ": " << state.error().message;
        EXPECT_EQ(state->init_pid, 0) << c.name;
    }
}

TEST_F(State, OnlyTheLastBundleLabelIsRuncsWord) {
    struct Case {
        const char* labels;
        std::string bundle;
        StringMap annotations;
    };
    const std::array<Case, 5> cases{{
        {R"(["bundle=/b"])", "/b", {}},
        {R"(["bundle=/evil","bundle=/b"])", "/b", {{"bundle", "/evil"}}},
        {R"(["k","=v","k=","a=b=c","bundle=/b=c"])", "/b=c", {{"", "v"}, {"k", ""}, {"a", "b=c"}}},  // no "=": not an annotation
        {R"(["\u0062undle=/b","bundler=/x"])", "/b", {{"bundler", "/x"}}},
        {R"(["bundle="])", "", {}},
    }};
    for (const auto& c : cases) {
        write("x1/state.json", runc_labels(c.labels));
        const auto state = read();
        ASSERT_TRUE(state) << c.labels << ": " << state.error().message;
        EXPECT_EQ(state->bundle, c.bundle) << c.labels;
        EXPECT_EQ(state->annotations, c.annotations) << c.labels;
    }
}

TEST_F(State, ABrokenDocumentIsAnError) {
    struct Case {
        const char* text;
        const char* problem;
    };
    const std::array<Case, 9> cases{{
        {"", "line 1, column 1: expected an object, found the end of the document"},
        {R"({"init_process_pid":1,"con)", "line 1, column 27: the document ends inside a string"},
        {"[]", "line 1, column 1: expected an object, found an array"},
        {R"({"init_process_pid":"1"})", "line 1, column 21: expected an integer, found a string"},
        {R"({"init_process_pid":1e3})", "line 1, column 21: expected an integer without fraction or exponent"},
        {R"({"config":{"labels":{}}})", "line 1, column 21: expected an array, found an object"},
        {R"({"config":{"labels":[7]}})", "line 1, column 22: expected a string, found a number"},
        {R"({"config":{"labels":null}})", "it does not tell the container's bundle"},
        {"{}", "it does not tell the container's bundle"},
    }};
    for (const auto& c : cases) {
        write("x1/state.json", c.text);
        EXPECT_EQ(error(), "read the state of container 'x1': '" + path("x1/state.json") + "': " + c.problem) << c.text;
    }
}

TEST_F(State, OfCrunMustBeWhole) {
    write("x1/status", R"({"pid":1,"process-start-time":2})");
    write("x1/config.json", "{}");
    EXPECT_EQ(error(RuntimeKind::crun),
              "read the state of container 'x1': '" + path("x1/status") + "': it does not tell the container's bundle");
    write("x1/status", R"({"pid":1,"process-start-time":2,"bundle":"/b"})");
    write("x1/config.json", R"({"annotations":{"a":1}})");
    EXPECT_EQ(error(RuntimeKind::crun),
              "read the state of container 'x1': '" + path("x1/config.json") + "': line 1, column 21: expected a string, found a number");
    (void)::unlink(path("x1/config.json").c_str());
    EXPECT_EQ(error(RuntimeKind::crun),
              "read the state of container 'x1': cannot open '" + path("x1/config.json") + "': it does not exist");
}

TEST_F(State, ThatIsNotThereIsNotFound) {
    const auto no_root = read();
    ASSERT_FALSE(no_root);
    EXPECT_EQ(no_root.error().kind, ErrorKind::not_found);
    EXPECT_EQ(no_root.error().message, "read the state of container 'x1': cannot open '" + root() + "': it does not exist");
    directory_.make("root");
    EXPECT_EQ(error(), "read the state of container 'x1': cannot open '" + path("x1") + "': it does not exist");
    directory_.make("root/x1");
    EXPECT_EQ(error(), "read the state of container 'x1': cannot open '" + path("x1/state.json") + "': it does not exist");
}

TEST_F(State, ThatOthersCanWriteIsRefused) {
    const std::string good = runc_labels(R"(["bundle=/b"])");
    const std::string refused = " can be written by others: make it root's, writable by root alone (chown root, chmod go-w)";
    write("x1/state.json", good, 0660);
    EXPECT_EQ(error(), "read the state of container 'x1': '" + path("x1/state.json") + "'" + refused);
    write("x1/state.json", good);
    ASSERT_EQ(::chmod(path("x1").c_str(), 0777), 0);
    EXPECT_EQ(error(), "read the state of container 'x1': '" + path("x1") + "'" + refused);
    ASSERT_EQ(::chmod(path("x1").c_str(), 0711), 0);
    ASSERT_EQ(::chmod(root().c_str(), 01777), 0);
    EXPECT_EQ(error(), "read the state of container 'x1': '" + root() + "'" + refused);
    ASSERT_EQ(::chmod(root().c_str(), 0711), 0);
    EXPECT_TRUE(read());
}

TEST_F(State, ThatBelongsToAnotherIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    write("x1/state.json", runc_labels(R"(["bundle=/b"])"));
    ASSERT_EQ(::chown(path("x1/state.json").c_str(), 65534, 65534), 0);
    EXPECT_EQ(error(), "read the state of container 'x1': '" + path("x1/state.json") +
                           "' belongs to uid 65534: make it root's, writable by root alone (chown root, chmod go-w)");
}

TEST_F(State, ThatIsNoRegularFileIsRefused) {
    directory_.make("root/x1");
    write("elsewhere", runc_labels(R"(["bundle=/b"])"));
    ASSERT_EQ(::symlink("../elsewhere", path("x1/state.json").c_str()), 0);
    EXPECT_EQ(error(),
              "read the state of container 'x1': cannot open '" + path("x1/state.json") + "': it is, or leads through, a symbolic link");
    (void)::unlink(path("x1/state.json").c_str());
    ASSERT_EQ(::mkfifo(path("x1/state.json").c_str(), 0600), 0);
    EXPECT_EQ(error(), "read the state of container 'x1': '" + path("x1/state.json") + "' is not a regular file");
    (void)::unlink(path("x1/state.json").c_str());
    write("x1/state.json", "");
    ASSERT_EQ(::truncate(path("x1/state.json").c_str(), (off_t{64} << 20) + 1), 0);
    EXPECT_EQ(error(), "read the state of container 'x1': '" + path("x1/state.json") +
                           "' is 67108865 bytes long, more than the 67108864 that are allowed");
}

TEST_F(State, AContainerDirectoryThatIsALinkIsRefused) {
    write("real/state.json", runc_labels(R"(["bundle=/b"])"));
    ASSERT_EQ(::symlink("real", path("x1").c_str()), 0);
    EXPECT_EQ(error(), "read the state of container 'x1': cannot open '" + path("x1") + "': a part of the path is no directory");
}

TEST(ContainerId, IsWhatRuncAccepts) {
    struct Case {
        std::string id;
        bool valid;
    };
    const std::array<Case, 18> cases{{
        {"a", true},
        {"0a1B_+.-", true},
        {"-b", true},  // after "--"
        {"create", true},
        {".hidden", true},
        {"...", true},
        {std::string(255, 'x'), true},
        {std::string(256, 'x'), false},
        {"", false},
        {".", false},
        {"..", false},
        {"a/b", false},
        {"../x", false},
        {"a b", false},
        {"ä", false},
        {"a\n", false},
        {std::string("a\0b", 3), false},
        {"a*", false},
    }};
    for (const auto& c : cases) EXPECT_EQ(is_valid_id(c.id), c.valid) << c.id;
}

TEST(ContainerId, ThatIsInvalidNeverNamesAPath) {
    const auto state = read_container_state("/run/runc", "../x", RuntimeKind::runc);
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().kind, ErrorKind::usage);
    EXPECT_EQ(state.error().message, "'../x' is no container ID: letters, digits and _+.- are allowed, at most 255 of them");
}

class StateRoot : public ::testing::Test {
protected:
    ~StateRoot() override {
        (void)::unsetenv("XDG_RUNTIME_DIR");
        if (::chdir(before_.c_str()) != 0) std::abort();
    }

    static std::string of(std::string_view root, RuntimeKind kind) {
        CommandLine line;
        line.root = root;
        const auto result = state_root(line, kind);
        return result ? *result : result.error().message;
    }

private:
    std::string before_ = [] {
        std::array<char, 4096> cwd{};
        return std::string(::getcwd(cwd.data(), cwd.size()));
    }();
};

TEST_F(StateRoot, IsTheOption) {
    ASSERT_EQ(::setenv("XDG_RUNTIME_DIR", "/run/user/0", 1), 0);
    EXPECT_EQ(of("/var/run/docker/runtime-runc/moby", RuntimeKind::runc), "/var/run/docker/runtime-runc/moby");
    EXPECT_EQ(of("/x", RuntimeKind::crun), "/x");
}

TEST_F(StateRoot, ThatIsRelativeCountsFromTheWorkingDirectory) {
    ASSERT_EQ(::chdir("/usr"), 0);
    EXPECT_EQ(of("state", RuntimeKind::runc), "/usr/state");
    EXPECT_EQ(of("../s", RuntimeKind::crun), "/usr/../s");
}

TEST_F(StateRoot, NeedsNoWorkingDirectoryUnlessRelative) {
    std::string gone = "/tmp/aa-shim-gone.XXXXXX";
    ASSERT_NE(::mkdtemp(gone.data()), nullptr);
    ASSERT_EQ(::chdir(gone.c_str()), 0);
    ASSERT_EQ(::rmdir(gone.c_str()), 0);
    EXPECT_EQ(of("/x", RuntimeKind::runc), "/x");
    EXPECT_EQ(of("", RuntimeKind::crun), "/run/crun");
    EXPECT_EQ(of("x", RuntimeKind::runc), "cannot find the working directory that --root is relative to, 'x': it does not exist");
}

TEST_F(StateRoot, WithoutTheOptionIsTheRuntimesOwn) {
    EXPECT_EQ(of("", RuntimeKind::crun), "/run/crun");
    EXPECT_EQ(of("", RuntimeKind::runc), "/run/runc");
    ASSERT_EQ(::setenv("XDG_RUNTIME_DIR", "", 1), 0);
    EXPECT_EQ(of("", RuntimeKind::crun), "/run/crun");
    ASSERT_EQ(::setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
    EXPECT_EQ(of("", RuntimeKind::crun), "/run/user/7/crun");
}

TEST_F(StateRoot, OfRuncIgnoresXdgForRoot) {
    ASSERT_EQ(::setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
    std::ifstream file("/proc/self/uid_map");
    std::string first;
    std::string second;
    std::string size;
    file >> first >> second >> size;
    const bool initial = first == "0" && second == "0" && size == "4294967295";
    if (::geteuid() == 0 && !initial) GTEST_SKIP() << "root in a user namespace";
    EXPECT_EQ(of("", RuntimeKind::runc), ::geteuid() == 0 ? "/run/runc" : "/run/user/7/runc");
}

}  // namespace
}  // namespace aa::oci
