// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/bundle.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace aa::oci {
namespace {

using Annotations = std::vector<std::pair<std::string, std::string>>;

TEST(Config, ReadsWhatIsNeeded) {
    const std::string_view text = R"({"ociVersion":"1.2.0","process":{"args":["sh"],"cwd":"/"},"root":{"path":"rootfs","readonly":true},
        "hostname":"web1","mounts":[{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/d","options":["ro"]}],
        "annotations":{"a":"1","\u0062":"tw\u006f"},"hooks":null,"linux":{"cgroupsPath":"/docker/x","seccomp":{"defaultAction":"SCMP_ACT_ERRNO"}}} )";
    const auto config = read_config(text);
    ASSERT_TRUE(config.has_value()) << config.error().message;
    EXPECT_EQ(config->process.args, std::vector<std::string>{"sh"});
    EXPECT_EQ(config->root_path, "rootfs");
    EXPECT_EQ(config->hostname, "web1");
    ASSERT_EQ(config->mounts.size(), 2U);
    EXPECT_EQ(config->mounts[0].destination, "/proc");
    EXPECT_EQ(config->mounts[0].source, "proc");
    EXPECT_EQ(config->mounts[0].type, "proc");
    EXPECT_EQ(config->mounts[1].destination, "/d");
    EXPECT_EQ(config->mounts[1].type, "");
    EXPECT_EQ(config->annotation("a"), "1");
    EXPECT_EQ(config->annotation("b"), "two");
    EXPECT_FALSE(config->annotation("c").has_value());
    EXPECT_EQ(config->cgroups_path, "/docker/x");
    EXPECT_TRUE(config->linux_present);
    EXPECT_FALSE(config->linux_empty);
    EXPECT_TRUE(config->seccomp.present);
    EXPECT_EQ(config->seccomp.default_action, "SCMP_ACT_ERRNO");
    EXPECT_EQ(text.substr(config->object.begin, config->object.end - config->object.begin), text.substr(0, text.size() - 1));
}

TEST(Config, TakesNullForAbsent) {
    const auto config = read_config(
        R"({"process":{},"root":null,"hostname":null,"mounts":null,"annotations":null,"linux":{"cgroupsPath":null,"seccomp":null}})");
    ASSERT_TRUE(config.has_value()) << config.error().message;
    EXPECT_EQ(config->root_path, "");
    EXPECT_TRUE(config->mounts.empty());
    EXPECT_FALSE(config->annotations_present);
    EXPECT_TRUE(config->annotations_place.has_value());
    EXPECT_FALSE(config->seccomp.present);
}

struct Refused {
    const char* text;
    const char* error;
};

TEST(Config, RefusesWhatRuntimesMayReadOtherwise) {
    const Refused cases[] = {
        {"", "line 1, column 1: expected an object, found the end of the document"},
        {"[]", "line 1, column 1: expected an object, found an array"},
        {"{}", "there is no 'process' in it: nothing to start, and nothing to confine"},
        {R"({"root":{}})", "there is no 'process' in it: nothing to start, and nothing to confine"},
        {R"({"process":null})", "line 1, column 12: expected an object, found null"},
        {R"({"process":[]})", "line 1, column 12: expected an object, found an array"},
        {R"({"process":{}} {})", "line 1, column 16: the document goes on after its value; remove what follows"},
        {R"({"process":{},"process":{}})", "line 1, column 15: the key 'process' is there twice; runtimes disagree about which one counts"},
        {R"({"process":{},"\u0070rocess":{}})",
         "line 1, column 15: the key 'process' is there twice; runtimes disagree about which one counts"},
        {R"({"process":{},"PROCESS":{"apparmorProfile":"unconfined"}})",
         "line 1, column 15: the key 'PROCESS' is 'process' to some runtimes and not to others; spell it 'process'"},
        {R"({"process":{},"proce\u017f\u017f":{}})",
         "line 1, column 15: the key 'proce\xC5\xBF\xC5\xBF' is 'process' to some runtimes and not to others; spell it 'process'"},
        {"{\"process\":{},\n\"Linux\":{}}",
         "line 2, column 1: the key 'Linux' is 'linux' to some runtimes and not to others; spell it 'linux'"},
        {R"({"process":{},"linux":{"Seccomp":null}})",
         "line 1, column 24: the key 'Seccomp' is 'seccomp' to some runtimes and not to others; spell it 'seccomp'"},
        {R"({"process":{},"linux":[]})", "line 1, column 23: expected an object, found an array"},
        {R"({"process":{},"linux":{"seccomp":7}})", "line 1, column 34: expected an object, found a number"},
        {R"({"process":{},"linux":{"cgroupsPath":7}})", "line 1, column 38: expected a string, found a number"},
        {R"({"process":{},"root":{"path":"/a","Path":"/b"}})",
         "line 1, column 35: the key 'Path' is 'path' to some runtimes and not to others; spell it 'path'"},
        {R"({"process":{},"mounts":[{"source":"/a","source":"/b"}]})",
         "line 1, column 40: the key 'source' is there twice; runtimes disagree about which one counts"},
        {R"({"process":{},"mounts":[null]})", "line 1, column 25: expected an object, found null"},
        {R"({"process":{},"hostname":{}})", "line 1, column 26: expected a string, found an object"},
        {R"({"process":{},"annotations":[]})", "line 1, column 29: expected an object, found an array"},
        {R"({"process":{},"annotations":{"a":1}})", "line 1, column 34: expected a string, found a number"},
        {R"({"process":{},"annotations":{"a":null}})", "line 1, column 34: expected a string, found null"},
        {R"({"process":{},"Annotations":{}})",
         "line 1, column 15: the key 'Annotations' is 'annotations' to some runtimes and not to others; spell it 'annotations'"},
        {R"({"process":{},"annotations":{"a":"1","b":"2","\u0061":"3"}})",
         "line 1, column 55: the annotation 'a' is there twice; runtimes disagree about which one counts"},
        {R"({"process":{},"annotations":{"bundle":"/tmp/evil"}})",
         "line 1, column 30: the annotation 'bundle' would lead a later exec to another config.json; remove it"},
        {R"({"process":{},"annotations":{"bundle=/tmp/evil":""}})",
         "line 1, column 30: the annotation 'bundle=/tmp/evil' would lead a later exec to another config.json; remove it"},
        {R"({"process":{},"other":{"x":"\ud800"}})", "line 1, column 29: half of a surrogate pair in a string"},
    };
    for (const auto& c : cases) {
        const auto config = read_config(c.text);
        ASSERT_FALSE(config.has_value()) << c.text;
        EXPECT_EQ(config.error().message, c.error) << c.text;
        EXPECT_EQ(config.error().kind, ErrorKind::config);
    }
}

TEST(Config, AllowsAnnotationsThatDifferInCaseOrOnlyResembleBundle) {
    EXPECT_TRUE(read_config(R"({"process":{},"annotations":{"a":"1","A":"2","Bundle":"x","bundles":"y","my.bundle":"z"}})").has_value());
}

const char* const kFull =
    R"({"process":{"args":["sh","\u00e9"],"env":["PATH=/bin"],"apparmorProfile":"x","capabilities":{"bounding":["CAP_KILL"]}},)"
    R"("annotations":{"a":"b"},"mounts":[{"destination":"/p"}],"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["a"]}]}}})";

TEST(Config, RefusesADocumentCutAnywhere) {
    const std::string_view text = kFull;
    for (std::size_t length = 0; length < text.size(); ++length) {
        EXPECT_FALSE(read_config(std::string(text.substr(0, length))).has_value()) << length;
    }
    EXPECT_TRUE(read_config(text).has_value());
}

// A container with that many annotations is strange, but no reason to hang.
TEST(Config, FindsADuplicateAmongManyAnnotationsInTime) {
    std::string text = R"({"process":{},"annotations":{)";
    for (int i = 0; i < 30000; ++i) text += "\"example.org/" + std::to_string(i) + R"(":"x",)";
    EXPECT_TRUE(read_config(text + R"("last":""}})").has_value());
    const auto config = read_config(text + R"("example.org/7":""}})");
    ASSERT_FALSE(config.has_value());
    EXPECT_TRUE(
        config.error().message.ends_with("the annotation 'example.org/7' is there twice; runtimes disagree about which one counts"));
}

std::string changed(std::string_view text, const ConfigChanges& changes) {
    const auto once = [&changes](std::string_view before) -> std::string {
        const auto config = read_config(before);
        if (!config) return "error: " + config.error().message;
        const auto splices = change_config(*config, before, changes);
        return splices ? splices->apply(before) : "error: " + splices.error().message;
    };
    std::string after = once(text);
    if (after.starts_with("error")) return after;
    EXPECT_EQ(once(after), after) << "not idempotent";
    return after;
}

TEST(Config, SetsAnnotations) {
    struct Case {
        const char* name;
        const char* before;
        Annotations annotations;
        const char* after;
    };
    const Case cases[] = {
        {"none", R"({"process":{}})", {}, R"({"process":{}})"},
        {"absent", R"({"process":{}})", {{"a", "1"}, {"b", "2"}}, R"({"annotations":{"a":"1","b":"2"},"process":{}})"},
        {"null", R"({"annotations": null ,"process":{}})", {{"a", "1"}}, R"({"annotations": {"a":"1"} ,"process":{}})"},
        {"empty", R"({"annotations":{ },"process":{}})", {{"a", "1"}}, R"({"annotations":{"a":"1" },"process":{}})"},
        {"others", R"({"annotations":{"z":"0"},"process":{}})", {{"a", "1"}}, R"({"annotations":{"a":"1","z":"0"},"process":{}})"},
        {"replaced",
         R"({"annotations":{"\u0061" : "0","z":"0"},"process":{}})",
         {{"a", "1"}, {"b", "2"}},
         R"({"annotations":{"b":"2","\u0061" : "1","z":"0"},"process":{}})"},
        {"right already", R"({"annotations":{"a":"\u0031"},"process":{}})", {{"a", "1"}}, R"({"annotations":{"a":"\u0031"},"process":{}})"},
        {"escapes", R"({"process":{}})", {{"a\"", "1\n\\"}}, R"({"annotations":{"a\"":"1\u000a\\"},"process":{}})"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(changed(c.before, {.process = {}, .annotations = c.annotations, .deny_syscalls = {}, .architectures = {}}), c.after)
            << c.name;
    }
}

TEST(Config, MakesASeccompProfileWhereThereIsNone) {
    const std::vector<std::string> names{"keyctl"};
    const std::vector<std::string> architectures{"SCMP_ARCH_X86_64"};
    const std::string made =
        R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["keyctl"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})";
    const std::pair<const char*, std::string> cases[] = {
        {R"({"process":{}})", R"({"linux":{"seccomp":)" + made + R"(},"process":{}})"},
        {R"({"process":{},"linux":null})", R"({"process":{},"linux":{"seccomp":)" + made + "}}"},
        {R"({"process":{},"linux":{}})", R"({"process":{},"linux":{"seccomp":)" + made + "}}"},
        {R"({"process":{},"linux":{"x":1}})", R"({"process":{},"linux":{"seccomp":)" + made + R"(,"x":1}})"},
        {R"({"process":{},"linux":{"seccomp":null}})", R"({"process":{},"linux":{"seccomp":)" + made + "}}"},
        {R"({"process":{},"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO"}}})",
         R"({"process":{},"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO"}}})"},
    };
    for (const auto& [before, after] : cases) {
        EXPECT_EQ(changed(before, {.process = {}, .annotations = {}, .deny_syscalls = names, .architectures = architectures}), after);
    }
}

TEST(Config, ChangesEverythingAtOnceInAMinimalDocument) {
    const Annotations annotations{{"aa-shim/confinement", "web"}};
    const std::vector<std::string> names{"keyctl"};
    const ConfigChanges changes{.process = {.apparmor_profile = "web", .ceiling = CapabilitySet(), .set_no_new_privileges = true},
                                .annotations = annotations,
                                .deny_syscalls = names,
                                .architectures = {}};
    EXPECT_EQ(changed(R"({"process":{}})", changes),
              R"({"annotations":{"aa-shim/confinement":"web"},"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","architectures":[],)"
              R"("syscalls":[{"names":["keyctl"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}},)"
              R"("process":{"apparmorProfile":"web","noNewPrivileges":true}})");
}

TEST(Config, NeverWritesAnEmptyProfile) {
    EXPECT_EQ(changed(R"({"process":{}})", {.process = {.apparmor_profile = "", .ceiling = {}, .set_no_new_privileges = false},
                                            .annotations = {},
                                            .deny_syscalls = {},
                                            .architectures = {}}),
              "error: an empty AppArmor profile was to be written, which the kernel takes for unconfined");
}

// A bundle directory of its own for each test.
class BundleTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_NE(::mkdtemp(path_.data()), nullptr);
        ASSERT_EQ(::chmod(path_.c_str(), 0755), 0);
    }
    void TearDown() override { EXPECT_EQ(::system(("rm -rf '" + path_ + "'").c_str()), 0); }

    [[nodiscard]] std::string file(const std::string& name = "config.json") const { return path_ + "/" + name; }

    void write(std::string_view text, mode_t mode = 0644, const std::string& name = "config.json") const {
        const Fd fd(::open(file(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        ASSERT_TRUE(write_all(fd.get(), text).has_value());
        ASSERT_EQ(::fchmod(fd.get(), mode), 0);
    }

    [[nodiscard]] std::string read(const std::string& name = "config.json") const {
        const auto text = read_file_at(AT_FDCWD, file(name), kMaxConfigBytes);
        return text ? std::string(text->text()) : text.error().message;
    }

    [[nodiscard]] std::vector<std::string> entries() const {
        std::vector<std::string> names;
        DIR* directory = ::opendir(path_.c_str());
        while (const dirent* entry = ::readdir(directory)) names.emplace_back(entry->d_name);
        ::closedir(directory);
        std::sort(names.begin(), names.end());
        return names;
    }

    static std::string error(const Result<Bundle>& bundle) { return bundle ? "" : bundle.error().message; }

    std::string path_ = "/tmp/aa-shim-bundle-XXXXXX";
};

TEST_F(BundleTest, ReadsAndReplacesTheFileWithOwnerAndMode) {
    write("{\"a\":1}", 0640);
    const bool is_root = ::geteuid() == 0;
    ASSERT_TRUE(!is_root || ::chown(file().c_str(), 0, 4242) == 0);
    struct stat before {};
    ASSERT_EQ(::stat(file().c_str(), &before), 0);
    const auto bundle = Bundle::open(path_);
    ASSERT_TRUE(bundle.has_value()) << bundle.error().message;
    EXPECT_EQ(bundle->text(), "{\"a\":1}");
    EXPECT_EQ(bundle->path(), path_);
    Splices splices;
    splices.replace({5, 6}, "\"two\"");
    ASSERT_TRUE(bundle->store(splices).has_value());
    EXPECT_EQ(read(), "{\"a\":\"two\"}");
    struct stat after {};
    ASSERT_EQ(::stat(file().c_str(), &after), 0);
    EXPECT_EQ(after.st_mode, before.st_mode);
    EXPECT_EQ(after.st_uid, before.st_uid);
    EXPECT_EQ(after.st_gid, before.st_gid);
    EXPECT_NE(after.st_ino, before.st_ino);
    EXPECT_EQ(entries(), (std::vector<std::string>{".", "..", "config.json"}));
}

TEST_F(BundleTest, WritesNothingWithoutSplices) {
    write("{}");
    struct stat before {};
    struct stat after {};
    ASSERT_EQ(::stat(file().c_str(), &before), 0);
    const auto bundle = Bundle::open(path_);
    ASSERT_TRUE(bundle.has_value());
    ASSERT_TRUE(bundle->store(Splices()).has_value());
    ASSERT_EQ(::stat(file().c_str(), &after), 0);
    EXPECT_EQ(after.st_ino, before.st_ino);
}

TEST_F(BundleTest, TakesTheWorkingDirectoryForNoPathAndIgnoresSlashesAtTheEnd) {
    write("{}");
    const Fd here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(::chdir(path_.c_str()), 0);
    EXPECT_EQ(error(Bundle::open("")), "");
    EXPECT_EQ(error(Bundle::open(".")), "");
    EXPECT_EQ(error(Bundle::open("./")), "");
    ASSERT_EQ(::fchdir(here.get()), 0);
    EXPECT_EQ(error(Bundle::open(path_ + "//")), "");
}

TEST_F(BundleTest, RefusesWhatIsMissing) {
    EXPECT_EQ(error(Bundle::open(path_)), "cannot open '" + file() + "': it does not exist");
    EXPECT_EQ(error(Bundle::open(path_ + "/none")), "cannot open the bundle '" + path_ + "/none': it does not exist");
}

TEST_F(BundleTest, RefusesSymlinks) {
    write("{}", 0644, "real.json");
    ASSERT_EQ(::symlink("real.json", file().c_str()), 0);
    EXPECT_EQ(error(Bundle::open(path_)), "cannot open '" + file() + "': it is, or leads through, a symbolic link");
    ASSERT_EQ(::symlink(".", file("link").c_str()), 0);
    const std::string refused = "the bundle '" + path_ + "/link' is a symbolic link or no directory: name the directory itself";
    EXPECT_EQ(error(Bundle::open(path_ + "/link")), refused);
    for (const char* tail : {"/", "//", "/.", "/./", "/.//./."}) EXPECT_EQ(error(Bundle::open(path_ + "/link" + tail)), refused) << tail;
    EXPECT_EQ(error(Bundle::open(path_ + "/real.json")),
              "the bundle '" + path_ + "/real.json' is a symbolic link or no directory: name the directory itself");
}

TEST_F(BundleTest, FollowsSymlinksAboveTheBundle) {
    ASSERT_EQ(::mkdir(file("real").c_str(), 0755), 0);
    ASSERT_EQ(::mkdir(file("real/bundle").c_str(), 0755), 0);
    write("{}", 0644, "real/bundle/config.json");
    ASSERT_EQ(::symlink("real", file("run").c_str()), 0);
    EXPECT_EQ(error(Bundle::open(path_ + "/run/bundle")), "");
}

TEST_F(BundleTest, RefusesWhatIsNoRegularFile) {
    ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
    EXPECT_EQ(error(Bundle::open(path_)), "'" + file() + "' is not a regular file");
    ASSERT_EQ(::unlink(file().c_str()), 0);
    ASSERT_EQ(::mkdir(file().c_str(), 0755), 0);
    EXPECT_EQ(error(Bundle::open(path_)), "'" + file() + "' is not a regular file");
}

TEST_F(BundleTest, RefusesWhatOthersCouldHaveWritten) {
    const std::string remedy = " can be written by others: make it root's, writable by root alone (chown root, chmod go-w)";
    write("{}", 0664);
    EXPECT_EQ(error(Bundle::open(path_)), "'" + file() + "'" + remedy);
    write("{}", 0646);
    EXPECT_EQ(error(Bundle::open(path_)), "'" + file() + "'" + remedy);
    write("{}", 0644);
    ASSERT_EQ(::chmod(path_.c_str(), 0775), 0);
    EXPECT_EQ(error(Bundle::open(path_)), "'" + path_ + "'" + remedy);
    ASSERT_EQ(::chmod(path_.c_str(), 01777), 0);
    EXPECT_EQ(error(Bundle::open(path_)), "'" + path_ + "'" + remedy);
}

TEST_F(BundleTest, RefusesForeignOwners) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    const std::string remedy = " belongs to uid 4242: make it root's, writable by root alone (chown root, chmod go-w)";
    write("{}");
    ASSERT_EQ(::chown(file().c_str(), 4242, 0), 0);
    EXPECT_EQ(error(Bundle::open(path_)), "'" + file() + "'" + remedy);
    ASSERT_EQ(::chown(file().c_str(), 0, 0), 0);
    ASSERT_EQ(::chown(path_.c_str(), 4242, 0), 0);
    EXPECT_EQ(error(Bundle::open(path_)), "'" + path_ + "'" + remedy);
    ASSERT_EQ(::chown(path_.c_str(), 0, 0), 0);
}

TEST_F(BundleTest, RefusesHugeFilesWithoutReadingThem) {
    write("{}");
    ASSERT_EQ(::truncate(file().c_str(), off_t{64} << 20), 0);
    EXPECT_EQ(error(Bundle::open(path_)), "'" + file() + "' is 67108864 bytes long, more than the 33554432 that are allowed");
}

TEST_F(BundleTest, KeepsTheOldFileWhenItCannotWrite) {
    write("{\"old\":1}");
    const auto bundle = Bundle::open(path_);
    ASSERT_TRUE(bundle.has_value());
    // The name of the file becomes one that a rename cannot replace.
    ASSERT_EQ(::rename(file().c_str(), file("kept").c_str()), 0);
    ASSERT_EQ(::mkdir(file().c_str(), 0755), 0);
    Splices splices;
    splices.insert(0, " ");
    const auto stored = bundle->store(splices);
    ASSERT_FALSE(stored.has_value());
    EXPECT_EQ(stored.error().message, "cannot replace 'config.json': it is a folder");
    EXPECT_EQ(entries(), (std::vector<std::string>{".", "..", "config.json", "kept"}));
    EXPECT_EQ(read("kept"), "{\"old\":1}");
}

}  // namespace
}  // namespace aa::oci
