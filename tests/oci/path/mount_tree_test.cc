// SPDX-License-Identifier: Apache-2.0
//
// Programs in a container whose mounts are still to be made.
#include "oci/path/mount_tree.h"

#include <gtest/gtest.h>

#include "oci/bundle/bundle.h"
#include "oci/path/container_path.h"
#include "tests/oci/tree.h"

namespace aa::oci {
namespace {

class MountTreeTest : public testing::Test {
protected:
    void SetUp() override {
        for (const char* path :
             {"rootfs/bin/app", "rootfs/covered/old", "rootfs/hidden/app", "vol/app", "vol/sub/tool", "vol/nested/old", "other/app"}) {
            tree_.add_file(path);
        }
        tree_.add_file("init/docker-init");
        tree_.add_file("init/busybox");
        tree_.add_link("init/link", "docker-init");
        tree_.add_link("init/false", "busybox");
        tree_.add_link("vol/link", "/bin/app");
        tree_.add_link("vol/up", "../../../vol/app");
        tree_.add_link("rootfs/tolink", "/real");
        tree_.add_link("rootfs/bin/indirect", "/volume/sub/../app");
        tree_.add_link("vol-link", "vol");
    }

    [[nodiscard]] std::string host(const std::string& path) const { return tree_.bundle() + "/" + path; }
    [[nodiscard]] Mount bind(std::string destination, const std::string& source) const {
        return {.destination = std::move(destination), .source = host(source), .type = "bind", .recursive = true};
    }

    [[nodiscard]] Result<ProgramFile> find(const std::vector<Mount>& mounts, std::string_view word, std::string path = "/bin") const {
        ProcessSpec spec;
        spec.cwd = "/";
        spec.path = std::move(path);
        spec.path_present = true;
        const auto root = ContainerRoot::of_bundle(tree_.bundle(), "rootfs", mounts);
        if (!root) return root.error();
        return root->find_program(word, spec);
    }

    // "PATH from FILE OF THE HOST", or the message.
    [[nodiscard]] std::string shown(const std::vector<Mount>& mounts, std::string_view word, const std::string& path = "/bin") const {
        const auto program = find(mounts, word, path);
        if (!program) return program.error().message;
        const std::string& from = program->host_path;
        return program->path + (from.empty() ? "" : " from " + from.substr(from.find(tree_.bundle()) == 0 ? tree_.bundle().size() + 1 : 0));
    }

    const Tree tree_;
};

TEST_F(MountTreeTest, BindMountsLeadToTheirSources) {
    const std::vector<Mount> mounts{
        {.destination = "/proc", .source = "proc", .type = "proc"},
        {.destination = "/dev", .source = "tmpfs", .type = "tmpfs"},
        {.destination = "/dev/pts", .source = "devpts", .type = "devpts"},
        {.destination = "/tmp", .source = "tmpfs", .type = "tmpfs"},
        bind("/volume", "vol"),
        bind("/volume/nested", "other"),
        bind("/covered", "vol"),
        bind("/file/app", "vol/app"),
        bind("/tolink/inner", "vol"),
        bind("/made/by/runtime", "vol-link"),
        bind("/hidden/inner", "vol"),
        bind("/hidden", "other"),
        bind("/tmp/deep", "vol"),
        bind("/dev/init", "vol/app"),
        {.destination = "/relative", .source = "vol", .type = "bind"},
        {.destination = "/again", .source = "tmpfs", .type = "tmpfs"},
        bind("/again", "vol"),
        {.destination = "/covered-by-copy", .source = "tmpfs", .type = "tmpfs", .copy_up = true},
        {.destination = "/bin", .source = "tmpfs", .type = "tmpfs", .copy_up = true},
    };
    const std::string unknown = " is cannot be told: what the runtime will put into ";
    const std::pair<const char*, std::string> cases[] = {
        {"/bin/app", "/bin/app"},
        {"app", "/bin/app"},
        {"/volume/app", "/volume/app from vol/app"},
        {"/volume/sub/tool", "/volume/sub/tool from vol/sub/tool"},
        {"/volume/nested/app", "/volume/nested/app from other/app"},
        {"/volume/nested/../app", "/volume/app from vol/app"},
        {"/volume/nested/old", "cannot find '/volume/nested/old': it does not exist"},
        {"/volume/link", "/bin/app"},  // in the container's tree
        {"/volume/up", "cannot find '/volume/up': it does not exist"},
        {"/bin/indirect", "/volume/app from vol/app"},
        {"/covered/app", "/covered/app from vol/app"},
        {"/covered/old", "cannot find '/covered/old': it does not exist"},
        {"/file/app", "/file/app from vol/app"},
        {"/file/other", "cannot find '/file/other': it does not exist"},
        {"/real/inner/app", "/real/inner/app from vol/app"},
        {"/tolink/inner/app", "/real/inner/app from vol/app"},
        {"/made/by/runtime/app", "/made/by/runtime/app from vol-link/app"},
        {"/made/app", "cannot find '/made/app': it does not exist"},
        {"/made/by/../by/runtime/app", "/made/by/runtime/app from vol-link/app"},
        {"/hidden/app", "/hidden/app from other/app"},
        {"/hidden/inner/app", "cannot find '/hidden/inner/app': it does not exist"},
        {"/tmp/app", "cannot find '/tmp/app': it does not exist"},
        {"/tmp/deep/app", "/tmp/deep/app from vol/app"},
        {"/again/app", "/again/app from vol/app"},
        {"/relative/app", "/relative/app from vol/app"},
        {"/dev/init", "/dev/init from vol/app"},
        {"/dev/fd/3", "which file '/dev/fd/3'" + unknown + "'/dev' is not known before it has done so"},
        {"/proc/self/exe", "which file '/proc/self/exe'" + unknown + "'/proc' is not known before it has done so"},
        {"/dev/pts/0", "which file '/dev/pts/0'" + unknown + "'/dev/pts' is not known before it has done so"},
        {"/proc/../bin/app", "/bin/app"},
    };
    for (const auto& [word, expected] : cases) EXPECT_EQ(shown(mounts, word), expected) << word;
}

TEST_F(MountTreeTest, TellsWhatItCannotKnow) {
    std::vector<Mount> remapped{bind("/volume", "vol")};
    remapped[0].remapped = true;
    EXPECT_EQ(shown(remapped, "/volume/app"),
              "which file '/volume/app' is cannot be told: it lies in a mount with id mappings of its own, so its owner is not known");
    EXPECT_EQ(shown({bind("/", "vol")}, "/bin/app"),
              "which file '/bin/app' is cannot be told: something is mounted over the root directory");
    EXPECT_EQ(shown({bind("/volume", "nosuch")}, "/volume/app"),
              "the mount at '/volume': cannot open '" + host("nosuch") + "': it does not exist");
    EXPECT_EQ(shown({{.destination = "/net", .source = "server:/", .type = "nfs"}}, "/net/app"),
              "which file '/net/app' is cannot be told: what the runtime will put into '/net' is not known before it has done so");
}

// What cannot be opened is only missed by who needs it.
TEST_F(MountTreeTest, OpensNoSourceInVain) { EXPECT_EQ(shown({bind("/volume", "nosuch")}, "/bin/app"), "/bin/app"); }

TEST_F(MountTreeTest, PassesOverNoexecMounts) {
    std::vector<Mount> mounts{bind("/volume", "vol")};
    EXPECT_EQ(shown(mounts, "app", "/volume:/bin"), "/volume/app from vol/app");
    mounts[0].noexec = true;
    EXPECT_EQ(shown(mounts, "app", "/volume:/bin"), "/bin/app");
}

TEST_F(MountTreeTest, RecognisesTheEnginesInit) {
    struct Case {
        const char* destination;
        const char* source;
        mode_t mode;
        bool expected;
    };
    const Case cases[] = {
        {"/sbin/docker-init", "init/docker-init", 0755, true},  {"/run/podman-init", "init/docker-init", 0755, true},
        {"/dev/init", "init/docker-init", 0755, true},          {"/sbin/tini", "init/docker-init", 0555, true},
        {"/sbin/docker-init", "init/docker-init", 0775, false}, {"/sbin/docker-init", "init/docker-init", 0757, false},
        {"/sbin/other-init", "init/docker-init", 0755, false},  {"/sbin/docker-init", "init/busybox", 0755, false},
        {"/sbin/docker-init", "init/link", 0755, true},         {"/sbin/docker-init", "init/false", 0755, false},
    };
    const std::string folder = host("init/");
    const std::array<std::string_view, 2> folders{"/nowhere/", folder};

    for (const auto& c : cases) {
        ASSERT_EQ(::chmod(host(c.source).c_str(), c.mode), 0);
        const std::vector<Mount> mounts{bind(c.destination, c.source)};
        const auto program = find(mounts, c.destination);
        ASSERT_TRUE(program.has_value()) << program.error().message;
        EXPECT_EQ(is_engine_init(*program, folders), c.expected) << c.destination << " " << c.mode;
    }
    // One that lies where a container may have put it, the image's own, and one in a volume.
    ASSERT_EQ(::chmod(host("init/docker-init").c_str(), 0755), 0);
    const std::vector<Mount> elsewhere{bind("/sbin/docker-init", "init/docker-init")};
    EXPECT_TRUE(is_engine_init(*find(elsewhere, "/sbin/docker-init"), folders));
    EXPECT_FALSE(is_engine_init(*find(elsewhere, "/sbin/docker-init")));
    tree_.add_file("rootfs/sbin/docker-init");
    EXPECT_FALSE(is_engine_init(*find({}, "/sbin/docker-init"), folders));
    const std::vector<Mount> volume{bind("/sbin", "init")};
    EXPECT_FALSE(is_engine_init(*find(volume, "/sbin/docker-init"), folders));
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chmod(host("init/docker-init").c_str(), 0755), 0);
    ASSERT_EQ(::chown(host("init/docker-init").c_str(), 4242, 0), 0);
    const std::vector<Mount> foreign{bind("/sbin/docker-init", "init/docker-init")};
    EXPECT_FALSE(is_engine_init(*find(foreign, "/sbin/docker-init")));
}

TEST(MountOptions, AreReadFromConfig) {
    const auto config = read_config(R"({"process":{},"mounts":[
        {"destination":"/a","type":"bind","options":["rbind","ro"]},{"destination":"/b","options":["nosuid","bind","noexec"]},
        {"destination":"/c","type":"tmpfs","options":["tmpcopyup"]},{"destination":"/d","type":"bind","options":null},
        {"destination":"/e","type":"none","options":[],"uidMappings":[{}],"gidMappings":null}]})");
    ASSERT_TRUE(config.has_value()) << config.error().message;
    const auto flags = [&config](std::size_t i) {
        const Mount& m = config->mounts.at(i);
        return std::string(m.is_bind() ? "b" : "") + (m.recursive ? "r" : "") + (m.noexec ? "x" : "") + (m.copy_up ? "c" : "") +
               (m.remapped ? "i" : "");
    };
    EXPECT_EQ(flags(0), "br");
    EXPECT_EQ(flags(1), "bx");
    EXPECT_EQ(flags(2), "c");
    EXPECT_EQ(flags(3), "b");
    EXPECT_EQ(flags(4), "i");
    EXPECT_EQ(read_config(R"({"process":{},"mounts":[{"options":[7]}]})").error().message,
              "line 1, column 37: expected a string, found a number");
}

}  // namespace
}  // namespace aa::oci
