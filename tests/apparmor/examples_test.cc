// SPDX-License-Identifier: Apache-2.0
//
// The catalog and the profiles in share/: what a person starts from has no mistake in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "apparmor/algebra/inclusion.h"
#include "apparmor/catalog/json.h"
#include "apparmor/load.h"
#include "apparmor/policy/transition.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/profile_rules.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kShare = AA_SHARE;

std::vector<std::string> files_in(const std::string& directory) {
    std::vector<std::string> result;
    for (const auto& entry : fs::directory_iterator(directory)) result.push_back(entry.path());
    std::sort(result.begin(), result.end());
    return result;
}

std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

CatalogReading example() {
    std::vector<CatalogSource> sources;
    for (const auto& path : files_in(kShare + "/catalog.d")) sources.push_back({path, read(path)});
    return read_catalog(sources);
}

// The capabilities that the profile NAME itself, not its children, allows.
CapabilitySet capabilities_of(const std::string& name) {
    CapabilitySet result;
    const std::string text = read(kShare + "/apparmor.d/" + name);
    for (auto line : lines(text)) {
        if (line.starts_with("  profile ")) break;
        if (!line.starts_with("  capability ")) continue;
        const auto number = capability_number("CAP_" + std::string(line.substr(13, line.size() - 14)));
        EXPECT_TRUE(number) << line;
        if (number) result.add(*number);
    }
    return result;
}

TEST(Examples, TheCatalogIsGoodAndWeakensNothing) {
    const auto reading = example();
    for (const auto& error : reading.errors) ADD_FAILURE() << error.text();
    for (const auto& note : reading.notes) ADD_FAILURE() << note.text();
    EXPECT_EQ(reading.catalog.confinements.size(), 4U);
}

TEST(Examples, EveryCeilingIsWhatTheProfileAllows) {
    const auto reading = example();
    const Confinement* baseline = reading.catalog.find("baseline");
    ASSERT_NE(baseline, nullptr);
    for (const auto& confinement : reading.catalog.confinements) {
        const auto ceiling = std::get<CapabilitySet>(confinement.ceiling);
        EXPECT_EQ(ceiling.names(), capabilities_of(std::get<std::string>(confinement.profile)).names()) << confinement.name;
        EXPECT_TRUE(ceiling.subset_of(std::get<CapabilitySet>(baseline->ceiling))) << confinement.name;
    }
}

TEST(Examples, EveryProfileHasASource) {
    if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    const auto reading = example();
    const auto sources = find_profile_sources(reading.catalog, Kernel("/dev/null/securityfs", "/dev/null/module", "/proc"),
                                              {{kShare + "/apparmor.d"}, "", ""});
    ASSERT_TRUE(sources) << sources.error().message;
    EXPECT_EQ(sources->size(), 6U);
    for (const auto& source : *sources) EXPECT_THAT(source.file, HasSubstr("/share/apparmor.d/aa-shim-")) << source.profile;
}

TEST(Examples, TheProfilesCompileForARealKernelWithoutAWarning) {
    const auto parser = Parser::find();
    if (!parser) GTEST_SKIP() << "apparmor_parser is not installed";
    std::vector<std::string> arguments = {"--skip-kernel-load", "--skip-cache", "--ofile=/dev/null",
                                          "--features-file=" AA_FIXTURES "/features-6.12"};
    const auto files = files_in(kShare + "/apparmor.d");
    EXPECT_EQ(files.size(), 4U);
    arguments.insert(arguments.end(), files.begin(), files.end());
    const auto run = parser->run(arguments);
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_EQ(run->exit_code, 0);
    EXPECT_EQ(run->errors, "");
}

// A runtime must be able to end what it started, and a deleted or disconnected file must have a name.
TEST(Examples, EveryProfileAndChildHasWhatContainersNeed) {
    for (const auto& path : files_in(kShare + "/apparmor.d")) {
        const std::string text = read(path);
        int profiles = 0;
        int receiving = 0;
        for (auto line : lines(text)) {
            line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
            if (line.starts_with("profile ")) {
                ++profiles;
                EXPECT_THAT(std::string(line), HasSubstr(" flags=(attach_disconnected,mediate_deleted) {")) << path;
            }
            if (line == "signal (receive) peer=unconfined,") ++receiving;
            if (line.starts_with("signal (receive) peer={runc,crun,")) ++receiving;
        }
        EXPECT_GE(profiles, 1) << path;
        EXPECT_EQ(receiving, 2 * profiles) << path;
    }
}

// All profiles of FILE, compiled.
std::vector<Profile> compiled(const std::string& file) {
    auto profiles = compile_files(*Parser::find(), {kShare + "/apparmor.d/" + file}, AA_FIXTURES "/features-6.12");
    EXPECT_TRUE(profiles) << profiles.error().message;
    return profiles ? *std::move(profiles) : std::vector<Profile>();
}

// Whether PROFILE grants some path all of PERMISSIONS: the compiler keeps no state that nothing leads to.
bool grants_some_path(const Profile& profile, std::uint32_t permissions) {
    for (StateId state = kStartState; state < profile.files.size(); ++state) {
        for (const bool owner : {true, false})
            if ((profile.files.permissions(state, owner).allow & permissions) == permissions) return true;
    }
    return false;
}

// What LABEL of the shipped profiles, after EDIT of their source, allows and the baseline does not.
std::vector<std::string> beyond_baseline(const std::string& label, const std::function<void(std::string&)>& edit = {}) {
    const auto compile = [&](const std::string& name, bool edited) {
        std::string text = read(kShare + "/apparmor.d/" + name);
        if (edited && edit) edit(text);
        auto profiles = compile_text(*Parser::find(), text, name, std::string(AA_FIXTURES) + "/features-6.12");
        EXPECT_TRUE(profiles) << profiles.error().message;
        return profiles ? *std::move(profiles) : std::vector<Profile>();
    };
    PolicySet ours(compile(label, true));
    PolicySet baseline(compile("aa-shim-baseline", false));
    Budget budget;
    const auto found = inclusion({&ours, label}, {&baseline, "aa-shim-baseline"}, budget);
    EXPECT_TRUE(found) << found.error().message;
    std::vector<std::string> rules;
    if (!found) return rules;
    for (const auto& gain : found->gains) rules.push_back(gain.allowance.rule + (gain.way.empty() ? "" : " after " + gain.way));
    rules.insert(rules.end(), found->unproved.begin(), found->unproved.end());
    return rules;
}

void replace(std::string& text, const std::string& what, const std::string& by) {
    ASSERT_NE(text.find(what), std::string::npos) << what;
    text.replace(text.find(what), what.size(), by);
}

// Whoever is given one of them by a label, an image or a name gains nothing by it: proved for all paths, sockets, mounts and programs.
TEST(Examples, EveryProfileIsWithinTheBaseline) {
    if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    for (const std::string label : {"aa-shim-web", "aa-shim-database", "aa-shim-builder"}) {
        EXPECT_THAT(beyond_baseline(label), IsEmpty()) << label;
    }
    const auto with = [](const std::string& rule) {
        return [=](std::string& text) { replace(text, "mediate_deleted) {\n", "mediate_deleted) {\n  " + rule + "\n"); };
    };
    EXPECT_THAT(beyond_baseline("aa-shim-web", with("mount fstype=tmpfs -> /run/x/,")), ElementsAre("mount fstype=tmpfs -> /run/x/"));
    EXPECT_THAT(beyond_baseline("aa-shim-web", with("capability sys_admin,")), ElementsAre("capability sys_admin"));
    EXPECT_THAT(beyond_baseline("aa-shim-web", with("/usr/bin/id ux,")), Contains("exec /usr/bin/id → unconfined"));
    EXPECT_THAT(beyond_baseline("aa-shim-database", with("ptrace (trace) peer=unconfined,")),
                ElementsAre("ptrace (trace) peer=unconfined"));
}

TEST(Examples, WhatServersCanWriteTheyCannotExecute) {
    if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    for (const char* file : {"aa-shim-web", "aa-shim-database"}) {
        for (const auto& profile : compiled(file)) {
            EXPECT_TRUE(grants_some_path(profile, permission::kExec)) << profile.name;
            EXPECT_TRUE(grants_some_path(profile, permission::kWrite)) << profile.name;
            EXPECT_FALSE(grants_some_path(profile, permission::kExec | permission::kWrite)) << profile.name;
            EXPECT_FALSE(grants_some_path(profile, permission::kMapExecutable | permission::kWrite)) << profile.name;
        }
    }
    EXPECT_TRUE(grants_some_path(compiled("aa-shim-baseline").front(), permission::kExec | permission::kWrite));
}

TEST(Examples, ClientsOfADatabaseAskTheServerForItsData) {
    if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    PolicySet policy(compiled("aa-shim-database"));
    const auto may = [&](const char* path, std::uint32_t permissions) {
        const auto answer = file_permissions(policy, "aa-shim-database//client", path, true);
        return answer && (answer->allow & ~answer->deny & permissions) == permissions;
    };
    for (const char* path :
         {"/var/lib/postgresql/data/base/1/1259", "/var/lib/postgresql/18/docker/pg_wal/0001", "/var/lib/mysql/ibdata1",
          "/var/lib/mysql/ib_logfile0", "/var/lib/mysql/db/t.ibd", "/var/lib/mariadb/aria_log.1", "/var/lib/redis/dump.rdb",
          "/data/appendonlydir/appendonly.aof.1.incr.aof", "/data/db/WiredTiger.wt", "/bitnami/redis/data/dump.rdb"}) {
        EXPECT_FALSE(may(path, permission::kRead)) << path;
        EXPECT_FALSE(may(path, permission::kWrite)) << path;
    }
    for (const char* path :
         {"/etc/mysql/my.cnf", "/root/.pgpass", "/var/lib/postgresql/.pgpass", "/usr/share/zoneinfo/UTC", "/proc/self/status", "/var/lib/",
          "/var/lib/postgresql/data/postmaster.pid", "/lib/x86_64-linux-gnu/libc.so.6"})
        EXPECT_TRUE(may(path, permission::kRead)) << path;
    for (const char* path : {"/var/lib/mysql/mysql.sock", "/run/postgresql/.s.PGSQL.5432", "/tmp/dump", "/backup/dump.sql"})
        EXPECT_TRUE(may(path, permission::kRead | permission::kWrite)) << path;
    EXPECT_TRUE(may("/usr/bin/pg_dump", permission::kExec));
}

TEST(Examples, NoProfileMakesDevicesAndTheShellIsWithoutCapabilities) {
    if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
    for (const char* file : {"aa-shim-baseline", "aa-shim-builder", "aa-shim-database", "aa-shim-web"}) {
        for (const auto& profile : compiled(file)) {
            EXPECT_FALSE(profile.capabilities.has(*capability_number("CAP_MKNOD"))) << profile.name;
            EXPECT_EQ(profile.capabilities.empty(), profile.name == "aa-shim-web//shell") << profile.name;
        }
    }
}

}  // namespace
}  // namespace aa::apparmor
