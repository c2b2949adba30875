// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "oci/command_line/change.h"

namespace aa::oci {
namespace {

using Tokens = std::vector<const char*>;
constexpr auto kRunc = RuntimeKind::runc;
constexpr auto kCrun = RuntimeKind::crun;

CapabilitySet capabilities(std::initializer_list<const char*> names) {
    CapabilitySet set;
    for (const char* name : names) set.add(capability_number(name).value());
    return set;
}

struct ChangeCase {
    const char* name;
    RuntimeKind kind;
    Tokens tokens;
    ArgumentChanges changes;
    Tokens expected;
};

std::vector<std::string> strings(const Tokens& tokens) { return {tokens.begin(), tokens.end()}; }

ArgumentChanges process(const char* file) {
    return {.process_file = file, .apparmor = {}, .ceiling = {}, .lsm_profile = {}, .resources = {}};
}
ArgumentChanges lsm(const char* profile) {
    return {.process_file = {}, .apparmor = {}, .ceiling = {}, .lsm_profile = profile, .resources = {}};
}
ArgumentChanges exec(const char* profile, bool no_new_privs, CapabilitySet ceiling) {
    return {
        .process_file = {}, .apparmor = profile, .set_no_new_privs = no_new_privs, .ceiling = ceiling, .lsm_profile = {}, .resources = {}};
}

ArgumentChanges resources(const char* file) {
    return {.process_file = {}, .apparmor = {}, .ceiling = {}, .lsm_profile = {}, .resources = file};
}

TEST(ChangeArguments, ChangesNothingElse) {
    const CapabilitySet kill = capabilities({"CAP_KILL"});
    const std::vector<ChangeCase> cases = {
        {"process, two tokens",
         kRunc,
         {"--root", "r", "exec", "--process", "f", "-d", "c"},
         process("N"),
         {"--root", "r", "exec", "--process", "N", "-d", "c"}},
        {"process, one token", kRunc, {"exec", "-process=f", "c"}, process("N"), {"exec", "-process=N", "c"}},
        {"process, short", kRunc, {"exec", "-p", "f", "c"}, process("N"), {"exec", "-p", "N", "c"}},
        {"process, every repetition",
         kRunc,
         {"exec", "--process=f", "--process", "g", "c"},
         process("N"),
         {"exec", "--process=N", "--process", "N", "c"}},
        {"process, its name elsewhere",
         kRunc,
         {"--log", "f", "exec", "--process", "f", "f"},
         process("N"),
         {"--log", "f", "exec", "--process", "N", "f"}},
        {"process, inserted", kRunc, {"exec", "-t", "--", "c", "sh"}, process("N"), {"exec", "-t", "--process", "N", "--", "c", "sh"}},
        {"process, cluster", kCrun, {"exec", "-dpf", "c"}, process("N"), {"exec", "-dpN", "c"}},
        {"process, cluster and token", kCrun, {"exec", "-dp", "f", "c"}, process("N"), {"exec", "-dp", "N", "c"}},
        {"process, long", kCrun, {"exec", "--process=f", "c"}, process("N"), {"exec", "--process=N", "c"}},
        {"resources", kCrun, {"update", "--memory", "f", "-r", "f", "c"}, resources("N"), {"update", "--memory", "f", "-r", "N", "c"}},
        {"resources, abbreviated", kCrun, {"update", "--res=-", "c"}, resources("N"), {"update", "--res=N", "c"}},
        {"resources of runc", kRunc, {"update", "--resources", "f", "c"}, resources("N"), {"update", "--resources", "N", "c"}},
        {"with a process the rest is ignored",
         kRunc,
         {"exec", "--apparmor", "a", "--cap", "CAP_BPF", "-p", "f", "c"},
         exec("N", true, kill),
         {"exec", "--apparmor", "a", "--cap", "CAP_BPF", "-p", "f", "c"}},
        {"apparmor, inserted",
         kRunc,
         {"exec", "-t", "c", "sh", "-c", "x"},
         exec("N", false, kill),
         {"exec", "-t", "--apparmor", "N", "c", "sh", "-c", "x"}},
        {"apparmor, overruled",
         kRunc,
         {"exec", "--apparmor", "unconfined", "--apparmor=u", "c", "sh"},
         exec("N", false, kill),
         {"exec", "--apparmor", "N", "--apparmor=N", "c", "sh"}},
        {"no new privileges, inserted",
         kCrun,
         {"exec", "c", "sh"},
         exec("N", true, kill),
         {"exec", "--apparmor", "N", "--no-new-privs", "c", "sh"}},
        {"no new privileges, given",
         kRunc,
         {"exec", "--no-new-privs", "--apparmor", "N", "c", "sh"},
         exec("N", true, kill),
         {"exec", "--no-new-privs", "--apparmor", "N", "c", "sh"}},
        {"no new privileges, refused by the caller",
         kRunc,
         {"exec", "--no-new-privs=false", "--apparmor", "N", "c", "sh"},
         exec("N", true, kill),
         {"exec", "--no-new-privs=false", "--apparmor", "N", "--no-new-privs", "c", "sh"}},
        {"capabilities",
         kRunc,
         {"exec", "--apparmor", "N", "--cap", "CAP_KILL", "--cap", "CAP_BPF", "-cap=CAP_SYS_ADMIN", "--cap=CAP_NEW", "c", "sh"},
         exec("N", false, kill),
         {"exec", "--apparmor", "N", "--cap", "CAP_KILL", "c", "sh"}},
        {"capabilities in clusters",
         kCrun,
         {"exec", "--apparmor", "N", "-dcCAP_BPF", "-dc", "CAP_BPF", "-c", "CAP_BPF", "-cCAP_BPF", "-dcCAP_KILL", "c", "sh"},
         exec("N", false, kill),
         {"exec", "--apparmor", "N", "-d", "-d", "-dcCAP_KILL", "c", "sh"}},
        {"lsm, inserted",
         kRunc,
         {"restore", "c", "--bundle", "b"},
         lsm("apparmor:N"),
         {"restore", "--lsm-profile", "apparmor:N", "c", "--bundle", "b"}},
        {"lsm, overruled",
         kRunc,
         {"restore", "--lsm-profile=selinux:x", "-lsm-profile", "apparmor:u", "c"},
         lsm("apparmor:N"),
         {"restore", "--lsm-profile=apparmor:N", "-lsm-profile", "apparmor:N", "c"}},
        {"lsm, crun",
         kCrun,
         {"--root", "restore", "restore", "--lsm-p", "x", "c"},
         lsm("apparmor:N"),
         {"--root", "restore", "restore", "--lsm-p", "apparmor:N", "c"}},
        {"nothing to change", kRunc, {"exec", "c", "sh"}, {}, {"exec", "c", "sh"}},
        {"not ours", kRunc, {"state", "c"}, exec("N", true, kill), {"state", "c"}},
        {"of another command", kRunc, {"create", "-b", "b", "c"}, exec("N", true, kill), {"create", "-b", "b", "c"}},
        {"lsm, of another command", kCrun, {"run", "-b", "b", "c"}, lsm("apparmor:N"), {"run", "-b", "b", "c"}},
    };
    for (const ChangeCase& test : cases) {
        SCOPED_TRACE(test.name);
        const auto line = parse_command_line(test.tokens, test.kind);
        ASSERT_TRUE(line) << line.error().message;
        std::vector<std::string> storage;
        const Tokens once = change_arguments(*line, test.changes, storage);
        EXPECT_EQ(strings(once), strings(test.expected));
        for (const char* token : once) {  // what was not changed is the same pointer
            const auto same = [token](const char* old) { return std::string_view(old) == token; };
            const bool stored =
                std::any_of(storage.begin(), storage.end(), [token](const std::string& text) { return text.c_str() == token; });
            if (!stored && std::any_of(test.tokens.begin(), test.tokens.end(), same)) {
                EXPECT_NE(std::find(test.tokens.begin(), test.tokens.end(), token), test.tokens.end()) << token;
            }
        }
        const auto changed = parse_command_line(once, test.kind);
        ASSERT_TRUE(changed) << changed.error().message;
        EXPECT_EQ(changed->id, line->id);
        EXPECT_EQ(changed->words, test.changes.process_file ? std::vector<std::string_view>{} : line->words);
        const Tokens twice = change_arguments(*changed, test.changes, storage);
        EXPECT_EQ(twice, once) << "a second time changes nothing, not even a pointer";
    }
}

}  // namespace
}  // namespace aa::oci
