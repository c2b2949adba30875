// SPDX-License-Identifier: Apache-2.0
#include "ctl/verify/recipe.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/text.h"

namespace aa::ctl::verify {
namespace {

class RecipeTest : public ::testing::Test {
protected:
    RecipeTest() : host_(open()) {}
    ~RecipeTest() override { (void)host_.remove_tree("/usr"), (void)host_.remove_tree("/var"), (void)::rmdir(root_.c_str()); }

    void program(const std::string& path) {
        (void)host_.make_directories(path.substr(0, path.rfind('/')));
        ASSERT_TRUE(host_.write(path, {"#!/bin/sh\n", 0, 0, 0755}));
    }
    Result<Recipe> recipe(const std::string& engine, bool by_default = false) {
        return recipe_for(host_, {engine, "/opt/aa-shim", by_default, "N"});
    }
    std::string start(const std::string& engine, bool by_default = false) {
        const auto found = recipe(engine, by_default);
        return found ? join(found->start, " ") : "error: " + found.error().message;
    }

private:
    Host open() {
        (void)::mkdtemp(root_.data());
        return *Host::open(root_);
    }
    std::string root_ = "/tmp/aa-recipe-XXXXXX";
    Host host_;
};

TEST_F(RecipeTest, DockerAndPodmanHaveTheRuntimeInDifferentPlaces) {
    program("/usr/bin/docker");
    program("/usr/local/bin/podman");
    const std::string rest = "--detach --rm --pull=never --network none --name N localhost/N:latest /aa-shimctl __wait";
    EXPECT_EQ(start("docker"), "/usr/bin/docker run --runtime aa-shim " + rest);
    EXPECT_EQ(start("docker", true), "/usr/bin/docker run " + rest);
    EXPECT_EQ(start("podman"), "/usr/local/bin/podman --runtime aa-shim run " + rest);
    EXPECT_EQ(start("podman", true), "/usr/local/bin/podman run " + rest);
}

TEST_F(RecipeTest, NodesAreAskedByCrictl) {
    program("/usr/local/bin/crictl");
    program("/usr/local/bin/k3s");
    program("/var/lib/rancher/rke2/bin/crictl");
    const struct {
        const char *engine, *program, *socket;
    } cases[] = {
        {"containerd", "/usr/local/bin/crictl", "/run/containerd/containerd.sock"},
        {"crio", "/usr/local/bin/crictl", "/run/crio/crio.sock"},
        {"k0s", "/usr/local/bin/crictl", "/run/k0s/containerd.sock"},
        {"k3s", "/usr/local/bin/k3s crictl", "/run/k3s/containerd/containerd.sock"},
        {"rke2", "/var/lib/rancher/rke2/bin/crictl", "/run/k3s/containerd/containerd.sock"},
    };
    for (const auto& c : cases) {
        const auto before = concat({c.program, " --runtime-endpoint unix://", c.socket, " --timeout 60s runp "});
        EXPECT_EQ(start(c.engine), before + "--runtime aa-shim /var/lib/aa-shim/N/sandbox.json");
        EXPECT_EQ(start(c.engine, true), before + "/var/lib/aa-shim/N/sandbox.json");
    }
}

TEST_F(RecipeTest, ContainerdIsAskedByCtrWhereThereIsNoCrictl) {
    program("/usr/bin/ctr");
    EXPECT_EQ(
        start("containerd"),
        "/usr/bin/ctr --address /run/containerd/containerd.sock --namespace N run --detach --null-io --rootfs --runc-binary /opt/aa-shim "
        "/var/lib/aa-shim/N/root N /aa-shimctl __wait");
}

TEST_F(RecipeTest, WithoutAProgramItSaysWhichOne) {
    const struct {
        const char *engine, *program;
    } cases[] = {{"docker", "docker"}, {"podman", "podman"}, {"containerd", "ctr"},
                 {"crio", "crictl"},   {"k3s", "crictl"},    {"k0s", "crictl"}};
    for (const auto& c : cases) {
        const auto found = recipe(c.engine);
        ASSERT_FALSE(found) << c.engine;
        EXPECT_EQ(found.error().kind, ErrorKind::not_found);
        EXPECT_EQ(found.error().message, concat({"not verified: there is no program '", c.program, "' to speak to ", c.engine,
                                                 " with: install it, and say the same again"}));
    }
}

}  // namespace
}  // namespace aa::ctl::verify
