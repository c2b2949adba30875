// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/engine/containerd_config.h"

#include <gtest/gtest.h>

#include <string>

namespace aa::ctl::install {
namespace {

const Wanted kPlain;
const Wanted kAll{"/opt/aa/aa-shim", {"web"}, true, true};

std::string with(const std::string& text, const Wanted& wanted = kPlain) {
    const auto document = toml::read(text, "config.toml");
    if (!document) return "error: " + document.error().message;
    const auto change = with_containerd_runtimes(*document, wanted);
    return change ? change->text : "error: " + change.error().message;
}

// The value of a key in TEXT, as it is written.
std::string value(const std::string& text, const toml::Path& path) {
    const auto document = toml::read(text, "config.toml");
    if (!document) return document.error().message;
    const auto* pair = document->pair(path);
    return pair == nullptr ? "(missing)" : text.substr(pair->value.begin, pair->value.end - pair->value.begin);
}

toml::Path runtime(int version, const std::string& name, const std::vector<std::string>& more) {
    auto path = cri_containerd(version);
    path.emplace_back("runtimes");
    path.push_back(name);
    path.insert(path.end(), more.begin(), more.end());
    return path;
}

TEST(ContainerdConfig, AddsARuntimeForEachHandler) {
    for (const int version : {2, 3}) {
        const std::string before = "version = " + std::to_string(version) + "\n";
        const auto after = with(before, Wanted{"/usr/bin/aa-shim", {"web", "db"}, false, false});
        for (const auto* name : {"aa-shim", "aa-shim-web", "aa-shim-db"}) {
            EXPECT_EQ(value(after, runtime(version, name, {"runtime_type"})), "\"io.containerd.runc.v2\"");
            EXPECT_EQ(value(after, runtime(version, name, {"options", "BinaryName"})), "\"/usr/bin/" + std::string(name) + "\"");
            EXPECT_EQ(value(after, runtime(version, name, {"pod_annotations"})), "[\"aa-shim/*\"]");
            EXPECT_EQ(value(after, runtime(version, name, {"container_annotations"})), "[\"aa-shim/*\"]");
        }
        EXPECT_EQ(*without_marked(after, "config.toml"), before);
    }
}

TEST(ContainerdConfig, KeepsTheRuntimeThatContainerd1HasWithoutBeingTold) {
    const std::string cri = "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes";
    EXPECT_EQ(value(with("version = 2\n"), runtime(2, "runc", {"runtime_type"})), "\"io.containerd.runc.v2\"");
    EXPECT_EQ(value(with("version = 2\n" + cri + ".kata]\nruntime_type = \"k\"\n"), runtime(2, "runc", {"runtime_type"})), "(missing)");
    EXPECT_EQ(value(with("version = 3\n"), runtime(3, "runc", {"runtime_type"})), "(missing)");
}

TEST(ContainerdConfig, TakesOverWhatTheUsualRuntimeHas) {
    const std::string before =
        "version = 2\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
        "  default_runtime_name = \"usual\"\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.usual]\n"
        "  runtime_type = \"io.containerd.runc.v2\"\n"
        "  base_runtime_spec = \"/etc/spec.json\"\n"
        "  cni_conf_dir = \"\"\n"
        "  pod_annotations = [\"a/*\"]\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.usual.options]\n"
        "  BinaryName = \"/usr/bin/crun\"\n"
        "  SystemdCgroup = true\n"
        "  IoUid = 0\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
        "  SystemdCgroup = false\n";
    const auto after = with(before);
    EXPECT_EQ(value(after, runtime(2, "aa-shim", {"options", "SystemdCgroup"})), "true");
    EXPECT_EQ(value(after, runtime(2, "aa-shim", {"options", "BinaryName"})), "\"/usr/bin/aa-shim\"");
    EXPECT_EQ(value(after, runtime(2, "aa-shim", {"options", "IoUid"})), "(missing)");
    EXPECT_EQ(value(after, runtime(2, "aa-shim", {"base_runtime_spec"})), "\"/etc/spec.json\"");
    EXPECT_EQ(value(after, runtime(2, "aa-shim", {"cni_conf_dir"})), "(missing)");
    EXPECT_EQ(value(after, runtime(2, "aa-shim", {"pod_annotations"})), "[\"a/*\", \"aa-shim/*\"]");
}

TEST(ContainerdConfig, TakesOverFromAVendorsRuntimeButNotFromAnotherShim) {
    const std::string before =
        "version = 2\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
        "default_runtime_name = \"usual\"\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.usual]\n"
        "runtime_type = \"io.containerd.runc.v2\"\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.usual.options]\n"
        "BinaryName = \"/usr/bin/nvidia-container-runtime\"\n"
        "SystemdCgroup = true\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
        "base_runtime_spec = \"/runc\"\n";
    EXPECT_EQ(value(with(before), runtime(2, "aa-shim", {"options", "SystemdCgroup"})), "true");
    EXPECT_EQ(value(with(before), runtime(2, "aa-shim", {"base_runtime_spec"})), "(missing)");
    auto kata = before;
    kata.replace(kata.find("io.containerd.runc.v2"), 21, "io.containerd.kata.v2");
    EXPECT_EQ(value(with(kata), runtime(2, "aa-shim", {"options", "SystemdCgroup"})), "(missing)");
    EXPECT_EQ(value(with(kata), runtime(2, "aa-shim", {"base_runtime_spec"})), "\"/runc\"");
    EXPECT_EQ(value(with(before, kAll), runtime(2, "usual", {"options", "BinaryName"})), "\"/usr/bin/nvidia-container-runtime\"");
}

TEST(ContainerdConfig, MakesTheDefaultAndRedirectsRunc) {
    const std::string before =
        "version = 3\n"
        "[plugins.'io.containerd.cri.v1.runtime'.containerd]\n"
        "  default_runtime_name = 'runc'\n"
        "  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n"
        "    runtime_type = 'io.containerd.runc.v2'\n"
        "    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n"
        "      BinaryName = ''\n"
        "      SystemdCgroup = true\n"
        "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata]\n"
        "  runtime_type = 'io.containerd.kata.v2'\n";
    const auto after = with(before, kAll);
    EXPECT_EQ(value(after, {"plugins", "io.containerd.cri.v1.runtime", "containerd", "default_runtime_name"}), "\"aa-shim\"");
    EXPECT_EQ(value(after, runtime(3, "runc", {"options", "BinaryName"})), "\"/opt/aa/aa-shim\"");
    EXPECT_EQ(value(after, runtime(3, "runc", {"options", "SystemdCgroup"})), "true");
    EXPECT_EQ(value(after, runtime(3, "kata", {"options", "BinaryName"})), "(missing)");
    EXPECT_EQ(value(after, runtime(3, "aa-shim-web", {"options", "BinaryName"})), "\"/opt/aa/aa-shim-web\"");
    EXPECT_EQ(*without_marked(after, "config.toml"), before);
}

TEST(ContainerdConfig, RedirectsTheBuiltInRuncAsAWhole) {
    const auto after = with("version = 2\n", kAll);
    EXPECT_EQ(value(after, runtime(2, "runc", {"runtime_type"})), "\"io.containerd.runc.v2\"");
    EXPECT_EQ(value(after, runtime(2, "runc", {"options", "BinaryName"})), "\"/opt/aa/aa-shim\"");
}

TEST(ContainerdConfig, RefusesWithThePlace) {
    const std::string cri = "plugins.\"io.containerd.grpc.v1.cri\"";
    const std::pair<std::string, std::string> cases[] = {
        {"disabled_plugins = [\"cri\"]\n", "error: config.toml: a file without a version is one of version 1"},
        {"version = 1\n", "error: config.toml:1:11: version '1' of containerd's configuration is not one that aa-shimctl knows"},
        {"version = 4\n", "error: config.toml:1:11: version '4' of containerd's configuration is not one that aa-shimctl knows"},
        {"version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n",
         "error: config.toml:2:20: the plugin 'io.containerd.grpc.v1.cri' is disabled"},
        {"version = 2\n[" + cri + ".containerd.runtimes.aa-shim]\n",
         "error: config.toml:2:1: there is a runtime 'aa-shim' that aa-shimctl did not write: remove it first"},
        {"version = 2\n[" + cri + ".containerd]\nruntimes.aa-shim.runtime_type = \"x\"\n",
         "error: config.toml:3:1: there is a runtime 'aa-shim' that aa-shimctl did not write: remove it first"},
        {"version = 2\n[" + cri + "]\ncontainerd = { snapshotter = \"overlayfs\" }\n", "error: config.toml:3:1: "},
        {"version = 2\n[" + cri + "]\ncontainerd.snapshotter = \"overlayfs\"\n", "error: config.toml:3:1: "},
        {"version = 2\n[" + cri + ".containerd.default_runtime]\nruntime_type = \"io.containerd.runc.v2\"\n",
         "error: config.toml:3:1: default_runtime overrules default_runtime_name"},
        {"version = 2\n[" + cri + ".containerd.runtimes.runc]\noptions = { SystemdCgroup = true }\n", "error: config.toml:3:1: "},
        {"version = 2\nversion = 2\n", "error: config.toml:2:1: 'version': this is here twice"},
    };
    for (const auto& [text, expected] : cases) {
        const auto found = with(text, kAll);
        EXPECT_TRUE(found.starts_with(expected)) << text << "\n" << found;
    }
}

TEST(ContainerdConfig, ComparesDumpsButForWhatIsOurs) {
    const std::string before =
        "version = 2\nimports = []\n[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"a\"\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\ndefault_runtime_name = \"runc\"\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata]\nruntime_type = \"k\"\n"
        "[[plugins.\"io.containerd.transfer.v1.local\".unpack_config]]\ndiffer = \"x\"\n";
    const auto after = with(before, kAll);
    EXPECT_TRUE(require_only_ours_differs(before, after));
    EXPECT_TRUE(require_only_ours_differs(after, before));
    const std::string changes[] = {"sandbox_image = \"b\"", "sandbox_images = \"a\"", ""};
    for (const auto& change : changes) {
        auto changed = after;
        changed.replace(changed.find("sandbox_image = \"a\""), 19, change);
        const auto compared = require_only_ours_differs(before, changed);
        ASSERT_FALSE(compared) << change;
        EXPECT_NE(compared.error().message.find("sandbox_image"), std::string::npos);
    }
    auto changed = after;
    changed.replace(changed.find("\"k\""), 3, "\"l\"");
    EXPECT_FALSE(require_only_ours_differs(before, changed));
    const auto plain = with(before);
    changed = plain;
    changed.replace(changed.find("\"runc\""), 6, "\"kata\"");
    EXPECT_FALSE(require_only_ours_differs(before, changed));
    changed = plain + "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\nruntime_type = \"x\"\n";
    EXPECT_FALSE(require_only_ours_differs(before, changed));
    changed = after;
    changed.replace(changed.find("differ = \"x\""), 12, "differ = \"y\"");
    EXPECT_FALSE(require_only_ours_differs(before, changed));
}

}  // namespace
}  // namespace aa::ctl::install
