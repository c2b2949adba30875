// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/compiled_catalog.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "apparmor/catalog/pattern.h"

namespace aa::apparmor {
namespace {

Rule rule(Match match, Outcome outcome, std::uint32_t line) {
    Rule rule;
    rule.match = std::move(match);
    rule.outcome = std::move(outcome);
    rule.origin = {"rules.json", line, 5};
    return rule;
}

Confinement web() {
    Confinement web;
    web.name = "web";
    web.profile = std::string("web");
    web.combine = Combine::stack;
    web.ceiling = CapabilitySet(1U << 10U | std::uint64_t{1} << 40U);
    web.no_new_privileges = true;
    web.deny_syscalls = {"keyctl", "add_key"};
    web.exec_rules.push_back({"/usr/bin/pg_dump", std::string("web//backup"), {"web.json", 12, 11}});
    web.exec_rules.push_back({"/{,usr/}bin/sh", ExecRule::Deny{"no shells"}, {"web.json", 13, 11}});
    web.exec_otherwise = ExecOtherwise::deny;
    web.origin = {"web.json", 4, 5};
    return web;
}

Catalog small_catalog() {
    Catalog catalog;
    Confinement open;
    open.name = "open";
    open.profile = Unconfined{};
    open.ceiling = AllCapabilities{};
    open.origin = {"open.json", 3, 5};
    catalog.confinements = {web(), open};
    catalog.rules.push_back(rule({.labels = {{"tier", "front*"}}, .image = "nginx*"}, Use{"web"}, 10));
    catalog.rules.push_back(rule({.annotations = {{"team", "**"}}, .user = 1000}, Reject{"not for 1000"}, 11));
    catalog.rules.push_back(rule({.privileged = true}, Pass{}, 12));
    catalog.rules.push_back(rule({.kubernetes_namespace = "prod", .sandbox = true}, Use{"open"}, 13));
    catalog.rules[0].selectable = {"open", "web"};
    catalog.otherwise = Use{"web"};
    catalog.otherwise_origin = {"rules.json", 20, 18};
    catalog.otherwise_selectable = {"open"};
    catalog.decision_log = "/var/log/aa-shim.jsonl";
    return catalog;
}

// What a Selection says, in one line.
std::string text(const Result<Selection>& selection) {
    if (!selection) return "error: " + selection.error().message;
    std::string out = selection->why + ": ";
    if (const auto* use = std::get_if<Use>(&selection->outcome)) out += "use " + use->confinement;
    if (const auto* reject = std::get_if<Reject>(&selection->outcome)) out += "reject " + reject->message;
    if (std::get_if<Pass>(&selection->outcome) != nullptr) out += "pass";
    for (const auto& name : selection->selectable) out += " +" + name;
    return out;
}

std::string text(const Origin& origin) { return origin.text(); }

// All of a confinement in one line.
std::string text(const Result<Confinement>& confinement) {
    if (!confinement) return "error: " + confinement.error().message;
    const auto& c = *confinement;
    std::string out = c.name + " at " + text(c.origin);
    const auto* profile = std::get_if<std::string>(&c.profile);
    out += profile != nullptr ? ", profile " + *profile : std::string(", unconfined");
    out += ", combine " + std::to_string(static_cast<int>(c.combine));
    const auto* set = std::get_if<CapabilitySet>(&c.ceiling);
    out += set != nullptr ? ", ceiling " + set->names() : std::string(", all capabilities");
    out += c.no_new_privileges ? ", nnp" : "";
    for (const auto& name : c.deny_syscalls) out += ", deny " + name;
    for (const auto& exec : c.exec_rules) {
        const auto* deny = std::get_if<ExecRule::Deny>(&exec.action);
        out += ", exec " + exec.command + (deny != nullptr ? " denied: " + deny->message : " under " + std::get<std::string>(exec.action));
        out += " at " + text(exec.origin);
    }
    return out + ", otherwise " + std::to_string(static_cast<int>(c.exec_otherwise)) + ", start " +
           std::to_string(static_cast<int>(c.start));
}

CompiledCatalog view(std::string_view bytes) {
    auto catalog = CompiledCatalog::view(bytes, "test");
    EXPECT_TRUE(catalog) << catalog.error().message;
    return *std::move(catalog);
}

constexpr FactPair kFrontend[] = {{"other", "x"}, {"tier", "frontend"}};
constexpr FactPair kTeam[] = {{"team", ""}};

struct SelectCase {
    const char* name;
    Facts facts;
    const char* expected;
};

const SelectCase kSelections[] = {
    {"nothing is known", {}, "otherwise, rules.json:20:18: use web +open"},
    {"all clauses hold", {.image = "nginx:1", .labels = kFrontend}, "rule rules.json:10:5: use web +open +web"},
    {"the full image counts too", {.image_full = "nginx:1", .labels = kFrontend}, "rule rules.json:10:5: use web +open +web"},
    {"one clause does not hold", {.image = "nginx:1"}, "otherwise, rules.json:20:18: use web +open"},
    {"the image is another", {.image = "xnginx", .labels = kFrontend}, "otherwise, rules.json:20:18: use web +open"},
    {"an empty annotation is there", {.annotations = kTeam, .user = 1000}, "rule rules.json:11:5: reject not for 1000"},
    {"a label is no annotation", {.labels = kTeam, .user = 1000}, "otherwise, rules.json:20:18: use web +open"},
    {"another user", {.annotations = kTeam, .user = 100}, "otherwise, rules.json:20:18: use web +open"},
    {"the first rule wins", {.image = "nginx", .labels = kFrontend, .privileged = true}, "rule rules.json:10:5: use web +open +web"},
    {"privileged", {.privileged = true}, "rule rules.json:12:5: pass"},
    {"not privileged", {.privileged = false}, "otherwise, rules.json:20:18: use web +open"},
    {"a sandbox", {.kubernetes_namespace = "prod", .sandbox = true}, "rule rules.json:13:5: use open"},
    {"a sandbox that no rule names", {.kubernetes_namespace = "test", .sandbox = true}, "the default for a pod's sandbox: pass"},
    {"a sandbox matches no other rule", {.image = "nginx", .labels = kFrontend, .sandbox = true}, "the default for a pod's sandbox: pass"},
    {"no sandbox", {.kubernetes_namespace = "prod"}, "otherwise, rules.json:20:18: use web +open"},
};

TEST(CompiledCatalog, selects_the_first_rule_that_matches) {
    const auto bytes = compile_catalog(small_catalog());
    const auto catalog = view(bytes);
    for (const auto& c : kSelections) EXPECT_EQ(text(catalog.select(c.facts)), c.expected) << c.name;
}

TEST(CompiledCatalog, keeps_confinements) {
    const auto bytes = compile_catalog(small_catalog());
    const auto catalog = view(bytes);
    EXPECT_EQ(text(catalog.confinement("web")),
              "web at web.json:4:5, profile web, combine 1, ceiling NET_BIND_SERVICE,CHECKPOINT_RESTORE, nnp, deny keyctl, deny add_key, "
              "exec /usr/bin/pg_dump under web//backup at web.json:12:11, exec /{,usr/}bin/sh denied: no shells at web.json:13:11, "
              "otherwise 2, start 0");
    EXPECT_EQ(text(catalog.confinement("open")), "open at open.json:3:5, unconfined, combine 0, all capabilities, otherwise 0, start 0");
    const auto missing = catalog.confinement("we");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
    EXPECT_EQ(missing.error().message, "the compiled catalog 'test' has no confinement 'we'");
    EXPECT_FALSE(catalog.confinement(""));
    EXPECT_FALSE(catalog.confinement("webs"));
}

TEST(CompiledCatalog, keeps_settings) {
    auto source = small_catalog();
    const auto bytes = compile_catalog(source);
    EXPECT_EQ(bytes, compile_catalog(source));
    EXPECT_EQ(view(bytes).decision_log(), "/var/log/aa-shim.jsonl");
    EXPECT_EQ(view(bytes).without_apparmor(), WithoutAppArmor::refuse);
    EXPECT_TRUE(view(bytes).needs_engine_record());
    EXPECT_FALSE(view(bytes).architectures().empty());
    EXPECT_TRUE(view(bytes).architectures().at(0).starts_with("SCMP_ARCH_"));
    source.without_apparmor = WithoutAppArmor::capabilities_only;
    source.rules.clear();
    source.rules.push_back(rule({.engine = "docker", .handler = "web", .entrypoint = "/x"}, Use{"web"}, 1));
    const auto other = compile_catalog(source);
    EXPECT_EQ(view(other).without_apparmor(), WithoutAppArmor::capabilities_only);
    EXPECT_FALSE(view(other).needs_engine_record());
}

TEST(CompiledCatalog, of_an_empty_catalog) {
    Catalog source;
    source.otherwise = Pass{};
    source.otherwise_origin = {"a.json", 1, 15};
    const auto bytes = compile_catalog(source);
    EXPECT_EQ(text(view(bytes).select({})), "otherwise, a.json:1:15: pass");
    EXPECT_FALSE(view(bytes).confinement("x"));
}

// -- against the plainest possible reading of the rules

bool holds(const std::optional<std::string>& pattern, std::string_view fact) {
    return !pattern || (!fact.empty() && matches(*pattern, fact));
}

bool holds(const std::vector<std::pair<std::string, std::string>>& clauses, std::span<const FactPair> facts) {
    for (const auto& clause : clauses) {
        bool found = false;
        for (const auto& fact : facts) found = found || (fact.first == clause.first && matches(clause.second, fact.second));
        if (!found) return false;
    }
    return true;
}

bool holds(const Match& match, const Facts& facts) {
    return match.sandbox.value_or(false) == facts.sandbox && (!match.user || match.user == facts.user) &&
           (!match.privileged || match.privileged == facts.privileged) && holds(match.engine, facts.engine) &&
           holds(match.handler, facts.handler) && holds(match.kubernetes_namespace, facts.kubernetes_namespace) &&
           holds(match.pod, facts.pod) && holds(match.name, facts.name) && holds(match.entrypoint, facts.entrypoint) &&
           (holds(match.image, facts.image) || holds(match.image, facts.image_full)) && holds(match.labels, facts.labels) &&
           holds(match.annotations, facts.annotations);
}

std::string plainly(const Catalog& catalog, const Facts& facts) {
    for (const auto& rule : catalog.rules) {
        if (holds(rule.match, facts)) return text(Selection{rule.outcome, rule.selectable, "rule " + rule.origin.text()});
    }
    if (facts.sandbox) return text(Selection{Pass{}, {}, "the default for a pod's sandbox"});
    return text(Selection{catalog.otherwise, catalog.otherwise_selectable, "otherwise, " + catalog.otherwise_origin.text()});
}

class Dice {
public:
    explicit Dice(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t n) { return engine_() % n; }
    bool once_in(std::size_t n) { return below(n) == 0; }
    template <class List>
    auto& of(const List& list) {
        return list[below(std::size(list))];
    }

private:
    std::mt19937 engine_;
};

constexpr const char* kPatterns[] = {"a",  "ab", "abc", "a*",    "ab*",    "**",         "*",   "b/*", "b/**",
                                     "?b", "",   "\\*", "{a,b}", "a{b,c}", "[ab]{c,/a}", "/**", "/a",  "1000"};
constexpr const char* kValues[] = {"", "a", "ab", "abc", "b", "b/", "b/a", "b/a/c", "ac", "*", "/a", "/a/b", "1000"};

Match random_match(Dice& dice) {
    Match match;
    for (auto* clause :
         {&match.engine, &match.handler, &match.kubernetes_namespace, &match.pod, &match.name, &match.image, &match.entrypoint}) {
        if (dice.once_in(6)) *clause = dice.of(kPatterns);
    }
    if (dice.once_in(4)) match.labels.emplace_back(dice.of(kValues), dice.of(kPatterns));
    if (dice.once_in(8)) match.labels.emplace_back(dice.of(kValues), dice.of(kPatterns));
    if (dice.once_in(4)) match.annotations.emplace_back(dice.of(kValues), dice.of(kPatterns));
    if (dice.once_in(8)) match.user = static_cast<std::uint32_t>(dice.below(3));
    if (dice.once_in(8)) match.privileged = dice.once_in(2);
    if (dice.once_in(8)) match.sandbox = dice.once_in(2);
    return match;
}

Catalog random_catalog(Dice& dice) {
    auto catalog = small_catalog();
    catalog.rules.clear();
    const auto count = static_cast<std::uint32_t>(dice.below(40));
    for (std::uint32_t i = 0; i < count; ++i) catalog.rules.push_back(rule(random_match(dice), Use{"web"}, i + 1));
    return catalog;
}

TEST(CompiledCatalog, finds_what_a_search_through_all_rules_finds) {
    Dice dice(20);
    for (int round = 0; round < 300; ++round) {
        const auto source = random_catalog(dice);
        const auto bytes = compile_catalog(source);
        const auto catalog = view(bytes);
        for (int i = 0; i < 100; ++i) {
            const FactPair labels[] = {{dice.of(kValues), dice.of(kValues)}, {dice.of(kValues), dice.of(kValues)}};
            const FactPair annotations[] = {{dice.of(kValues), dice.of(kValues)}};
            Facts facts{.labels = labels, .annotations = annotations};
            for (auto* fact : {&facts.engine, &facts.handler, &facts.kubernetes_namespace, &facts.pod, &facts.name, &facts.image,
                               &facts.image_full, &facts.entrypoint}) {
                *fact = dice.of(kValues);
            }
            if (dice.once_in(2)) facts.user = static_cast<std::uint32_t>(dice.below(3));
            if (dice.once_in(2)) facts.privileged = dice.once_in(2);
            facts.sandbox = dice.once_in(8);
            ASSERT_EQ(text(catalog.select(facts)), plainly(source, facts)) << "round " << round;
        }
    }
}

// -- damage

// Everything that can be asked of a catalog, in one text.
std::string everything(const CompiledCatalog& catalog) {
    std::string out;
    for (const auto& c : kSelections) out += text(catalog.select(c.facts)) + "\n";
    for (const auto* name : {"web", "open", "none"}) out += text(catalog.confinement(name)) + "\n";
    out += std::string(catalog.decision_log()) + (catalog.needs_engine_record() ? " record" : "");
    for (const auto& name : catalog.architectures()) out += " " + name;
    return out + std::to_string(static_cast<int>(catalog.without_apparmor()));
}

// The lines of TEXT that are not errors must be lines of WHOLE, at the same place.
void expect_same_or_error(const std::string& text, const std::string& whole, std::size_t at) {
    std::istringstream lines(text);
    std::istringstream expected(whole);
    std::string line;
    std::string wanted;
    while (std::getline(lines, line) && std::getline(expected, wanted)) {
        if (line != wanted) {
            EXPECT_TRUE(line.starts_with("error: the compiled catalog 'test' ")) << "byte " << at << ": " << line;
        }
    }
}

TEST(CompiledCatalog, is_never_misread_when_a_byte_is_wrong) {
    const auto bytes = compile_catalog(small_catalog());
    const auto whole = everything(view(bytes));
    std::size_t refused = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (const unsigned flip : {0x01U, 0x80U, 0xFFU}) {
            auto damaged = bytes;
            damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ flip);
            const auto catalog = CompiledCatalog::view(damaged, "test");
            if (!catalog) {
                ++refused;
                EXPECT_TRUE(catalog.error().message.ends_with(": run 'aa-shimctl load'")) << catalog.error().message;
                continue;
            }
            const auto text = everything(*catalog);
            EXPECT_NE(text.find("error"), std::string::npos) << "byte " << at << " is looked at by nobody";
            expect_same_or_error(text, whole, at);
        }
    }
    EXPECT_GT(refused, 0U);
}

TEST(CompiledCatalog, is_refused_when_truncated_or_longer) {
    const auto bytes = compile_catalog(small_catalog());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(CompiledCatalog::view(std::string_view(bytes).substr(0, size), "test")) << size;
    }
    EXPECT_FALSE(CompiledCatalog::view(bytes + '\0', "test"));
}

TEST(CompiledCatalog, is_refused_when_its_parts_are_exchanged) {
    const auto bytes = compile_catalog(small_catalog());
    const auto whole = everything(view(bytes));
    for (std::size_t at = 16; at + 64 < bytes.size(); at += 32) {
        auto damaged = bytes;
        damaged.replace(at, 32, bytes, at + 32, 32);
        const auto catalog = CompiledCatalog::view(damaged, "test");
        if (catalog) expect_same_or_error(everything(*catalog), whole, at);
    }
}

struct RefusalCase {
    const char* name;
    std::string bytes;
    const char* message;
};

TEST(CompiledCatalog, says_why_it_is_refused) {
    const auto bytes = compile_catalog(small_catalog());
    auto newer = bytes;
    newer[8] = 3;
    auto flipped = bytes;
    flipped[30] ^= 1;
    const RefusalCase cases[] = {
        {"empty", "", "the compiled catalog 'test' is not one: it begins with something else: run 'aa-shimctl load'"},
        {"foreign", "{\"rules\": []}                    ",
         "the compiled catalog 'test' is not one: it begins with something else: run 'aa-shimctl load'"},
        {"short", bytes.substr(0, 15), "the compiled catalog 'test' is truncated: run 'aa-shimctl load'"},
        {"truncated", bytes.substr(0, 500), "the compiled catalog 'test' is truncated: run 'aa-shimctl load'"},
        {"longer", bytes + "x", "the compiled catalog 'test' is longer than it says: run 'aa-shimctl load'"},
        {"newer", newer, "the compiled catalog 'test' is of a version that this aa-shim does not read: run 'aa-shimctl load'"},
        {"flipped", flipped, "the compiled catalog 'test' is damaged: a checksum is wrong: run 'aa-shimctl load'"},
    };
    for (const auto& c : cases) {
        const auto catalog = CompiledCatalog::view(c.bytes, "test");
        ASSERT_FALSE(catalog) << c.name;
        EXPECT_EQ(catalog.error().message, c.message) << c.name;
    }
}

// -- files

class CompiledCatalogFile : public testing::Test {
protected:
    void SetUp() override {
        std::string name = "catalog-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        directory_ = name;
        path_ = directory_ + "/catalog";
    }
    void TearDown() override {
        chmod(directory_.c_str(), 0755);
        unlink(path_.c_str());
        unlink((directory_ + "/other").c_str());
        rmdir(directory_.c_str());
    }

    void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
    [[nodiscard]] std::string refusal() const {
        const auto catalog = CompiledCatalog::open(path_);
        return catalog ? "not refused" : catalog.error().message;
    }

    std::string directory_;
    std::string path_;
};

TEST_F(CompiledCatalogFile, is_read_as_the_bytes_are) {
    auto source = small_catalog();
    for (std::uint32_t i = 0; i < 3000; ++i) {
        source.rules.push_back(rule({.image = "registry/app-" + std::to_string(i)}, Reject{std::string(i % 1000, 'x')}, 100 + i));
    }
    for (const bool is_large : {false, true}) {
        const auto bytes = compile_catalog(is_large ? source : small_catalog());
        write(bytes);
        const auto catalog = CompiledCatalog::open(path_);
        ASSERT_TRUE(catalog) << catalog.error().message;
        EXPECT_EQ(everything(*catalog), everything(*CompiledCatalog::view(bytes, path_)));
        for (const auto* image : {"registry/app-0", "registry/app-2999", "registry/app-", "registry/app-17x"}) {
            EXPECT_EQ(text(catalog->select({.image = image})), text(view(bytes).select({.image = image}))) << image;
        }
    }
}

TEST_F(CompiledCatalogFile, is_refused_when_missing) {
    EXPECT_EQ(refusal(), "there is no compiled catalog '" + path_ + "': run 'aa-shimctl load'");
    const auto catalog = CompiledCatalog::open("no-such-directory/catalog");
    ASSERT_FALSE(catalog);
    EXPECT_EQ(catalog.error().kind, ErrorKind::not_found);
    EXPECT_EQ(catalog.error().message, "there is no compiled catalog 'no-such-directory/catalog': run 'aa-shimctl load'");
}

TEST_F(CompiledCatalogFile, is_refused_when_others_could_have_written_it) {
    write(compile_catalog(small_catalog()));
    ASSERT_EQ(chmod(path_.c_str(), 0664), 0);
    EXPECT_NE(refusal().find(path_), std::string::npos);
    ASSERT_EQ(chmod(path_.c_str(), 0646), 0);
    EXPECT_NE(refusal(), "not refused");
    ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
    EXPECT_EQ(refusal(), "not refused");
    ASSERT_EQ(chmod(directory_.c_str(), 0775), 0);
    EXPECT_NE(refusal(), "not refused");
}

TEST_F(CompiledCatalogFile, is_refused_when_it_belongs_to_another) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    write(compile_catalog(small_catalog()));
    ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
    EXPECT_NE(refusal(), "not refused");
}

TEST_F(CompiledCatalogFile, is_refused_when_it_is_not_a_file) {
    write(compile_catalog(small_catalog()));
    ASSERT_EQ(rename(path_.c_str(), (directory_ + "/other").c_str()), 0);
    ASSERT_EQ(symlink("other", path_.c_str()), 0);
    EXPECT_NE(refusal(), "not refused");
    ASSERT_EQ(unlink(path_.c_str()), 0);
    ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
    EXPECT_EQ(refusal(), "the compiled catalog '" + path_ + "' is not a regular file: run 'aa-shimctl load'");
}

TEST_F(CompiledCatalogFile, is_refused_when_truncated) {
    const auto bytes = compile_catalog(small_catalog());
    write(bytes.substr(0, bytes.size() - 1));
    EXPECT_EQ(refusal(), "the compiled catalog '" + path_ + "' is truncated: run 'aa-shimctl load'");
}

}  // namespace
}  // namespace aa::apparmor
