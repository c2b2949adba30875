// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "apparmor/catalog/document.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = AA_GOLDEN "/catalog";

std::string content(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

std::vector<fs::path> sorted(const fs::path& directory, std::string_view extension) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(directory)) {
        if (entry.path().extension() == extension) paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    return paths;
}

std::string complaints(std::span<const CatalogSource> sources) {
    const auto reading = read_catalog(sources);
    std::string text;
    for (const auto& error : reading.errors) text += error.text() + "\n";
    for (const auto& note : reading.notes) text += "note: " + note.text() + "\n";
    return text;
}

// Each folder is one catalog; `expected` holds all that is said of it. In `syntax` each file is a catalog of its own.
class Golden : public testing::TestWithParam<fs::path> {};

TEST_P(Golden, complaints_are_complete) {
    std::vector<CatalogSource> sources;
    std::string text;
    const bool single = GetParam().filename() == "syntax";
    for (const auto& path : sorted(GetParam(), ".json")) {
        sources.push_back({path.filename(), content(path)});
        if (!single) continue;
        text += complaints(sources);
        sources.clear();
    }
    if (!single) text = complaints(sources);
    const auto expected = GetParam() / "expected";
    if (std::getenv("AA_UPDATE_GOLDEN") != nullptr) std::ofstream(expected, std::ios::binary) << text;
    EXPECT_EQ(text, content(expected));
}

INSTANTIATE_TEST_SUITE_P(Catalogs, Golden, testing::ValuesIn(sorted(kGolden, "")),
                         [](const auto& tested) { return tested.param.filename().string(); });

CatalogReading read(std::string text) {
    const CatalogSource source{"a.json", std::move(text)};
    return read_catalog({&source, 1});
}

TEST(CatalogJson, reads_what_the_policy_decides) {
    const auto reading = read(R"({"confinements": {"web": {"apparmor": "web", "capabilities": "from-profile",
        "exec": {"unconfined": true}, "start": "from-profile", "refuseExec": "exit-status"},
        "plain": {"apparmor": "web", "capabilities": []}}, "otherwise": "plain"})");
    ASSERT_TRUE(reading.ok());
    const auto& web = reading.catalog.confinements[0];
    EXPECT_NE(std::get_if<FromProfile>(&web.ceiling), nullptr);
    EXPECT_EQ(web.exec_otherwise, ExecOtherwise::transition);
    EXPECT_TRUE(web.exec_unconfined);
    EXPECT_EQ(web.start, Start::from_profile);
    EXPECT_EQ(web.refuse_exec, RefuseExec::exit_status);
    EXPECT_EQ(reading.catalog.confinements[1].exec_otherwise, ExecOtherwise::transition);
    EXPECT_EQ(reading.catalog.confinements[1].refuse_exec, RefuseExec::error);
}

TEST(CatalogJson, reads_what_callers_may_bring) {
    const auto reading = read(R"({"confinements": {"web": {"apparmor": "web", "capabilities": [], "restore": "allow", "runtimeAnnotations":
        ["run.oci.handler={wasm,krun}", "org.systemd.property.*", "a\\=b=c=d", "empty="]}}, "otherwise": "web"})");
    ASSERT_TRUE(reading.ok());
    const auto& web = reading.catalog.confinements[0];
    EXPECT_EQ(web.restore, Restore::allow);
    EXPECT_EQ(web.runtime_annotations,
              (std::vector<RuntimeAnnotation>{
                  {"run.oci.handler", "{wasm,krun}"}, {"org.systemd.property.*", std::nullopt}, {"a\\=b", "c=d"}, {"empty", ""}}));
    const auto plain = read(R"({"confinements": {"web": {"apparmor": "web", "capabilities": []}}, "otherwise": "web"})");
    EXPECT_EQ(plain.catalog.confinements[0].restore, Restore::refuse);
    EXPECT_TRUE(plain.catalog.confinements[0].runtime_annotations.empty());
}

TEST(CatalogJson, reads_everything) {
    std::vector<CatalogSource> sources;
    for (const auto& path : sorted(kGolden / "good", ".json")) sources.push_back({path.filename(), content(path)});
    const auto reading = read_catalog(sources);
    ASSERT_TRUE(reading.ok());
    const auto& catalog = reading.catalog;
    ASSERT_EQ(catalog.confinements.size(), 2U);
    const auto& baseline = catalog.confinements[0];
    EXPECT_EQ(std::get<std::string>(baseline.profile), "baseline");
    EXPECT_EQ(baseline.combine, Combine::tighten);
    EXPECT_EQ(std::get<CapabilitySet>(baseline.ceiling).names(), "CHOWN,NET_BIND_SERVICE");
    EXPECT_FALSE(baseline.no_new_privileges);
    EXPECT_EQ(baseline.exec_otherwise, ExecOtherwise::base);
    EXPECT_EQ(baseline.origin.text(), "a.json:5:5");
    const auto& web = catalog.confinements[1];
    EXPECT_EQ(web.name, "web-1.x_y");
    EXPECT_EQ(web.exec_otherwise, ExecOtherwise::transition);
    EXPECT_FALSE(web.exec_unconfined);
    EXPECT_EQ(web.start, Start::in_profile);
    EXPECT_EQ(std::get<std::string>(web.profile), "web//worker");
    EXPECT_EQ(web.combine, Combine::stack);
    EXPECT_TRUE(std::get<CapabilitySet>(web.ceiling).empty());
    EXPECT_TRUE(web.no_new_privileges);
    EXPECT_EQ(web.deny_syscalls, (std::vector<std::string>{"keyctl", "add_key"}));
    ASSERT_EQ(web.exec_rules.size(), 2U);
    EXPECT_EQ(web.exec_rules[0].command, "/usr/bin/pg_dump");
    EXPECT_EQ(std::get<std::string>(web.exec_rules[0].action), "web//backup");
    EXPECT_EQ(std::get<ExecRule::Deny>(web.exec_rules[1].action).message, "no shells in web containers");
    EXPECT_EQ(web.exec_rules[1].origin.text(), "a.json:14:11");
    ASSERT_EQ(catalog.rules.size(), 5U);
    EXPECT_EQ(catalog.rules[0].match.image, "registry.example/web/*");
    EXPECT_EQ(catalog.rules[0].match.kubernetes_namespace, "prod");
    EXPECT_EQ(std::get<Use>(catalog.rules[0].outcome).confinement, "web-1.x_y");
    EXPECT_EQ(catalog.rules[0].selectable, (std::vector<std::string>{"baseline"}));
    EXPECT_EQ(catalog.rules[0].origin.text(), "a.json:24:5");
    EXPECT_EQ(catalog.rules[1].match.labels, (std::vector<std::pair<std::string, std::string>>{{"tier", "frontend"}}));
    EXPECT_EQ(catalog.rules[2].match.annotations, (std::vector<std::pair<std::string, std::string>>{{"example.org/team", "**"}}));
    EXPECT_EQ(catalog.rules[2].match.user, 0U);
    EXPECT_EQ(catalog.rules[2].match.privileged, true);
    EXPECT_EQ(std::get<Reject>(catalog.rules[2].outcome).message, "not as root");
    EXPECT_EQ(catalog.rules[3].match.engine, "cri-*");
    EXPECT_EQ(catalog.rules[3].match.pod, "web-*");
    EXPECT_EQ(catalog.rules[3].match.sandbox, true);
    EXPECT_EQ(catalog.rules[4].match.handler, "web");
    EXPECT_EQ(catalog.rules[4].match.entrypoint, "/usr/sbin/nginx");
    EXPECT_EQ(catalog.rules[4].match.name, "x");
    EXPECT_EQ(std::get<Use>(catalog.otherwise).confinement, "baseline");
    EXPECT_EQ(catalog.otherwise_origin.text(), "b.json:1:16");
    EXPECT_EQ(catalog.without_apparmor, WithoutAppArmor::refuse);
    EXPECT_EQ(catalog.profile_dirs, (std::vector<std::string>{"/srv/profiles"}));
    EXPECT_EQ(catalog.decision_log, "/var/log/aa-shim.jsonl");
    EXPECT_TRUE(catalog.log_exec_processes);
}

struct SchemaCase {
    std::vector<std::string_view> path;  // of the object's properties in the schema
    const char* before;                  // of the object in a catalog
    const char* after;
};

// The keys that the reader names when it does not know one.
std::string known_keys(const SchemaCase& c) {
    const auto reading = read(std::string(c.before) + "{ \"zzzzzzzz\": 1 }" + c.after);
    for (const auto& error : reading.errors) {
        const auto at = error.problem.find(": known are ");
        if (error.problem.starts_with("unknown key 'zzzzzzzz'")) return error.problem.substr(at + 12);
    }
    return "nothing";
}

TEST(CatalogJson, knows_the_keys_of_the_schema) {
    const SchemaCase cases[] = {
        {{"properties"}, "", ""},
        {{"properties", "otherwise"}, "{ \"otherwise\": ", "}"},
        {{"$defs", "confinement", "properties"}, "{ \"confinements\": { \"a\": ", "} }"},
        {{"$defs", "confinement", "properties", "exec", "properties"}, "{ \"confinements\": { \"a\": { \"exec\": ", "} } }"},
        {{"$defs", "execRule", "properties"}, "{ \"confinements\": { \"a\": { \"exec\": { \"rules\": [", "] } } } }"},
        {{"$defs", "rule", "properties"}, "{ \"rules\": [", "] }"},
        {{"$defs", "match", "properties"}, "{ \"rules\": [ { \"match\": ", "} ] }"},
    };
    std::vector<Complaint> errors;
    const auto schema = parse_document({"schema", content(AA_SHARE "/catalog.schema.json")}, errors);
    ASSERT_TRUE(schema);
    for (const auto& c : cases) {
        const Node* node = &*schema;
        for (const auto key : c.path) node = node->find(key);
        ASSERT_NE(node, nullptr);
        if (node->find("oneOf") != nullptr) node = node->find("oneOf")->items.at(1).find("properties");
        std::vector<std::string> expected;
        for (const auto& member : node->members) expected.push_back("'" + member.key + "'");
        std::vector<std::string> known;
        std::istringstream words(known_keys(c));
        for (std::string word; std::getline(words, word, ',');) known.push_back(word.substr(word.find('\'')));
        std::ranges::sort(expected);
        std::ranges::sort(known);
        EXPECT_EQ(known, expected) << c.before;
    }
}

TEST(CatalogJson, needs_a_file) {
    const auto reading = read_catalog({});
    ASSERT_EQ(reading.errors.size(), 1U);
    EXPECT_EQ(reading.errors[0].text(), "the catalog: there is no file in it");
}

TEST(CatalogJson, has_limits) {
    const auto large = read("{}" + std::string(kMaxCatalogFile, ' '));
    ASSERT_EQ(large.errors.size(), 1U);
    EXPECT_EQ(large.errors[0].text(), "a.json: is longer than 16777216 bytes");
    const auto deep = read("{ \"rules\": " + std::string(100000, '[') + std::string(100000, ']') + "}");
    ASSERT_EQ(deep.errors.size(), 1U);
    EXPECT_EQ(deep.errors[0].text(), "a.json:1:43: is nested deeper than 32 levels");
}

TEST(CatalogJson, refuses_every_truncation) {
    const auto whole = content(kGolden / "good" / "a.json") + "\n";
    const auto end = whole.rfind('}');
    for (std::size_t size = 0; size <= end; ++size) EXPECT_FALSE(read(whole.substr(0, size)).ok()) << size;
}

// A hundred thousand values on one line must not take the square of the time.
TEST(CatalogJson, takes_linear_time_on_one_line) {
    std::string text = "{ \"profileDirs\": [";
    for (int i = 0; i < 100000; ++i) text += "1,";
    const auto reading = read(text + "1], \"otherwise\": { \"pass\": true } }");
    ASSERT_EQ(reading.errors.size(), 100001U);
    EXPECT_EQ(reading.errors.back().text(), "a.json:1:200019: each of \"profileDirs\" must be a text, not a number");
}

TEST(CatalogJson, reads_many_rules) {
    std::string text = "{ \"confinements\": { \"a\": { \"apparmor\": \"a\", \"capabilities\": [] } }, \"otherwise\": \"a\", \"rules\": [\n";
    for (int i = 0; i < 10000; ++i) {
        text += "{ \"match\": { \"image\": \"registry/app-" + std::to_string(i) + ":*\" }, \"use\": \"a\" },\n";
    }
    const auto reading = read(text + "{ \"match\": { \"image\": \"registry/app-77:{1,2}\" }, \"use\": \"a\" } ] }");
    ASSERT_EQ(reading.errors.size(), 1U);
    EXPECT_EQ(reading.errors[0].text(), "a.json:10002:1: this rule can never match: the one at a.json:79:1 matches whatever it would");
}

}  // namespace
}  // namespace aa::apparmor
