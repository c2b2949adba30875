// SPDX-License-Identifier: Apache-2.0
//
// A directory that looks like the kernel's AppArmor files, and a catalog that was compiled with its policy.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/catalog/policy_snapshot.h"
#include "apparmor/kernel/kernel.h"
#include "tests/apparmor/policy/fixture.h"

namespace aa::apparmor {

namespace fs = std::filesystem;

// The policy "exec" is loaded.
class PolicyFiles : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/aa-policy-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        root_ = name;
        kernel_.emplace(root_ / "security", root_ / "module", "/proc");
        write("module/parameters/mode", "enforce\n");
        set_revision(7);
        profiles_ = policy_profiles("5.0-6.12", "exec");
        write("security/apparmor/policy/raw_data/3/raw_data", policy_bytes("5.0-6.12", "exec"));
        std::string list;
        for (const auto& profile : profiles_) {
            list += profile.name + " (" + std::string(mode_name(profile.mode)) + ")\n";
            add_directory(profile);
        }
        list += ":other://x (enforce)\n";
        write("security/apparmor/profiles", list);
    }
    void TearDown() override { fs::remove_all(root_); }

    void write(const fs::path& path, std::string_view text) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path, std::ios::binary) << text;
    }
    void set_revision(int revision) { write("security/apparmor/revision", std::to_string(revision) + "\n"); }

    static std::string directory_of(const Profile& profile) {
        std::string local(profile.local_name());
        for (auto& c : local) c = c == '/' ? '.' : c;
        const std::string parent(profile.parent());
        return "policy/profiles/" + (parent.empty() ? local + ".1" : parent + ".1/profiles/" + local + ".2");
    }
    void add_directory(const Profile& profile) {
        const auto directory = fs::path("security/apparmor") / directory_of(profile);
        write(directory / "name", std::string(profile.local_name()) + "\n");
        write(directory / "sha256", "digest of " + profile.name + "\n");
        fs::create_symlink(root_ / "security/apparmor/policy/raw_data/3/raw_data", root_ / directory / "raw_data");
    }

    // A catalog with the copy of revision 7.
    std::string copy() {
        Catalog catalog;
        catalog.confinements.emplace_back().name = "only";
        catalog.otherwise = Use{"only"};
        PolicySnapshot snapshot;
        snapshot.revision = 7;
        for (const auto& profile : profiles_) {
            snapshot.profiles.push_back({&profile, profile.name == "a", directory_of(profile) + "/sha256", "digest of " + profile.name});
        }
        return compile_catalog(catalog, &snapshot);
    }

    fs::path root_;
    std::optional<Kernel> kernel_;
    std::vector<Profile> profiles_;
};

}  // namespace aa::apparmor
