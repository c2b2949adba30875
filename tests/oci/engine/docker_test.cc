// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "oci/engine/engine.h"
#include "tests/oci/engine/records.h"

namespace aa::oci {
namespace {

using namespace test;

class DockerRecords : public Records {
protected:
    void write(const std::string& privileged = "false") const {
        directory_.write("containers/" + kId + "/config.v2.json", fixture("docker_config.v2.json", {{"@ID@", kId}}));
        directory_.write("containers/" + kId + "/hostconfig.json", fixture("docker_hostconfig.json", {{"@PRIVILEGED@", privileged}}));
    }
    [[nodiscard]] std::string record() const { return top() + "/containers/" + kId + "/config.v2.json"; }
    [[nodiscard]] std::string host_record() const { return top() + "/containers/" + kId + "/hostconfig.json"; }
    [[nodiscard]] Result<EngineFacts> read(const Config& config) const {
        return read_engine_facts(Engine::docker, {"/run/docker/runtime-runc/moby", "/run/x/moby/" + kId, kId}, config);
    }
    [[nodiscard]] Result<EngineFacts> read() const { return read(config_with({}, top() + "/overlay2/abc/merged")); }
    [[nodiscard]] std::string error() const {
        const auto facts = read();
        return facts ? "no error" : facts.error().message;
    }
};

TEST_F(DockerRecords, AreTheFacts) {
    write();
    const auto facts = read();
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->engine, Engine::docker);
    EXPECT_EQ(facts->container, "web-1");
    EXPECT_EQ(facts->image, "registry.example:5000/web/nginx:1.27");
    EXPECT_EQ(facts->labels, (StringMap{{"maintainer", "NGINX <docker@nginx.example>"}, {"tier", "frontend"}}));
    EXPECT_EQ(facts->privileged, false);
    EXPECT_EQ(facts->kubernetes_namespace, "");
    EXPECT_EQ(facts->pod, "");
    EXPECT_FALSE(facts->sandbox);
}

TEST_F(DockerRecords, TellWhatIsPrivileged) {
    write("true");
    const auto facts = read();
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->privileged, true);
}

TEST_F(DockerRecords, AnnotationsAndMountsAreNotAsked) {
    write();
    auto config = config_with(kForged, top() + "/overlay2/abc/merged");
    config.mounts.push_back({"/etc/hosts", "/elsewhere/volumes/v/_data/containers/" + kId + "/hosts", "bind"});
    const auto facts = read(config);
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->container, "web-1");
    EXPECT_EQ(facts->pod, "");
    EXPECT_FALSE(facts->sandbox);
}

TEST_F(DockerRecords, AreReadWithoutLabels) {
    write();
    for (const char* text :
         {R"({"ID":"@ID@","Name":"n","Config":{"Image":"i","Labels":null}})", R"({"ID":"@ID@","Name":"n","Config":{"Image":"i"}})"}) {
        std::string record = text;
        record.replace(record.find("@ID@"), 4, kId);
        directory_.write("containers/" + kId + "/config.v2.json", record);
        const auto facts = read();
        ASSERT_TRUE(facts) << facts.error().message;
        EXPECT_EQ(facts->container, "n");
        EXPECT_EQ(facts->image, "i");
        EXPECT_EQ(facts->labels, StringMap{});
    }
}

TEST_F(DockerRecords, ThatAreMissingAreNamed) {
    EXPECT_EQ(error(), "Docker's record of the container: cannot open '" + record() + "': it does not exist");
    write();
    ASSERT_EQ(::unlink(host_record().c_str()), 0);
    EXPECT_EQ(error(), "Docker's record of the container: cannot open '" + host_record() + "': it does not exist");
}

TEST_F(DockerRecords, OfAnotherContainerAreRefused) {
    write();
    directory_.write("containers/" + kId + "/config.v2.json", fixture("docker_config.v2.json", {{"@ID@", "other"}}));
    EXPECT_EQ(error(), "Docker's record of the container: '" + record() + "' is of container 'other', not of '" + kId + "'");
}

TEST_F(DockerRecords, ThatOthersCanWriteAreRefused) {
    const std::string refused = " can be written by others: make it root's, writable by root alone (chown root, chmod go-w)";
    write();
    ASSERT_EQ(::chmod(record().c_str(), 0620), 0);
    EXPECT_EQ(error(), "Docker's record of the container: '" + record() + "'" + refused);
    ASSERT_EQ(::chmod(record().c_str(), 0600), 0);
    ASSERT_EQ(::chmod((top() + "/containers").c_str(), 0777), 0);
    EXPECT_EQ(error(), "Docker's record of the container: '" + top() + "/containers'" + refused);
}

TEST_F(DockerRecords, AreNotReachedThroughALink) {
    write();
    ASSERT_EQ(::rename((top() + "/containers").c_str(), (top() + "/real").c_str()), 0);
    ASSERT_EQ(::symlink("real", (top() + "/containers").c_str()), 0);
    EXPECT_EQ(error(), "Docker's record of the container: '" + top() + "/containers' is a symbolic link, which is not followed: '" +
                           record() + "' must lie where only root can put it");
}

TEST_F(DockerRecords, ThatAreBrokenSayWhere) {
    write("null");
    EXPECT_EQ(error(), "Docker's record of the container: '" + host_record() + "': line 1, column 235: expected true or false, found null");
    directory_.write("containers/" + kId + "/config.v2.json", R"({"ID":)");
    EXPECT_EQ(error(),
              "Docker's record of the container: '" + record() + "': line 1, column 7: expected a string, found the end of the document");
}

TEST(DockerDataRoot, IsReadOffTheRootPath) {
    struct Case {
        std::string root_path;
        std::string data_root;
    };
    const std::array<Case, 16> cases{{
        {"/none/overlay2/abc/merged", "/none"},
        {"/none/100000.100000/overlay2/abc/merged", "/none/100000.100000"},
        {"/none/overlay2/docker/overlay2/abc/merged", "/none/overlay2/docker"},
        {"/none/fuse-overlayfs/abc/merged", "/none"},
        {"/none/overlay/abc/merged", "/none"},
        {"/none/vfs/dir/abc", "/none"},
        {"/none/btrfs/subvolumes/abc", "/none"},
        {"/none/zfs/graph/abc", "/none"},
        {"/none/aufs/mnt/abc", "/none"},
        {"/none/devicemapper/mnt/abc/rootfs", "/none"},
        {"/none/rootfs/overlayfs/ID", "/none"},
        {"/none/overlay2/../merged", "/var/lib/docker"},
        {"/none/overlay2/merged", "/var/lib/docker"},
        {"rootfs", "/var/lib/docker"},
        {"/run/containerd/io.containerd.runtime.v2.task/moby/ID/rootfs", "/var/lib/docker"},
        {"", "/var/lib/docker"},
    }};
    const std::string id = "aa-shim-test-no-such-container";
    for (const auto& c : cases) {
        const auto facts = read_engine_facts(Engine::docker, {"", "", id}, config_with({}, with_id(c.root_path, id)));
        ASSERT_FALSE(facts) << c.root_path;
        EXPECT_EQ(facts.error().message, "Docker's record of the container: cannot open '" + c.data_root + "/containers/" + id +
                                             "/config.v2.json': it does not exist");
    }
}

TEST_F(DockerRecords, TellWhichMountsAreImages) {
    directory_.write(
        "containers/" + kId + "/config.v2.json",
        R"({"ID":")" + kId + R"(","MountPoints":{"/i":{"Source":"/x","Type":"image"},"/v":{"Type":"volume"},"/b":{"Type":"bind"}}})");
    const auto config = config_with({}, top() + "/overlay2/abc/merged");
    const auto is_image = [&](std::string_view destination, const std::string& path) {
        return *is_image_mount(Engine::docker, {"", "", kId}, config, destination, path);
    };
    for (const auto* place : {"/overlay2/def/merged", "/rootfs/overlayfs/def", "/tmp/safe-mount1"}) {
        EXPECT_TRUE(is_image("/i", top() + place)) << place;
        EXPECT_FALSE(is_image("/v", top() + place)) << place;
        EXPECT_FALSE(is_image("/b", top() + place)) << place;
        EXPECT_FALSE(is_image("/other", top() + place)) << place;
        EXPECT_FALSE(is_image("/i", std::string("/elsewhere") + place)) << place;
    }
    EXPECT_FALSE(is_image("/i", "/etc"));
    EXPECT_FALSE(is_image("/i", top() + "/volumes/v/_data"));
}

TEST_F(DockerRecords, ThatAreMissingOrWrongShowNoImage) {
    const auto config = config_with({}, top() + "/overlay2/abc/merged");
    const EngineCall call{"", "", kId};
    EXPECT_EQ(*is_image_mount(Engine::docker, call, config, "/i", top() + "/overlay2/def/merged"), false);
    EXPECT_EQ(*is_image_mount(Engine::docker, call, config, "/i", "/etc"), false);
    directory_.write("containers/" + kId + "/config.v2.json", R"({"MountPoints":[]})");
    EXPECT_FALSE(is_image_mount(Engine::docker, call, config, "/i", top() + "/overlay2/def/merged"));
    EXPECT_EQ(*is_image_mount(Engine::podman, call, config, "/i", top() + "/overlay2/def/merged"), false);
}

}  // namespace
}  // namespace aa::oci
