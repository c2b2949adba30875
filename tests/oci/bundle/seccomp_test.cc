// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/seccomp.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace aa::oci {
namespace {

using Names = std::vector<std::string>;

std::string denied(std::string_view text, const Names& names) {
    const auto once = [&names](std::string_view before) -> std::string {
        json::Reader reader(before);
        const Seccomp seccomp = read_seccomp(reader);
        const auto result = reader.finish();
        if (!result) return "error: " + result.error().message;
        Splices splices;
        deny_syscalls(seccomp, before, names, splices);
        EXPECT_FALSE(splices.overlap());
        return splices.apply(before);
    };
    std::string after = once(text);
    if (after.starts_with("error")) return after;
    EXPECT_EQ(once(after), after) << "not idempotent";
    return after;
}

struct Case {
    const char* name;
    const char* before;
    Names names;
    const char* after;
};

TEST(Seccomp, TakesNamesOutOfRulesWhereTheDefaultDenies) {
    const Case cases[] = {
        {"first",
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["a","b","c"],"action":"SCMP_ACT_ALLOW"}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["b","c"],"action":"SCMP_ACT_ALLOW"}]})"},
        {"middle and last",
         R"({"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["a", "b" , "c"],"action":"SCMP_ACT_ALLOW"}]})",
         {"c", "b"},
         R"({"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["a"],"action":"SCMP_ACT_ALLOW"}]})"},
        {"a name twice",
         R"({"defaultAction":"SCMP_ACT_TRAP","syscalls":[{"names":["a","b","a"],"action":"SCMP_ACT_ALLOW"}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_TRAP","syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW"}]})"},
        {"an escaped name and escaped keys",
         R"({"defaultAction":"SCMP_ACT_ERRNO","\u0073yscalls":[{"n\u0061mes":["key\u0063tl","b"],"\u0061ction":"SCMP_ACT_\u0041LLOW"}]})",
         {"keyctl"},
         R"({"defaultAction":"SCMP_ACT_ERRNO","\u0073yscalls":[{"n\u0061mes":["b"],"\u0061ction":"SCMP_ACT_\u0041LLOW"}]})"},
        {"a rule that has no name left, first",
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["a"],"action":"SCMP_ACT_ALLOW"}, {"names":["b"],"action":"SCMP_ACT_ALLOW"}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW"}]})"},
        {"a rule that has no name left, last",
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW"} , {"names":["a"],"action":"SCMP_ACT_ALLOW"}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW"}]})"},
        {"the only rule",
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[ {"names":["a"],"action":"SCMP_ACT_ALLOW"} ]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[  ]})"},
        {"every action that lets through, conditions or not",
         R"({"defaultAction":"SCMP_ACT_KILL_PROCESS","syscalls":[{"names":["a","z"],"action":"SCMP_ACT_LOG"},{"names":["a","z"],"action":"SCMP_ACT_TRACE"},{"names":["a","z"],"action":"SCMP_ACT_NOTIFY"},{"names":["a","z"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]},{"names":["a","z"],"action":"SCMP_ACT_OF_THE_FUTURE"},{"names":["a","z"]}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_KILL_PROCESS","syscalls":[{"names":["z"],"action":"SCMP_ACT_LOG"},{"names":["z"],"action":"SCMP_ACT_TRACE"},{"names":["z"],"action":"SCMP_ACT_NOTIFY"},{"names":["z"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]},{"names":["z"],"action":"SCMP_ACT_OF_THE_FUTURE"},{"names":["z"]}]})"},
        {"rules that deny stay",
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":38},{"names":["a"],"action":"SCMP_ACT_KILL_THREAD"}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":38},{"names":["a"],"action":"SCMP_ACT_KILL_THREAD"}]})"},
        {"a call that a 32-bit one multiplexes",
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["socket","socketcall","bind"],"action":"SCMP_ACT_ALLOW"},{"names":["ipc"],"action":"SCMP_ACT_ALLOW"}]})",
         {"socket"},
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["bind"],"action":"SCMP_ACT_ALLOW"},{"names":["ipc"],"action":"SCMP_ACT_ALLOW"}]})"},
        {"the other multiplexer",
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["ipc","socketcall"],"action":"SCMP_ACT_ALLOW"}]})",
         {"shmat"},
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["socketcall"],"action":"SCMP_ACT_ALLOW"}]})"},
        {"a rule without names",
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"action":"SCMP_ACT_ALLOW"},{"names":null},{"names":[]}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"action":"SCMP_ACT_ALLOW"},{"names":null},{"names":[]}]})"},
        {"no rules", R"({"defaultAction":"SCMP_ACT_ERRNO"})", {"a"}, R"({"defaultAction":"SCMP_ACT_ERRNO"})"},
        {"no names to deny", R"({"defaultAction":"SCMP_ACT_ALLOW"})", {}, R"({"defaultAction":"SCMP_ACT_ALLOW"})"},
    };
    for (const auto& c : cases) EXPECT_EQ(denied(c.before, c.names), c.after) << c.name;
}

TEST(Seccomp, AddsARuleWhereTheDefaultLetsThrough) {
    const Case cases[] = {
        {"no member", "{}", {"a"}, R"({"syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})"},
        {"no rules",
         R"({"defaultAction":"SCMP_ACT_ALLOW"})",
         {"a", "b"},
         R"({"syscalls":[{"names":["a","b"],"action":"SCMP_ACT_ERRNO","errnoRet":1}],"defaultAction":"SCMP_ACT_ALLOW"})"},
        {"null",
         R"({"defaultAction":"SCMP_ACT_LOG","syscalls":null})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})"},
        {"empty",
         R"({"defaultAction":"SCMP_ACT_TRACE","syscalls":[ ]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_TRACE","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1} ]})"},
        {"behind the last",
         R"({"syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW"} ],"defaultAction":"SCMP_ACT_NOTIFY"})",
         {"a"},
         R"({"syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW"},{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1} ],"defaultAction":"SCMP_ACT_NOTIFY"})"},
        {"behind the last that stays",
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["b"],"action":"SCMP_ACT_LOG"},{"names":["a"],"action":"SCMP_ACT_LOG"}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["b"],"action":"SCMP_ACT_LOG"},{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})"},
        {"in place of the only one",
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG"}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})"},
        {"denied already, in two rules",
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a","x"],"action":"SCMP_ACT_ERRNO"},{"names":["b"],"action":"SCMP_ACT_KILL"}]})",
         {"a", "b"},
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a","x"],"action":"SCMP_ACT_ERRNO"},{"names":["b"],"action":"SCMP_ACT_KILL"}]})"},
        {"one of two denied already",
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO"}]})",
         {"a", "b"},
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO"},{"names":["b"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})"},
        {"denied under a condition only",
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]},{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})"},
        {"conditions that are none",
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","args":[]}]})",
         {"a"},
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","args":[]}]})"},
        {"the multiplexer itself is not denied",
         R"({"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["socketcall"],"action":"SCMP_ACT_ALLOW"}]})",
         {"socket"},
         R"({"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})"},
        {"a multiplexer that somebody watches is denied whole",
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socketcall"],"action":"SCMP_ACT_NOTIFY"}]})",
         {"socket"},
         R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket","socketcall"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})"},
    };
    for (const auto& c : cases) EXPECT_EQ(denied(c.before, c.names), c.after) << c.name;
}

TEST(Seccomp, LeavesAnAbsentProfileToTheCaller) { EXPECT_EQ(denied("null", {"a"}), "null"); }

TEST(Seccomp, MakesAProfileFromNothing) {
    const Names names{"keyctl", "add_key"};
    const Names architectures{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
    const std::string text = new_seccomp(names, architectures);
    EXPECT_EQ(text, R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],)"
                    R"("syscalls":[{"names":["keyctl","add_key"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})");
    EXPECT_EQ(denied(text, names), text);
}

TEST(Seccomp, RefusesWhatRuntimesMayReadOtherwise) {
    const std::pair<const char*, const char*> cases[] = {
        {"[]", "error: line 1, column 1: expected an object, found an array"},
        {R"({"syscalls":{}})", "error: line 1, column 13: expected an array, found an object"},
        {R"({"syscalls":[null]})", "error: line 1, column 14: expected an object, found null"},
        {R"({"syscalls":[{"names":"a"}]})", "error: line 1, column 23: expected an array, found a string"},
        {R"({"syscalls":[{"names":["a",1]}]})", "error: line 1, column 28: expected a string, found a number"},
        {R"({"syscalls":[{"action":1}]})", "error: line 1, column 24: expected a string, found a number"},
        {R"({"syscalls":[{"action":"SCMP_ACT_ERRNO","Action":"SCMP_ACT_ALLOW"}]})",
         "error: line 1, column 41: the key 'Action' is 'action' to some runtimes and not to others; spell it 'action'"},
        {R"({"syscalls":[{"names":[],"names":["a"]}]})",
         "error: line 1, column 26: the key 'names' is there twice; runtimes disagree about which one counts"},
        {R"({"defaultAction":"SCMP_ACT_ERRNO","DefaultAction":"SCMP_ACT_ALLOW"})",
         "error: line 1, column 35: the key 'DefaultAction' is 'defaultAction' to some runtimes and not to others; spell it "
         "'defaultAction'"},
        {R"({"syscalls":[],"\u017fyscalls":[]})",
         "error: line 1, column 16: the key '\xC5\xBFyscalls' is 'syscalls' to some runtimes and not to others; spell it 'syscalls'"},
    };
    for (const auto& [text, error] : cases) EXPECT_EQ(denied(text, {"a"}), error);
}

bool lets_through(const nlohmann::json& action) {
    return action != "SCMP_ACT_ERRNO" && action != "SCMP_ACT_KILL" && action != "SCMP_ACT_KILL_PROCESS";
}

// Whether some call of NAME can get through, however a runtime weighs several rules for one name.
bool may_pass(const nlohmann::json& seccomp, const std::string& name) {
    bool always_denied = false;
    for (const auto& rule : seccomp["syscalls"]) {
        const auto& names = rule["names"];
        if (std::find(names.begin(), names.end(), name) == names.end()) continue;
        if (lets_through(rule["action"])) return true;
        always_denied = always_denied || !rule.contains("args");
    }
    return lets_through(seccomp["defaultAction"]) && !always_denied;
}

// Profiles of three rules, each with any subset of three names, any action, with and without conditions.
TEST(Seccomp, NothingDeniedCanPassAndNothingElseChanges) {
    const Names all{"a", "b", "c"};
    const char* const actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG", "SCMP_ACT_KILL"};
    unsigned state = 1;
    const auto random = [&state](unsigned below) { return (state = state * 1103515245U + 12345U) / 65536U % below; };
    for (int round = 0; round < 1000; ++round) {
        nlohmann::json before{{"defaultAction", actions[random(4)]}, {"syscalls", nlohmann::json::array()}};
        for (unsigned rules = random(4); rules > 0; --rules) {
            nlohmann::json rule{{"names", nlohmann::json::array()}, {"action", actions[random(4)]}};
            for (const auto& name : all) {
                if (random(2) == 0) rule["names"].push_back(name);
            }
            if (random(2) == 0) rule["args"] = {{{"index", 0}}};
            before["syscalls"].push_back(rule);
        }
        Names names;
        for (const auto& name : all) {
            if (random(2) == 0) names.push_back(name);
        }
        const auto after = nlohmann::json::parse(denied(before.dump(static_cast<int>(random(3)) - 1), names));
        for (const auto& name : all) {
            const bool is_denied = std::find(names.begin(), names.end(), name) != names.end();
            EXPECT_EQ(may_pass(after, name), !is_denied && may_pass(before, name)) << name << "\n" << before << "\n" << after;
        }
    }
}

}  // namespace
}  // namespace aa::oci
