// SPDX-License-Identifier: Apache-2.0
//
// Files of policy tests: what is read of them, and every complaint about what cannot be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "apparmor/catalog/document.h"
#include "ctl/test/cases.h"

namespace aa::ctl::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Reading read(const std::string& text) { return read_cases({{"t/a.json", text}}); }

std::vector<std::string> complaints(const std::string& text) {
    std::vector<std::string> result;
    for (const auto& error : read(text).errors) result.push_back(error.text());
    return result;
}

std::vector<std::string> names(const std::string& text) {
    std::vector<std::string> result;
    for (const auto& one : read(text).cases) result.push_back(one.origin.text() + " " + std::string(one.kind()) + " " + one.name);
    return result;
}

TEST(Reader, ReadsAContainer) {
    const auto reading = read(R"({ "containers": [ {
        "container": { "engine": "docker", "image": "a:1", "labels": { "k": "v=w" }, "user": 7, "privileged": false, "hostPaths": ["/", "/srv"],
                       "capabilities": ["CHOWN"], "sandbox": true },
        "expect": { "confinement": "web", "rule": "otherwise", "ceiling": ["CHOWN", "CAP_KILL"], "noNewPrivileges": false } } ] })");
    ASSERT_THAT(reading.errors, IsEmpty());
    ASSERT_EQ(reading.cases.size(), 1U);
    const auto& [container, expected] = std::get<ContainerCase>(reading.cases[0].what);
    EXPECT_EQ(container.engine, "docker");
    EXPECT_EQ(container.image, "a:1");
    EXPECT_THAT(container.labels, ElementsAre("k=v=w"));
    EXPECT_EQ(container.user, 7U);
    EXPECT_EQ(container.privileged, false);
    EXPECT_TRUE(container.sandbox);
    EXPECT_TRUE(container.host_paths_as_named);
    EXPECT_THAT(container.host_paths, ElementsAre("/", "/srv"));
    EXPECT_EQ(expected.confinement, "web");
    EXPECT_EQ(expected.rule, "otherwise");
    ASSERT_TRUE(expected.ceiling && *expected.ceiling);
    EXPECT_EQ((*expected.ceiling)->names(), "CHOWN,KILL");
    EXPECT_EQ(expected.no_new_privileges, false);
    EXPECT_FALSE(expected.label || expected.base || expected.refused || expected.pass);
}

TEST(Reader, ReadsCeilingsThatAreNoList) {
    const auto expected = [](const std::string& value) {
        return std::get<ContainerCase>(
                   read(R"({ "containers": [ { "container": {}, "expect": { "ceiling": )" + value + "} } ] }").cases.at(0).what)
            .expected;
    };
    ASSERT_TRUE(expected("\"all\"").ceiling);
    EXPECT_FALSE(*expected("\"all\"").ceiling);
    ASSERT_TRUE(expected("[]").ceiling && *expected("[]").ceiling);
    EXPECT_TRUE((*expected("[]").ceiling)->empty());
}

TEST(Reader, ABundleLiesBesideTheFile) {
    const auto bundle = [](const std::string& value) {
        return std::get<ContainerCase>(
                   read(R"({ "containers": [ { "bundle": )" + value + R"(, "expect": { "pass": true } } ] })").cases.at(0).what)
            .container;
    };
    EXPECT_EQ(bundle("\"b\"").bundle, "t/b");
    EXPECT_EQ(bundle("\"/b\"").bundle, "/b");
    const auto named = bundle(R"({ "path": "b", "id": "i", "root": "/r", "handler": "h" })");
    EXPECT_THAT((std::vector{named.bundle, named.id, named.root, named.handler}), ElementsAre("t/b", "i", "/r", "h"));
}

TEST(Reader, ReadsACommand) {
    const auto reading =
        read(R"({ "commands": [ { "confinement": "web", "base": "a//b", "command": ["/bin/sh", "-c", ""], "user": 5, "owned": true,
                                                  "expect": { "label": "unconfined" } } ] })");
    ASSERT_THAT(reading.errors, IsEmpty());
    const auto& command = std::get<CommandCase>(reading.cases.at(0).what);
    EXPECT_EQ(command.confinement, "web");
    EXPECT_EQ(command.base, "a//b");
    EXPECT_THAT(command.command, ElementsAre("/bin/sh", "-c", ""));
    EXPECT_EQ(command.user, 5U);
    EXPECT_EQ(command.owned, true);
    EXPECT_EQ(command.expected.label, "unconfined");
}

TEST(Reader, NamesEveryCaseAndItsPlace) {
    EXPECT_THAT(
        names(
            R"({ "containers": [ { "container": {}, "expect": { "pass": true } }, { "name": "n", "container": {}, "expect": { "pass": true } } ],
  "commands": [ { "confinement": "w", "command": ["/bin/sh", "-c"], "expect": { "label": "a" } } ],
  "profiles": [ { "label": "web", "may": ["r /a", "w /b"], "mayNot": ["mount"], "within": "base" }, { "name": "x", "label": "web", "may": ["r /c"] } ] })"),
        ElementsAre("t/a.json:1:19 container containers 1", "t/a.json:1:68 container n", "t/a.json:2:17 command /bin/sh -c",
                    "t/a.json:3:43 profile web may r /a", "t/a.json:3:51 profile web may w /b", "t/a.json:3:71 profile web may not mount",
                    "t/a.json:3:91 profile web within base", "t/a.json:3:140 profile x may r /c"));
}

struct Wrong {
    const char* text;
    std::vector<std::string> complaints;
};

TEST(Reader, ComplainsWithThePlaceAndTheRemedy) {
    const Wrong rows[] = {
        {"[]", {"t/a.json:1:1: a file of policy tests must be an object, not a list"}},
        {"{}", {"t/a.json:1:1: holds no case: write one under \"containers\", \"commands\" or \"profiles\""}},
        {R"({ "profiles": [] })", {"t/a.json:1:1: holds no case: write one under \"containers\", \"commands\" or \"profiles\""}},
        {R"({ "container": [] })",
         {"t/a.json:1:3: unknown key 'container' in a file of policy tests, did you mean 'containers'?",
          "t/a.json:1:1: holds no case: write one under \"containers\", \"commands\" or \"profiles\""}},
        {R"({ "containers": [ { "expect": { "pass": true } } ] })", {"t/a.json:1:19: needs \"container\" or \"bundle\""}},
        {R"({ "containers": [ { "container": {}, "bundle": "b", "expect": { "pass": true } } ] })",
         {"t/a.json:1:48: \"container\" and \"bundle\" exclude each other"}},
        {R"({ "containers": [ { "container": {} } ] })", {"t/a.json:1:19: needs \"expect\": without it, nothing is tested"}},
        {R"({ "containers": [ { "container": {}, "expect": {} } ] })", {"t/a.json:1:48: \"expect\" is empty: nothing is tested"}},
        {R"({ "containers": [ { "container": {}, "expect": { "lablel": "a" } } ] })",
         {"t/a.json:1:50: unknown key 'lablel' in \"expect\", did you mean 'label'?"}},
        {R"({ "containers": [ { "container": {}, "expect": { "label": "a b" } } ] })",
         {"t/a.json:1:59: \"label\": profile name 'a b' contains white space; an engine cannot pass such a name on, rename the profile"}},
        {R"({ "containers": [ { "container": {}, "expect": { "label": "" } } ] })", {"t/a.json:1:59: \"label\" is empty: leave it out"}},
        {R"({ "containers": [ { "container": {}, "expect": { "refused": "x", "label": "a" } } ] })",
         {"t/a.json:1:66: \"refused\" and \"label\" exclude each other"}},
        {R"({ "containers": [ { "container": {}, "expect": { "pass": true, "rule": "r", "base": "a" } } ] })",
         {"t/a.json:1:77: \"pass\" and \"base\" exclude each other"}},
        {R"({ "containers": [ { "container": { "engine": "dokcer" }, "expect": { "pass": true } } ] })",
         {"t/a.json:1:46: unknown value 'dokcer' of \"engine\", did you mean 'docker'?"}},
        {R"({ "containers": [ { "container": { "labels": { "a=b": "c" } }, "expect": { "pass": true } } ] })",
         {"t/a.json:1:48: 'a=b' is no key of \"labels\": it is empty, or holds '='"}},
        {R"({ "containers": [ { "container": { "hostPaths": ["srv"] }, "expect": { "pass": true } } ] })",
         {"t/a.json:1:50: \"hostPaths\": 'srv' is not an absolute path without '.', '..' and empty parts"}},
        {R"({ "containers": [ { "container": {}, "expect": { "ceiling": ["CHOWM"] } } ] })",
         {"t/a.json:1:62: unknown capability 'CHOWM', did you mean 'CHOWN'?"}},
        {R"({ "commands": [ { "confinement": "w", "expect": { "label": "a" } } ] })",
         {"t/a.json:1:17: needs \"command\": the program and its arguments"}},
        {R"({ "commands": [ { "confinement": "w", "command": [], "expect": { "label": "a" } } ] })",
         {"t/a.json:1:50: \"command\" is empty: name a program"}},
        {R"({ "commands": [ { "confinement": "w", "command": ["sh"], "expect": { "label": "a" } } ] })",
         {"t/a.json:1:51: \"command\": 'sh' is not an absolute path without '.', '..' and empty parts"}},
        {R"({ "commands": [ { "confinement": "w", "command": ["/sh"], "cwd": "/a", "expect": { "label": "a" } } ] })",
         {"t/a.json:1:66: \"cwd\" goes with \"bundle\", in which the program is looked for: name the program in full"}},
        {R"({ "commands": [ { "bundle": "b", "command": ["sh"], "owned": true, "expect": { "label": "a" } } ] })",
         {"t/a.json:1:62: \"owned\" is told by the bundle: leave it out"}},
        {R"({ "commands": [ { "confinement": "w", "command": ["/sh"], "user": 4294967296, "expect": { "ceiling": [] } } ] })",
         {"t/a.json:1:67: \"user\" is no user ID", "t/a.json:1:91: unknown key 'ceiling' in \"expect\": known are 'label', 'refused'"}},
        {R"({ "profiles": [ { "may": ["r /a"] } ] })", {"t/a.json:1:17: needs \"label\": a profile, a child (A//B) or a stack (A//&B)"}},
        {R"({ "profiles": [ { "label": "a" } ] })",
         {"t/a.json:1:17: needs \"may\", \"mayNot\" or \"within\": without them, nothing is tested",
          "t/a.json:1:1: holds no case: write one under \"containers\", \"commands\" or \"profiles\""}},
        {R"({ "profiles": [ { "label": "a", "may": ["r /a"], "alone": true } ] })",
         {"t/a.json:1:59: \"alone\" goes with \"mayNot\": \"may\" is about the label alone, \"within\" never is"}},
        {R"({ "profiles": [ { "label": "a", "may": ["r /a", "r /a"] } ] })", {"t/a.json:1:49: 'r /a' is listed twice"}},
        {R"({ "profiles": [ { "label": "a//&", "may": ["r /a"] } ] })",
         {"t/a.json:1:28: \"label\": profile name 'a//&' has an empty component, which the kernel takes for no confinement"}},
    };
    for (const auto& row : rows) EXPECT_EQ(complaints(row.text), row.complaints) << row.text;
}

TEST(Reader, HasLimits) {
    EXPECT_THAT(complaints("{}" + std::string(apparmor::kMaxCatalogFile, ' ')), ElementsAre("t/a.json: is longer than 16777216 bytes"));
}

// -- the schema

std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct SchemaCase {
    std::vector<std::string> path;  // to the keys, in the schema
    std::string before, after;      // around an object of that kind
};

// The keys that are known where the text says.
std::vector<std::string> known_keys(const SchemaCase& row) {
    std::vector<std::string> result;
    for (const auto& error : read(row.before + "{ \"zzzzzzzz\": 1 }" + row.after).errors) {
        const auto at = error.problem.find(": known are ");
        if (!error.problem.starts_with("unknown key 'zzzzzzzz'") || at == std::string::npos) continue;
        std::istringstream words(error.problem.substr(at));
        for (std::string word; std::getline(words, word, ',');) result.push_back(word.substr(word.find('\'')));
    }
    std::ranges::sort(result);
    return result;
}

TEST(Reader, KnowsTheKeysOfTheSchema) {
    const SchemaCase rows[] = {
        {{"properties"}, "", ""},
        {{"$defs", "container", "properties"}, "{ \"containers\": [", "] }"},
        {{"$defs", "facts", "properties"}, "{ \"containers\": [ { \"container\": ", "} ] }"},
        {{"$defs", "container", "properties", "expect", "properties"}, "{ \"containers\": [ { \"expect\": ", "} ] }"},
        {{"$defs", "command", "properties"}, "{ \"commands\": [", "] }"},
        {{"$defs", "command", "properties", "expect", "properties"}, "{ \"commands\": [ { \"expect\": ", "} ] }"},
        {{"$defs", "profile", "properties"}, "{ \"profiles\": [", "] }"},
        {{"$defs", "bundle", "oneOf", "properties"}, "{ \"containers\": [ { \"bundle\": ", "} ] }"},
    };
    std::vector<apparmor::Complaint> errors;
    const auto schema = apparmor::parse_document({"schema", content(AA_SHARE "/policy-test.schema.json")}, errors);
    ASSERT_TRUE(schema);
    for (const auto& row : rows) {
        const apparmor::Node* node = &*schema;
        for (const auto& key : row.path) {
            node = node->items.empty() ? node->find(key) : node->items.back().find(key);
            ASSERT_NE(node, nullptr) << key;
        }
        std::vector<std::string> expected;
        for (const auto& member : node->members) expected.push_back("'" + member.key + "'");
        std::ranges::sort(expected);
        EXPECT_EQ(known_keys(row), expected) << row.before;
    }
}

}  // namespace
}  // namespace aa::ctl::test
