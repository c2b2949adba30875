// SPDX-License-Identifier: Apache-2.0
//
// Finding, checking and publishing with the real apparmor_parser where it is installed. There is no AppArmor kernel here:
// KERNEL is an empty directory. What loading does to a real one is tested on the test hosts.
#include "apparmor/load.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/source/parser_process.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> texts(const std::vector<Complaint>& complaints) {
    std::vector<std::string> result;
    result.reserve(complaints.size());
    for (const auto& complaint : complaints) result.push_back(complaint.text());
    return result;
}

Confinement confinement(const std::string& profile, std::uint32_t line = 3) {
    Confinement result;
    result.name = profile;
    result.profile = profile;
    result.ceiling = CapabilitySet();
    result.origin = {"web.json", line, 5};
    return result;
}

class Load : public ::testing::Test {
protected:
    Load() {
        std::string name = fs::temp_directory_path() / "aa-load-XXXXXX";
        root_ = ::mkdtemp(name.data());
        settings_.directories = {root_ + "/etc"};
        fs::create_directories(root_ + "/etc");
        catalog_.otherwise = Reject{"no"};
    }
    ~Load() override { fs::remove_all(root_); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    void SetUp() override {
        if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    }

    std::string write(const std::string& path, const std::string& text, mode_t mode = 0644) const {
        std::string full = root_ + "/" + path;
        fs::create_directories(fs::path(full).parent_path());
        std::ofstream(full) << text;
        EXPECT_EQ(::chmod(full.c_str(), mode), 0);
        return full;
    }

    // A parser that notes how it was called and then is the real one.
    void record_parser() {
        settings_.parser = write(
            "parser",
            "#!/bin/sh\necho \"$*\" >> " + root_ + "/calls\nenv > " + root_ + "/env\nexec " + Parser::find()->path() + " \"$@\"\n", 0755);
    }

    void want(const std::string& profile, std::uint32_t line = 3) { catalog_.confinements.push_back(confinement(profile, line)); }

    [[nodiscard]] std::vector<std::string> found() const {
        std::vector<std::string> result;
        const auto sources = find_profile_sources(catalog_, kernel_, settings_);
        if (!sources) return {"error: " + sources.error().message};
        for (const auto& source : *sources) {
            result.push_back(source.profile + "=" + (source.file.empty() ? "" : source.file.substr(root_.size() + 1)));
        }
        return result;
    }

    [[nodiscard]] std::vector<std::string> complaints() const {
        const auto sources = find_profile_sources(catalog_, kernel_, settings_);
        if (!sources) return {"error: " + sources.error().message};
        auto result = texts(check_profiles(catalog_, *sources, kernel_, settings_));
        for (auto& text : result) {
            for (std::size_t at = 0; (at = text.find(root_ + "/")) != std::string::npos;) text.erase(at, root_.size() + 1);
        }
        return result;
    }

    std::string root_;
    LoadSettings settings_;
    Catalog catalog_;
    Kernel kernel_{"/dev/null/securityfs", "/dev/null/module", "/proc"};
};

TEST(NamedProfiles, AreEachNamedOnceWithParentsAndComponents) {
    Catalog catalog;
    catalog.confinements.push_back(confinement("web", 3));
    catalog.confinements.push_back(confinement("base//&web", 10));
    ExecRule rule;
    rule.action = "db//backup//deep";
    rule.origin = {"web.json", 12, 9};
    catalog.confinements.back().exec_rules.push_back(rule);
    rule.action = ExecRule::Deny{"no"};
    catalog.confinements.back().exec_rules.push_back(rule);
    catalog.confinements.push_back(confinement("unused", 20));
    catalog.confinements.back().profile = Unconfined{};
    std::vector<std::string> names;
    for (const auto& named : named_profiles(catalog)) names.push_back(named.profile + " " + named.origin.text());
    EXPECT_THAT(names, ElementsAre("web web.json:3:5", "base web.json:10:5", "db web.json:12:9", "db//backup//deep web.json:12:9"));
}

TEST_F(Load, FindsProfilesByTheNameThatTheParserReports) {
    write("etc/sub/folder/x", "profile web /usr/bin/web flags=(attach_disconnected) { /x r, profile backup { /y r, } }\n");
    write("etc/quoted", "profile \"db\" { /x r, }\n");
    write("etc/path", "/usr/sbin/nginx { /x r, }\n");
    want("web//backup");
    want("db");
    want("/usr/sbin/nginx");
    want("docker-default");
    EXPECT_THAT(found(), ElementsAre("web=etc/sub/folder/x", "web//backup=etc/sub/folder/x", "db=etc/quoted", "/usr/sbin/nginx=etc/path",
                                     "docker-default="));
}

TEST_F(Load, FindsAProfileWhoseHeaderStandsInAnIncludedFile) {
    write("etc/local/header", "profile web { /x r, }\n");
    write("etc/uses", "include \"" + root_ + "/etc/local/header\"\n");
    want("web");
    EXPECT_THAT(found(), ElementsAre("web=etc/uses"));
}

TEST_F(Load, PassesOverSupportFoldersAndLeftOvers) {
    const std::string text = "profile web { /x r, }\n";
    for (const char* path : {"etc/abstractions/web", "etc/tunables/web", "etc/disable/web", "etc/.web", "etc/web.dpkg-new", "etc/web~"}) {
        write(path, text);
    }
    want("web");
    EXPECT_THAT(found(), ElementsAre("web="));
}

TEST_F(Load, AsksTheParserAboutFewFiles) {
    record_parser();
    for (int i = 0; i < 50; ++i) write("etc/other-" + std::to_string(i), "profile other-" + std::to_string(i) + " { /x r, }\n");
    write("etc/web", "profile web { /x r, }\n");
    want("web");
    want("docker-default");
    EXPECT_THAT(found(), ElementsAre("web=etc/web", "docker-default="));
    // One about the file that holds the name, one about the folder for the profile that no file mentions.
    EXPECT_EQ(read(root_ + "/calls"), "--names --quiet " + root_ + "/etc/web\n--names --quiet " + root_ + "/etc\n");
}

TEST_F(Load, GivesTheParserAnEnvironmentOfItsOwn) {
    record_parser();
    ASSERT_EQ(::setenv("LD_LIBRARY_PATH", "/tmp/evil", 1), 0);
    write("etc/web", "profile web { /x r, }\n");
    want("web");
    EXPECT_THAT(found(), ElementsAre("web=etc/web"));
    EXPECT_THAT(read(root_ + "/env"), Not(HasSubstr("evil")));
    EXPECT_THAT(read(root_ + "/env"), HasSubstr("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"));
    ::unsetenv("LD_LIBRARY_PATH");
}

TEST_F(Load, TwoFilesWithOneProfileAreAnError) {
    write("etc/a", "profile web { /x r, }\n");
    write("etc/b", "profile web { /y r, }\n");
    want("web", 7);
    EXPECT_THAT(found(), ElementsAre("error: web.json:7:5: profile 'web' is defined by two files, '" + root_ + "/etc/a' and '" + root_ +
                                     "/etc/b': whichever is loaded last would count; remove or rename one"));
}

TEST_F(Load, AFileThatOthersCanWriteIsAnError) {
    write("etc/web", "profile web { /x r, }\n", 0664);
    want("web");
    EXPECT_THAT(found(), ElementsAre("error: web.json:3:5: '" + root_ +
                                     "/etc/web' can be written by others: make it root's, "
                                     "writable by root alone (chown root, chmod go-w)"));
}

TEST_F(Load, TheCatalogsOwnDirectoriesComeFirst) {
    write("mine/web", "profile web { /x r, }\n");
    catalog_.profile_dirs = {root_ + "/mine", root_ + "/missing"};
    want("web");
    EXPECT_THAT(found(), ElementsAre("web=mine/web"));
}

TEST_F(Load, AMissingParserIsAnErrorThatSaysSo) {
    settings_.parser = root_ + "/no-parser";
    write("etc/web", "profile web { /x r, }\n");
    want("web");
    EXPECT_THAT(found(), ElementsAre("error: cannot run '" + root_ + "/no-parser': it does not exist"));
}

TEST_F(Load, GoodProfilesGetNoComplaint) {
    write("etc/web", "abi <abi/3.0>,\nprofile web flags=(attach_disconnected,mediate_deleted) { file, signal, }\n");
    want("web");
    EXPECT_THAT(complaints(), IsEmpty());
}

// Without a kernel to ask, others may load it only if the catalog says so.
TEST_F(Load, AProfileThatNoFileDefines) {
    want("docker-default");
    EXPECT_THAT(complaints(),
                ElementsAre(StartsWith("web.json:3:5: profile 'docker-default': no file in etc defines it, and there is no ")));
    catalog_.external_profiles = {"docker-default"};
    EXPECT_THAT(complaints(), IsEmpty());
}

// What the parser says of a profile stands at the profile's own line.
TEST_F(Load, QuotesTheParserAtItsPlace) {
    write("etc/web", "profile web {\n  /x r,\n  /y r,\n  deny /bin/** rmix,\n}\n");
    want("web");
    // "Invalid mode" with version 3, "Invalid perms" with 4 and 5.
    EXPECT_THAT(complaints(), ElementsAre(StartsWith("etc/web:4:1: apparmor_parser: Invalid ")));
}

TEST_F(Load, AFileThatOnlyMentionsAProfileMayBeBroken) {
    write("etc/other", "profile other {\n  signal peer=web,\n  # see profile-web and web\n");
    write("etc/web2", "profile web-2 {\n");
    want("web");
    EXPECT_THAT(complaints(), ElementsAre(StartsWith("web.json:3:5: profile 'web': no file in etc defines it, ")));
}

TEST_F(Load, ABrokenFileThatDeclaresAProfileIsAnError) {
    want("web");
    want("web//child");
    for (const char* header : {"profile web {", "  profile \"web\" {", "web {", "profile\tweb /usr/bin/web {"}) {
        write("etc/file", std::string(header) + "\n");
        EXPECT_THAT(complaints(), ElementsAre(StartsWith("etc/file:2:1: apparmor_parser: syntax error, "))) << header;
    }
}

TEST_F(Load, QuotesAParserThatNamesNoFile) {
    write("etc/good", "profile good { /x r, }\n");
    write("etc/web", "profile web { @{NOWHERE}/x r, }\n");
    want("good");
    want("web");
    EXPECT_THAT(complaints(), ElementsAre(AllOf(StartsWith("etc/web:1:1: apparmor_parser: "), HasSubstr("NOWHERE"))));
}

TEST_F(Load, SaysThatTheNameOfAFileDoesNotCount) {
    write("etc/my-apparmor-profile", "/usr/bin/python3 {\n  network inet stream,\n  /app/** rwk,\n}\n");
    want("my-apparmor-profile");
    EXPECT_THAT(complaints(),
                ElementsAre("web.json:3:5: profile 'my-apparmor-profile': no file in etc defines it",
                            "etc/my-apparmor-profile:1:1: the file 'etc/my-apparmor-profile' defines the profile '/usr/bin/python3', not "
                            "'my-apparmor-profile': the name of a file does not count; name the profile in it 'profile "
                            "my-apparmor-profile {'"));
}

TEST_F(Load, AFileWithoutAProfile) {
    write("etc/web", "# nothing yet\n");
    want("web");
    EXPECT_THAT(complaints(), ElementsAre("web.json:3:5: profile 'web': no file in etc defines it",
                                          "etc/web:1:1: the file 'etc/web' defines no profile, not 'web': the name of a file does not "
                                          "count; name the profile in it 'profile web {'"));
}

TEST_F(Load, AChildMustStandInItsParentsSource) {
    write("etc/web", "profile web { /x r, profile backup { /y r, } }\n");
    want("web//backupp", 9);
    want("web//nothing-like-it", 11);
    EXPECT_THAT(complaints(), ElementsAre("web.json:9:5: profile 'web' in 'etc/web' has no child 'backupp', did you mean 'web//backup'?",
                                          "web.json:11:5: profile 'web' in 'etc/web' has no child 'nothing-like-it'"));
}

TEST_F(Load, SuggestsANameThatExists) {
    write("etc/aa-shim-web", "profile aa-shim-web { /x r, }\n");
    write("etc/aa-shim-wbe", "profile something-else { /x r, }\n");
    want("aa-shim-wbe");
    EXPECT_THAT(complaints(),
                ElementsAre("web.json:3:5: profile 'aa-shim-wbe': no file in etc defines it, did you mean 'aa-shim-web'?",
                            StartsWith("etc/aa-shim-wbe:1:1: the file 'etc/aa-shim-wbe' defines the profile 'something-else', ")));
}

TEST_F(Load, PublishesAtomicallyIntoADirectoryOfItsOwn) {
    want("web");
    const std::string path = root_ + "/run/aa-shim/catalog";
    fs::create_directories(root_ + "/run");
    ASSERT_TRUE(publish_catalog(compile_catalog(catalog_), path));
    EXPECT_EQ(read(path), compile_catalog(catalog_));
    struct stat st {};
    ASSERT_EQ(::stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0644U);
    ASSERT_EQ(::stat((root_ + "/run/aa-shim").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0755U);
    // Again, over the old one; nothing else is left in the directory.
    want("db");
    ASSERT_TRUE(publish_catalog(compile_catalog(catalog_), path));
    EXPECT_EQ(read(path), compile_catalog(catalog_));
    EXPECT_EQ(std::distance(fs::directory_iterator(root_ + "/run/aa-shim"), fs::directory_iterator()), 1);
}

TEST_F(Load, PublishesNothingWhereOthersCanWrite) {
    want("web");
    fs::create_directories(root_ + "/run/aa-shim");
    ASSERT_EQ(::chmod((root_ + "/run/aa-shim").c_str(), 0777), 0);
    const auto published = publish_catalog(compile_catalog(catalog_), root_ + "/run/aa-shim/catalog");
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().message, "publish the catalog: '" + root_ +
                                             "/run/aa-shim' can be written by others: make it root's, writable by root alone "
                                             "(chown root, chmod go-w)");
    EXPECT_FALSE(fs::exists(root_ + "/run/aa-shim/catalog"));
}

TEST_F(Load, OneLoadAtATime) {
    fs::create_directories(root_ + "/run");
    auto lock = lock_for_load(root_ + "/run/aa-shim/catalog");
    ASSERT_TRUE(lock) << lock.error().message;
    struct stat st {};
    ASSERT_EQ(::stat((root_ + "/run/aa-shim/.load.lock").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0600U);
    const Fd other(::open((root_ + "/run/aa-shim/.load.lock").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), -1);
    lock->reset();
    EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
    EXPECT_EQ(::flock(other.get(), LOCK_UN), 0);
    EXPECT_TRUE(lock_for_load(root_ + "/run/aa-shim/catalog"));
}

TEST(ParserComplaints, AreReadFromTheParsersLines) {
    const CommandOutcome run{1, "",
                             "AppArmor parser error for /etc/a in profile /etc/apparmor.d/abstractions/base at line 12: syntax error\n"
                             "Profile web has too many specified profile transitions.\n"
                             "AppArmor parser error for b in profile c at line x: y\n"};
    EXPECT_THAT(texts(parser_complaints(run, "/etc/a")),
                ElementsAre("/etc/apparmor.d/abstractions/base:12:1: apparmor_parser: syntax error",
                            "/etc/a:1:1: apparmor_parser: Profile web has too many specified profile transitions.",
                            "/etc/a:1:1: apparmor_parser: AppArmor parser error for b in profile c at line x: y"));
    EXPECT_THAT(texts(parser_complaints({139, "", ""}, "f")),
                ElementsAre("f:1:1: apparmor_parser failed with exit code 139 and said nothing"));
}

}  // namespace
}  // namespace aa::apparmor
