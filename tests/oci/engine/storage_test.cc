// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/engine/engine.h"
#include "tests/oci/engine/records.h"

namespace aa::oci {
namespace {

using namespace test;

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

TEST_F(StorageRecords, TellWhatIsAnImage) {
    directory_.write("graph/overlay-images/images.json",
                     R"([{"id":"1","layer":"top"},{"layer":"other","mapped-layers":["mapped"],"x":{}}])");
    const std::string bundle = top() + "/graph/overlay-containers/" + kId + "/userdata";
    const EngineCall call{"/run/crun", bundle, kId};
    const auto is_in_image = [&](const std::string& path) { return *oci::is_in_image(Engine::podman, call, path); };
    for (const auto* layer : {"top", "other", "mapped"}) {
        EXPECT_TRUE(is_in_image(top() + "/graph/overlay/" + layer + "/merged")) << layer;
        EXPECT_TRUE(is_in_image(top() + "/graph/overlay/" + layer + "/merged/bin")) << layer;
    }
    for (const auto* path :
         {"/graph/overlay/container/merged", "/graph/overlay/top", "/graph/overlay/top/diff", "/graph/overlay/top/merged2",
          "/graph/overlay", "/graph/overlay/", "/graph/overlay//merged", "/graph/overlay2/top/merged", "/overlay/top/merged"}) {
        EXPECT_FALSE(is_in_image(top() + path)) << path;
    }
    EXPECT_FALSE(*oci::is_in_image(Engine::docker, call, top() + "/graph/overlay/top/merged"));
    EXPECT_FALSE(*oci::is_in_image(Engine::podman, {"/run/crun", "/b", kId}, top() + "/graph/overlay/top/merged"));
    for (const auto* list : {"[{\"layer\":1}]", "[", "{}"}) {
        directory_.write("graph/overlay-images/images.json", list);
        EXPECT_FALSE(oci::is_in_image(Engine::podman, call, top() + "/graph/overlay/top/merged")) << list;
    }
}

}  // namespace
}  // namespace aa::oci
