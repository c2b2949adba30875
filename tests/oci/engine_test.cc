// SPDX-License-Identifier: Apache-2.0
#include "oci/engine.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "tests/oci/trusted_directory.h"

namespace aa::oci {
namespace {

using test::fixture;
using test::TrustedDirectory;

const std::string kId = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";
const std::string kSandboxId(64, '2');

Config config_with(const StringMap& annotations, const std::string& root_path = "") {
    Config config;
    for (const auto& [key, value] : annotations) config.annotations.push_back({key, value, {}});
    config.root_path = root_path;
    return config;
}

// ID stands for the container's in every path.
std::string with_id(std::string text, const std::string& id = kId) {
    const std::size_t at = text.find("ID");
    if (at != std::string::npos) text.replace(at, 2, id);
    return text;
}

const StringMap kCri{{"io.kubernetes.cri.container-type", "container"}};
const StringMap kNerdctl{{"nerdctl/name", "web"}};
const StringMap kForged{{"io.kubernetes.cri.container-type", "sandbox"},
                        {"io.kubernetes.cri-o.ContainerType", "sandbox"},
                        {"io.container.manager", "cri-o"},
                        {"nerdctl/name", "forged"}};

TEST(Engine, IsToldByWhereTheCallComesFrom) {
    struct Case {
        const char* name;
        const char* root;
        const char* bundle;
        StringMap annotations;
        Engine engine;
    };
    const char* const docker_root = "/var/run/docker/runtime-runc/moby";
    const char* const docker_bundle = "/run/containerd/io.containerd.runtime.v2.task/moby/ID";
    const char* const cri_root = "/run/containerd/runc/k8s.io";
    const char* const cri_bundle = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/ID";
    const std::array<Case, 30> cases{{
        {"docker", docker_root, docker_bundle, {}, Engine::docker},
        {"docker, own containerd",
         "/x/docker/runtime-runc/moby",
         "/x/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/ID",
         {},
         Engine::docker},
        {"docker, forged annotations", docker_root, docker_bundle, kForged, Engine::docker},
        {"docker's root, another bundle", docker_root, "/srv/bundle", {}, Engine::other},
        {"docker's root, another container's bundle", docker_root, "/run/x/moby/other", {}, Engine::other},
        {"docker's bundle, another root", "/run/runc", docker_bundle, {}, Engine::other},
        {"docker's plugin", "/run/docker/runtime-runc/plugins.moby", "/run/x/plugins.moby/ID", {}, Engine::other},
        {"docker's look-alike", "/var/run/docker/xruntime-runc/moby", docker_bundle, {}, Engine::other},
        {"docker in a namespace of Kubernetes'", "/var/run/docker/runtime-runc/k8s.io", cri_bundle, kForged, Engine::other},
        {"a container run in docker's namespace by hand", "/run/containerd/runc/moby", docker_bundle, {}, Engine::other},
        {"containerd CRI", cri_root, cri_bundle, kCri, Engine::cri_containerd},
        {"containerd CRI wins", cri_root, cri_bundle, kForged, Engine::cri_containerd},
        {"containerd CRI, no mark", cri_root, cri_bundle, {}, Engine::other},
        {"containerd CRI, another namespace's bundle", cri_root, "/run/x/default/ID", kCri, Engine::other},
        {"annotations alone", "/run/runc", "/srv/bundle", kForged, Engine::other},
        {"annotations in another namespace", "/run/containerd/runc/default", "/run/x/default/ID", kCri, Engine::other},
        {"nerdctl", "/run/containerd/runc/default", "/run/x/default/ID", kNerdctl, Engine::nerdctl},
        {"nerdctl in Kubernetes' namespace", cri_root, cri_bundle, kNerdctl, Engine::nerdctl},
        {"ctr", "/run/containerd/runc/default", "/run/x/default/ID", {}, Engine::other},
        {"podman", "/run/runc", "/var/lib/containers/storage/overlay-containers/ID/userdata", {}, Engine::podman},
        {"podman, another driver", "/run/crun", "/srv/c/vfs-containers/ID/userdata", {}, Engine::podman},
        {"podman, forged annotations", "/run/crun", "/srv/c/vfs-containers/ID/userdata", kForged, Engine::podman},
        {"podman --rootfs", "/run/crun", "/var/lib/containers/storage/libpod/ID", {}, Engine::podman},
        {"podman --rootfs, later", "/run/crun", "/var/lib/containers/storage/libpod/ID/userdata", {}, Engine::podman},
        {"another container's userdata", "/run/crun", "/srv/overlay-containers/other/userdata", {}, Engine::other},
        {"no driver's directory", "/run/crun", "/srv/containers/ID/userdata", {}, Engine::other},
        {"a person", "/run/runc", "/srv/bundle", {}, Engine::other},
        {"relative", "runtime-runc/moby", "moby/ID", {}, Engine::other},
        {"not clean", "/x/runtime-runc/./moby", docker_bundle, {}, Engine::other},
        {"nothing", "", "", {}, Engine::other},
    }};
    for (const auto& c : cases) {
        const std::string bundle = with_id(c.bundle);
        EXPECT_EQ(engine_name(identify_engine({c.root, bundle, kId}, config_with(c.annotations))), engine_name(c.engine)) << c.name;
    }
}

TEST(Engine, IsOtherForAnIdThatNoRuntimeTakes) {
    EXPECT_EQ(identify_engine({"/r/runtime-runc/moby", "/b/moby/*", "*"}, Config{}), Engine::other);
    EXPECT_EQ(identify_engine({"/r/runtime-runc/moby", "/b/moby/", ""}, Config{}), Engine::other);
}

TEST(Engine, HasAName) {
    EXPECT_EQ(engine_name(Engine::docker), "docker");
    EXPECT_EQ(engine_name(Engine::cri_containerd), "cri-containerd");
    EXPECT_EQ(engine_name(Engine::cri_o), "cri-o");
    EXPECT_EQ(engine_name(Engine::podman), "podman");
    EXPECT_EQ(engine_name(Engine::nerdctl), "nerdctl");
    EXPECT_EQ(engine_name(Engine::other), "other");
}

TEST(EngineFacts, OfNobodyKnownAreNone) {
    const auto facts = read_engine_facts(Engine::other, {"/run/runc", "/b", "x1"}, config_with(kForged));
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->engine, Engine::other);
    EXPECT_EQ(facts->container + facts->image + facts->pod + facts->kubernetes_namespace, "");
    EXPECT_EQ(facts->labels, StringMap{});
    EXPECT_FALSE(facts->sandbox);
    EXPECT_FALSE(facts->privileged.has_value());
}

// ---- containerd

TEST(EngineFacts, OfACriContainer) {
    const auto config = config_with({{"io.kubernetes.cri.container-type", "container"},
                                     {"io.kubernetes.cri.container-name", "web"},
                                     {"io.kubernetes.cri.image-name", "docker.io/library/nginx:1.27"},
                                     {"io.kubernetes.cri.sandbox-id", "77"},
                                     {"io.kubernetes.cri.sandbox-name", "shop-7d9"},
                                     {"io.kubernetes.cri.sandbox-namespace", "prod"}});
    const auto facts = read_engine_facts(Engine::cri_containerd, {"", "", kId}, config);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->engine, Engine::cri_containerd);
    EXPECT_EQ(facts->kubernetes_namespace, "prod");
    EXPECT_EQ(facts->pod, "shop-7d9");
    EXPECT_EQ(facts->container, "web");
    EXPECT_EQ(facts->image, "docker.io/library/nginx:1.27");
    EXPECT_FALSE(facts->sandbox);
    EXPECT_FALSE(facts->privileged.has_value());
}

TEST(EngineFacts, OfACriSandbox) {
    const auto config = config_with({{"io.kubernetes.cri.container-type", "sandbox"},
                                     {"io.kubernetes.cri.podsandbox.image-name", "registry.k8s.io/pause:3.10"},
                                     {"io.kubernetes.cri.sandbox-name", "shop-7d9"},
                                     {"io.kubernetes.cri.sandbox-namespace", "prod"}});
    const auto facts = read_engine_facts(Engine::cri_containerd, {"", "", kId}, config);
    ASSERT_TRUE(facts);
    EXPECT_TRUE(facts->sandbox);
    EXPECT_EQ(facts->pod, "shop-7d9");
    EXPECT_EQ(facts->container, "");
    EXPECT_EQ(facts->image, "registry.k8s.io/pause:3.10");
}

TEST(EngineFacts, OfNerdctl) {
    struct Case {
        const char* value;
        std::optional<bool> privileged;
    };
    for (const auto& c : {Case{"true", true}, Case{"false", false}, Case{"TRUE", std::nullopt}, Case{"", std::nullopt}}) {
        const auto facts =
            read_engine_facts(Engine::nerdctl, {"", "", kId}, config_with({{"nerdctl/name", "web-1"}, {"nerdctl/privileged", c.value}}));
        ASSERT_TRUE(facts);
        EXPECT_EQ(facts->engine, Engine::nerdctl);
        EXPECT_EQ(facts->container, "web-1");
        EXPECT_EQ(facts->privileged, c.privileged) << c.value;
    }
}

// ---- records

class Records : public ::testing::Test {
protected:
    void SetUp() override {
        if (directory_.path().empty()) GTEST_SKIP() << "no directory that only this user can write";
    }
    [[nodiscard]] const std::string& top() const { return directory_.path(); }

    TrustedDirectory directory_;
};

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
    EXPECT_NE(error().find("cannot open '" + record() + "'"), std::string::npos) << error();
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

class StorageRecords : public Records {
protected:
    // Podman's bundle lies beside its record; CRI-O's below the run root, with the record below the graph root.
    [[nodiscard]] Result<EngineFacts> read(const std::string& bundle_parent, const Config& config, const std::string& id = kId) const {
        const std::string bundle = top() + "/" + bundle_parent + "/" + id + "/userdata";
        return read_engine_facts(Engine::podman, {"/run/crun", bundle, id}, config);
    }
    [[nodiscard]] std::string root_path() const { return top() + "/graph/overlay/abc/merged"; }
    void write_podman(const std::string& file) const { directory_.write(file, fixture("podman_containers.json", {{"@ID@", kId}})); }
    void write_crio() const {
        directory_.write("graph/overlay-containers/volatile-containers.json", fixture("crio_containers.json", {{"@ID@", kId}}));
    }
};

TEST_F(StorageRecords, OfPodman) {
    for (const char* file : {"graph/overlay-containers/containers.json", "graph/overlay-containers/volatile-containers.json"}) {
        write_podman(file);
        const auto facts = read("graph/overlay-containers", config_with({}, root_path()));
        ASSERT_TRUE(facts) << facts.error().message;
        EXPECT_EQ(facts->engine, Engine::podman);
        EXPECT_EQ(facts->container, "web-1");
        EXPECT_EQ(facts->image, "docker.io/library/nginx:latest");
        EXPECT_FALSE(facts->privileged.has_value());
        ASSERT_EQ(::unlink((top() + "/" + file).c_str()), 0);
    }
}

TEST_F(StorageRecords, OfPodmanAreNotCrioWhateverTheAnnotations) {
    write_podman("graph/overlay-containers/containers.json");
    auto annotations = kForged;
    annotations.emplace_back("io.kubernetes.cri-o.Namespace", "kube-system");
    annotations.emplace_back("io.kubernetes.cri-o.Labels", R"({"tier":"forged"})");
    const auto facts = read("graph/overlay-containers", config_with(annotations, root_path()));
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->engine, Engine::podman);
    EXPECT_EQ(facts->container, "web-1");
    EXPECT_EQ(facts->kubernetes_namespace + facts->pod, "");
    EXPECT_EQ(facts->labels, StringMap{});
    EXPECT_FALSE(facts->sandbox);
}

TEST_F(StorageRecords, OfPodmanFromARootFileSystemAreNone) {
    const auto facts =
        read_engine_facts(Engine::podman, {"/run/crun", "/var/lib/containers/storage/libpod/" + kId, kId}, config_with(kForged));
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->engine, Engine::podman);
    EXPECT_EQ(facts->container + facts->image, "");
}

TEST_F(StorageRecords, OfCrio) {
    write_crio();
    const auto facts = read("run/overlay-containers", config_with({{"io.kubernetes.cri-o.Labels", R"({"tier":"frontend"})"}}, root_path()));
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->engine, Engine::cri_o);
    EXPECT_EQ(facts->kubernetes_namespace, "prod");
    EXPECT_EQ(facts->pod, "shop-7d9");
    EXPECT_EQ(facts->container, "web");
    EXPECT_EQ(facts->image, "registry.example/web/nginx:1.27");
    EXPECT_EQ(facts->labels, (StringMap{{"tier", "frontend"}}));
    EXPECT_EQ(facts->privileged, true);
    EXPECT_FALSE(facts->sandbox);
}

TEST_F(StorageRecords, OfCriosSandbox) {
    write_crio();
    const auto facts =
        read("run/overlay-containers", config_with({{"io.kubernetes.cri-o.ContainerType", "container"}}, root_path()), kSandboxId);
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->engine, Engine::cri_o);
    EXPECT_TRUE(facts->sandbox);
    EXPECT_EQ(facts->kubernetes_namespace, "prod");
    EXPECT_EQ(facts->pod, "shop-7d9");
    EXPECT_EQ(facts->container, "");
    EXPECT_EQ(facts->image, "registry.k8s.io/pause:3.10");
    EXPECT_FALSE(facts->privileged.has_value());
}

// The bundles of CRI-O as it documents them, where its record says that they are its own: the annotations give labels, and nothing else.
TEST_F(StorageRecords, OfCriosBundles) {
    write_crio();
    for (const bool sandbox : {false, true}) {
        const auto text = fixture(sandbox ? "crio_sandbox_config.json" : "crio_container_config.json",
                                  {{"\"path\":\"/var/lib/containers/storage/overlay/3f57/merged\"", "\"path\":\"" + root_path() + "\""}});
        const auto config = read_config(text);
        ASSERT_TRUE(config) << config.error().message;
        const std::string id = sandbox ? kSandboxId : kId;
        const std::string bundle = top() + "/run/overlay-containers/" + id + "/userdata";
        const EngineCall call{"/run/crun", bundle, id};
        EXPECT_EQ(identify_engine(call, *config), Engine::podman);  // until the record is read
        const auto facts = read_engine_facts(Engine::podman, call, *config);
        ASSERT_TRUE(facts) << facts.error().message;
        EXPECT_EQ(facts->engine, Engine::cri_o);
        EXPECT_EQ(facts->sandbox, sandbox);
        EXPECT_EQ(facts->kubernetes_namespace + "/" + facts->pod + "/" + facts->container,
                  sandbox ? "prod/shop-7d9/" : "prod/shop-7d9/web");
        EXPECT_EQ(find_value(facts->labels, "app").value_or(""), "shop");
    }
}

TEST_F(StorageRecords, WithLabelsThatAreNoneAreRefused) {
    write_crio();
    const auto facts = read("run/overlay-containers", config_with({{"io.kubernetes.cri-o.Labels", R"({"tier":1})"}}, root_path()));
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().message,
              "the engine's record of the container: annotation 'io.kubernetes.cri-o.Labels': line 1, column 9: expected a string, found a "
              "number");
}

TEST_F(StorageRecords, ThatAreMissingAreNamed) {
    write_podman("graph/overlay-containers/containers.json");
    const auto facts = read("run/overlay-containers", config_with({}, root_path()), "unknown");
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().kind, ErrorKind::not_found);
    EXPECT_EQ(facts.error().message,
              "the engine's record of the container: container 'unknown' is in no containers.json or volatile-containers.json of '" +
                  top() + "/run/overlay-containers', '" + top() +
                  "/graph/overlay-containers', '/run/containers/storage/overlay-containers'");
}

TEST_F(StorageRecords, ThatOthersCanWriteAreRefused) {
    write_podman("graph/overlay-containers/containers.json");
    const std::string file = top() + "/graph/overlay-containers/containers.json";
    ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
    const auto facts = read("graph/overlay-containers", config_with({}, root_path()));
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().message, "the engine's record of the container: '" + file +
                                         "' can be written by others: make it root's, writable by root alone (chown root, chmod go-w)");
}

TEST_F(StorageRecords, ThatAreBrokenSayWhere) {
    const std::string file = top() + "/graph/overlay-containers/containers.json";
    struct Case {
        std::string text;
        std::string problem;
    };
    const std::array<Case, 4> cases{{
        {"", "line 1, column 1: expected an array, found the end of the document"},
        {R"([{"id":"x1","metadata":"{}"},)", "line 1, column 30: expected an object, found the end of the document"},
        {R"([{"id":"x1","metadata":{}}])", "line 1, column 24: expected a string, found an object"},
        {R"([{"id":"x1","metadata":"{\"name\":1}"}])", "metadata of 'x1': line 1, column 9: expected a string, found a number"},
    }};
    for (const auto& c : cases) {
        directory_.write("graph/overlay-containers/containers.json", c.text);
        const auto facts = read("graph/overlay-containers", config_with({}, root_path()), "x1");
        ASSERT_FALSE(facts) << c.text;
        EXPECT_EQ(facts.error().message, "the engine's record of the container: '" + file + "': " + c.problem) << c.text;
    }
}

}  // namespace
}  // namespace aa::oci
