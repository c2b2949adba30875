// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/plan/apply.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "ctl/install/engine/engines.h"

namespace aa::ctl::install {
namespace {

namespace fs = std::filesystem;

const auto kFine = [] { return Result<void>(); };

class ApplyTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "aa-install-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        for (const std::string program :
             {"usr/bin/aa-shim", "usr/bin/dockerd", "usr/bin/containerd", "usr/bin/crio", "usr/bin/podman", "usr/sbin/runc"}) {
            put("/" + program, program);
            fs::permissions(root_ / program, fs::perms::owner_all);
        }
    }
    void TearDown() override { fs::remove_all(root_); }

    void put(const std::string& path, const std::string& text) const {
        fs::create_directories((root_ / path.substr(1)).parent_path());
        std::ofstream(root_ / path.substr(1)) << text;
    }
    [[nodiscard]] std::string get(const std::string& path) const {
        std::stringstream text;
        text << std::ifstream(root_ / path.substr(1)).rdbuf();
        return text.str();
    }
    // Everything below the root: path → contents, or the target of a link.
    [[nodiscard]] std::map<std::string, std::string> tree() const {
        std::map<std::string, std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator(root_)) {
            const auto name = entry.path().lexically_relative(root_).string();
            if (entry.is_symlink()) {
                found[name] = "-> " + fs::read_symlink(entry.path()).string();
            } else {
                found[name] = entry.is_directory() ? "directory" : get("/" + name);
            }
        }
        return found;
    }
    [[nodiscard]] Host host() const { return *Host::open(root_.string()); }

    static Result<Plan> plan_install(const Host& host, const Engine& engine, const Wanted& wanted) {
        auto draft = TRY(Draft::begin(host, std::string(engine.name)));
        TRY(engine.want(draft, wanted));
        return draft.finish();
    }
    static Result<Plan> plan_uninstall(const Host& host, const Engine& engine) {
        auto draft = TRY(Draft::begin(host, std::string(engine.name)));
        TRY(engine.forget(draft));
        return draft.finish();
    }
    [[nodiscard]] std::string install(const Engine& engine, const Wanted& wanted = {}) const {
        const auto at = host();
        const auto plan = plan_install(at, engine, wanted);
        if (!plan) return plan.error().message;
        const auto applied = apply(at, *plan, kFine);
        return applied ? "" : applied.error().message;
    }
    [[nodiscard]] std::string uninstall(const Engine& engine) const {
        const auto at = host();
        const auto plan = plan_uninstall(at, engine);
        if (!plan) return plan.error().message;
        const auto applied = apply(at, *plan, kFine);
        return applied ? "" : applied.error().message;
    }

    fs::path root_;
};

constexpr const char* kDaemonJson = "/etc/docker/daemon.json";

TEST_F(ApplyTest, JudgingChangesNothing) {
    put(kDaemonJson, "{\"a\": 1}");
    const auto before = tree();
    const auto plan = plan_install(host(), kDocker, {"/usr/bin/aa-shim", {"web"}, true, false});
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_TRUE(plan->changes());
    EXPECT_EQ(tree(), before);
}

TEST_F(ApplyTest, InstallAndUninstallLeaveWhatWasThere) {
    put(kDaemonJson, "{ \"a\" : 1 }");
    fs::permissions(root_ / "etc/docker/daemon.json", fs::perms::owner_read | fs::perms::owner_write);
    const auto before = tree();
    ASSERT_EQ(install(kDocker, {"/usr/bin/aa-shim", {"web", "db"}, true, false}), "");
    EXPECT_EQ(fs::status(root_ / "etc/docker/daemon.json").permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const auto installed = tree();
    EXPECT_EQ(installed.at("usr/bin/aa-shim-web"), "-> aa-shim");
    EXPECT_EQ(installed.at("var/lib/aa-shim/install/docker/etc-docker-daemon.json"), "{ \"a\" : 1 }");
    ASSERT_EQ(install(kDocker, {"/usr/bin/aa-shim", {"web", "db"}, true, false}), "");
    EXPECT_EQ(tree(), installed);
    ASSERT_EQ(install(kDocker, {"/usr/bin/aa-shim", {"web"}, false, false}), "");
    EXPECT_EQ(tree().count("usr/bin/aa-shim-db"), 0U);
    ASSERT_EQ(uninstall(kDocker), "");
    EXPECT_EQ(tree(), before);
}

TEST_F(ApplyTest, WhatOthersChangedMeanwhileStays) {
    put(kDaemonJson, "{\n  \"a\": 1\n}\n");
    ASSERT_EQ(install(kDocker), "");
    auto text = get(kDaemonJson);
    text.replace(text.find("\"a\": 1"), 6, "\"a\": 2, \"b\": 3");
    put(kDaemonJson, text);
    ASSERT_EQ(install(kDocker, {"/usr/bin/aa-shim", {"web"}, false, false}), "");
    EXPECT_NE(get(kDaemonJson).find("aa-shim-web"), std::string::npos);
    ASSERT_EQ(uninstall(kDocker), "");
    EXPECT_EQ(get(kDaemonJson), "{\n  \"a\": 2, \"b\": 3\n}\n");
    EXPECT_FALSE(fs::exists(root_ / "var/lib/aa-shim"));
}

TEST_F(ApplyTest, AFileThatWeMadeAndOthersUseStaysWithTheirPart) {
    ASSERT_EQ(install(kPodman), "");
    const std::string path = "/etc/containers/containers.conf.d/50-aa-shim.conf";
    put(path, get(path) + "[containers]\nlog_driver = \"journald\"\n");
    ASSERT_EQ(uninstall(kPodman), "");
    EXPECT_EQ(get(path), "[containers]\nlog_driver = \"journald\"\n");
}

TEST_F(ApplyTest, WithoutItsRecordItIsFoundByItsForm) {
    put(kDaemonJson, "{\n  \"a\": 1\n}\n");
    put("/etc/containerd/config.toml", "version = 2");
    ASSERT_EQ(install(kDocker, {"/usr/bin/aa-shim", {}, true, false}), "");
    ASSERT_EQ(install(kContainerd, {"/usr/bin/aa-shim", {}, true, false}), "");
    ASSERT_EQ(install(kCrio), "");
    fs::remove_all(root_ / "var/lib/aa-shim/install");
    for (const auto* engine : {&kDocker, &kContainerd, &kCrio}) ASSERT_EQ(uninstall(*engine), "") << engine->name;
    EXPECT_EQ(get(kDaemonJson), "{\n  \"a\": 1\n}\n");
    EXPECT_EQ(get("/etc/containerd/config.toml"), "version = 2");
    EXPECT_FALSE(fs::exists(root_ / "etc/crio/crio.conf.d/50-aa-shim.conf"));
}

TEST_F(ApplyTest, WhatTheEngineRefusesIsUndone) {
    put(kDaemonJson, "{\"a\": 1}");
    const auto before = tree();
    const auto at = host();
    const auto plan = plan_install(at, kDocker, {"/usr/bin/aa-shim", {"web"}, true, false});
    ASSERT_TRUE(plan);
    const auto applied = apply(at, *plan, [] { return Result<void>(Error{ErrorKind::config, "dockerd says no"}); });
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().message, "dockerd says no; everything is as it was before");
    EXPECT_EQ(tree(), before);
}

TEST_F(ApplyTest, AnUpdateThatFailsLeavesTheEarlierInstall) {
    put(kDaemonJson, "{\"a\": 1}");
    ASSERT_EQ(install(kDocker), "");
    const auto installed = tree();
    const auto at = host();
    const auto plan = plan_install(at, kDocker, {"/usr/bin/aa-shim", {"web"}, true, false});
    ASSERT_TRUE(plan);
    ASSERT_FALSE(apply(at, *plan, [] { return Result<void>(Error{ErrorKind::config, "no"}); }));
    EXPECT_EQ(tree(), installed);
    ASSERT_EQ(uninstall(kDocker), "");
    EXPECT_EQ(get(kDaemonJson), "{\"a\": 1}");
}

TEST_F(ApplyTest, TwoEnginesShareALinkUntilTheLastGoes) {
    put("/etc/containerd/config.toml", "version = 2\n");
    const auto before = tree();
    const Wanted web{"/usr/bin/aa-shim", {"web"}, false, false};
    ASSERT_EQ(install(kDocker, web), "");
    ASSERT_EQ(install(kContainerd, web), "");
    ASSERT_EQ(uninstall(kDocker), "");
    EXPECT_EQ(tree().at("usr/bin/aa-shim-web"), "-> aa-shim");
    ASSERT_EQ(uninstall(kContainerd), "");
    EXPECT_EQ(tree(), before);
}

TEST_F(ApplyTest, ALinkThatWasThereStays) {
    fs::create_symlink("aa-shim", root_ / "usr/bin/aa-shim-web");
    const auto before = tree();
    ASSERT_EQ(install(kDocker, {"/usr/bin/aa-shim", {"web"}, false, false}), "");
    ASSERT_EQ(uninstall(kDocker), "");
    EXPECT_EQ(tree(), before);
}

TEST_F(ApplyTest, WhatIsInTheWayIsRefusedAndNothingChanges) {
    put(kDaemonJson, "{}");
    fs::create_symlink("/bin/sh", root_ / "usr/bin/aa-shim-web");
    put("/usr/bin/aa-shim-db", "a program");
    const auto before = tree();
    EXPECT_EQ(install(kDocker, {"/usr/bin/aa-shim", {"web"}, false, false}),
              "'" + root_.string() + "/usr/bin/aa-shim-web' leads to '/bin/sh', not to 'aa-shim': remove it first");
    EXPECT_EQ(install(kDocker, {"/usr/bin/aa-shim", {"db"}, false, false}),
              "'" + root_.string() + "/usr/bin/aa-shim-db' is there and is no symbolic link: it is not ours");
    EXPECT_EQ(tree(), before);
}

TEST_F(ApplyTest, ASymbolicLinkIsNotChangedAndNotFollowedOutside) {
    put("/srv/daemon.json", "{}");
    fs::create_directories(root_ / "etc/docker");
    fs::create_symlink("/srv/daemon.json", root_ / "etc/docker/daemon.json");
    const auto before = tree();
    EXPECT_NE(install(kDocker).find("is a symbolic link to '/srv/daemon.json'"), std::string::npos);
    EXPECT_EQ(tree(), before);
    // A directory on the way may be a link; it stays below the root.
    fs::remove_all(root_ / "etc/docker");
    fs::create_directories(root_ / "srv/docker");
    fs::create_symlink("/srv/docker", root_ / "etc/docker");
    ASSERT_EQ(install(kDocker), "");
    EXPECT_TRUE(fs::exists(root_ / "srv/docker/daemon.json"));
}

TEST_F(ApplyTest, ARecordThatCannotBeReadIsRefused) {
    put(kDaemonJson, "{\"a\": 1}");
    ASSERT_EQ(install(kDocker), "");
    for (const auto* text : {"", "{", "[]", "{\"version\":2,\"engine\":\"docker\"}", "{\"version\":1,\"engine\":\"crio\"}"}) {
        put("/var/lib/aa-shim/install/docker/record.json", text);
        const auto before = tree();
        EXPECT_NE(uninstall(kDocker).find("cannot be used"), std::string::npos) << text;
        EXPECT_EQ(tree(), before);
    }
}

TEST_F(ApplyTest, OneAtATime) {
    const auto first = host().lock();
    ASSERT_TRUE(first);
    const auto second = host().lock();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message, "another aa-shimctl install or uninstall is at work on this host");
}

}  // namespace
}  // namespace aa::ctl::install
