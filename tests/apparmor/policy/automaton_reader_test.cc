// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/automaton_reader.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "tests/apparmor/policy/fixture.h"
#include "tests/apparmor/policy/written_policy.h"

namespace aa::apparmor {
namespace {

constexpr std::string_view kAt = "NAME: profile 'p' at byte ";

// The problem without the place, which is checked to be within the file.
std::string tables_problem(const Record& record) {
    const auto bytes = record.bytes();
    std::string all = problem(bytes);
    const std::string middle = ": cannot evaluate the policy: ";
    const auto end = all.find(middle);
    if (!all.starts_with(kAt) || end == std::string::npos) return all;
    EXPECT_LE(std::stoul(all.substr(kAt.size(), end - kAt.size())), bytes.size());
    return all.substr(end + middle.size());
}

TEST(AutomatonReader, VerifiesAutomata) {
    const struct {
        const char* expected;
        std::function<void(RawTables&)> change;
    } kRows[] = {
        {"none", [](RawTables&) {}},
        {"its automaton does not begin with the number of the format", [](RawTables& t) { t.magic = 1; }},
        {"its automaton has a header of an impossible size", [](RawTables& t) { t.header = 20; }},
        {"its automaton has a header of an impossible size", [](RawTables& t) { t.header = 0xFFFFFFFF; }},
        {"its automaton has flags that are not known", [](RawTables& t) { t.flags = 4; }},
        {"its automaton has a table that is not known", [](RawTables& t) { t.table(RawTables::kMeta).values = {1}; }},
        {"its automaton has a table that is not known", [](RawTables& t) { t.tables[0].id = 0; }},
        {"its automaton has a table that is not known", [](RawTables& t) { t.tables[0].id = 9; }},
        {"its automaton has a table twice", [](RawTables& t) { t.tables.push_back(t.tables[0]); }},
        {"its automaton has an empty table", [](RawTables& t) { t.tables[1].values.clear(); }},
        {"its automaton has a table of numbers of a wrong width", [](RawTables& t) { t.tables[0].width = 2; }},
        {"its automaton has a table of numbers of a wrong width", [](RawTables& t) { t.tables[2].width = 1; }},
        {"its automaton has a table of numbers of a wrong width", [](RawTables& t) { t.table(RawTables::kClasses).values.resize(256); }},
        {"its automaton has classes for fewer or more than all bytes",
         [](RawTables& t) {
             t.tables.push_back({RawTables::kClasses, 1, {0}});
         }},
        {"its automaton lacks a table", [](RawTables& t) { t.tables.pop_back(); }},
        {"its automaton lacks a table", [](RawTables& t) { t.tables.clear(); }},
        {"its automaton has tables that do not fit each other", [](RawTables& t) { t.tables[0].values.push_back(0); }},
        {"its automaton has tables that do not fit each other", [](RawTables& t) { t.tables[2].values.push_back(0); }},
        {"its automaton has tables that do not fit each other", [](RawTables& t) { t.table(RawTables::kAccept2).values = {0}; }},
        {"its automaton has no start state",
         [](RawTables& t) {
             for (const auto id : {RawTables::kAccept, RawTables::kBase, RawTables::kDefault}) t.table(id).values = {0};
         }},
        {"its automaton is damaged: state 1 has a default state that does not exist",
         [](RawTables& t) { t.table(RawTables::kDefault).values[1] = 2; }},
        {"its automaton is damaged: state 1 has flags that are not known",
         [](RawTables& t) { t.table(RawTables::kBase).values[1] = 0x40000000; }},
        {"its automaton is damaged: state 1 is differential, which the header does not say",
         [](RawTables& t) { t.table(RawTables::kBase).values[1] = 0x80000000; }},
        {"its automaton is damaged: state 1 has an impossible transition without a byte",
         [](RawTables& t) { t.table(RawTables::kBase).values[1] = 0x20000001; }},
        {"its automaton is damaged: state 1 has an impossible transition without a byte",
         [](RawTables& t) {
             t.flags = 2;
             t.table(RawTables::kBase).values[1] = 0x20000000;
         }},
        {"its automaton is damaged: state 1 has transitions beyond the table",
         [](RawTables& t) { t.table(RawTables::kBase).values[1] = 257; }},
        {"its automaton has a transition from or to a state that does not exist",
         [](RawTables& t) { t.table(RawTables::kNext).values[5] = 2; }},
        {"its automaton has a transition from or to a state that does not exist",
         [](RawTables& t) { t.table(RawTables::kCheck).values[5] = 2; }},
        {"its automaton goes on from its dead state", [](RawTables& t) { t.table(RawTables::kDefault).values[0] = 1; }},
        {"its automaton goes on from its dead state", [](RawTables& t) { t.table(RawTables::kNext).values[5] = 1; }},
        {"its automaton is damaged: state 1 is in a chain of differential states that never ends",
         [](RawTables& t) {
             t.flags = 1;
             t.table(RawTables::kBase).values[1] = 0x80000000;
             t.table(RawTables::kDefault).values[1] = 1;
         }},
        {"its automaton has an exec rule whose target does not exist",
         [](RawTables& t) { t.table(RawTables::kAccept).values[1] = 4U << 10U; }},
        {"its automaton has an exec rule whose target does not exist",
         [](RawTables& t) { t.table(RawTables::kAccept).values[1] = 4U << 24U; }},
    };
    for (const auto& row : kRows) EXPECT_EQ(tables_problem(with_tables(row.change)), row.expected);
}

TEST(AutomatonReader, VerifiesAutomataThatAreCutOff) {
    const std::string bytes = RawTables().bytes();
    for (std::size_t size = 1; size < bytes.size(); ++size) {
        // What is left over by eight is padding in front.
        const std::string padding(size % 8, '\0');
        const auto record = with_rest([&](PolicyWriter& w) { w.blob((padding + bytes).substr(0, size), "aadfa"); });
        EXPECT_NE(problem(record.bytes()), "none") << size;
    }
    for (std::size_t padding = 0; padding < 8; ++padding) {
        const auto record = with_rest([&](PolicyWriter& w) { w.blob(std::string(padding, '\0') + bytes, "aadfa"); });
        EXPECT_EQ(problem(record.bytes()), "none") << padding;
    }
    auto huge = RawTables();
    std::string hostile = huge.bytes();
    // The count of the first table, made to overflow 32 bits when it is multiplied by a width.
    for (const std::size_t at : {std::size_t{32}, std::size_t{33}, std::size_t{34}, std::size_t{35}}) hostile[at] = '\xFF';
    EXPECT_EQ(tables_problem(with_rest([&](PolicyWriter& w) { w.blob(hostile, "aadfa"); })), "its automaton has a table that is cut off");
}

TEST(AutomatonReader, VerifiesStarts) {
    for (const char* start : {"start", "dfa_start"}) {
        const auto record = with_rest([&](PolicyWriter& w) { w.blob(RawTables().bytes(), "aadfa").u32(2, start); });
        EXPECT_EQ(tables_problem(record), "its automaton starts in a state that does not exist");
    }
    Record attached;
    attached.attachment = [](PolicyWriter& w) { w.blob(RawTables().bytes(), "aadfa").u32(0, "start").u32(3); };
    EXPECT_EQ(tables_problem(attached), "its attachment has a start state of its own");
}

TEST(AutomatonReader, VerifiesPermissionTables) {
    enum Field : std::uint8_t { allow = 1, deny, subtree, cond, kill, complain, prompt, hide = 10, xindex };
    using Entry = std::vector<std::uint32_t>;
    const auto owner_pair = [](RawTables& t) { t.tables.push_back({RawTables::kAccept2, 4, {0, 1}}); };
    const struct {
        const char* expected;
        std::function<void(Entry&)> entry;
        std::function<void(RawTables&)> tables;
    } kRows[] = {
        {"none", [](Entry& e) { e[allow] = 1; }, owner_pair},
        {"none", [](Entry& e) { e[kill] = 1; }, owner_pair},
        {"entry 1 of the permission table contradicts itself", [](Entry& e) { e[allow] = e[deny] = 1; }, owner_pair},
        {"entry 1 of the permission table contradicts itself", [](Entry& e) { e[subtree] = 1; }, owner_pair},
        {"entry 1 of the permission table contradicts itself", [](Entry& e) { e[cond] = e[deny] = 1; }, owner_pair},
        {"entry 1 of the permission table contradicts itself", [](Entry& e) { e[kill] = e[allow] = 1; }, owner_pair},
        {"entry 1 of the permission table contradicts itself", [](Entry& e) { e[complain] = e[allow] = 1; }, owner_pair},
        {"entry 1 of the permission table contradicts itself", [](Entry& e) { e[prompt] = e[complain] = 1; }, owner_pair},
        {"entry 1 of the permission table contradicts itself", [](Entry& e) { e[hide] = e[allow] = 1; }, owner_pair},
        {"entry 1 of the permission table has conditions, prompts or complaints of its own", [](Entry& e) { e[prompt] = 1; }, owner_pair},
        {"entry 1 of the permission table has conditions, prompts or complaints of its own", [](Entry& e) { e[complain] = 1; }, owner_pair},
        {"its automaton has an exec rule whose target does not exist", [](Entry& e) { e[xindex] = exec_index::kTable; }, owner_pair},
        {"its automaton has an exec rule of a kind that is not known", [](Entry& e) { e[xindex] = exec_index::kTypeMask; }, owner_pair},
        {"its automaton lacks the table of second accepting values", [](Entry&) {}, [](RawTables&) {}},
        {"its automaton has permissions that do not exist", [](Entry&) {},
         [](RawTables& t) {
             t.tables.push_back({RawTables::kAccept2, 4, {0, 0}});
             t.tables[0].values[1] = 2;
         }},
        {"its automaton has permissions that do not exist", [](Entry&) {},
         [](RawTables& t) {
             t.tables.push_back({RawTables::kAccept2, 4, {0, 1}});
             t.tables[0].values[1] = 1;
         }},
        {"its automaton has accepting flags that are not known", [](Entry&) {},
         [](RawTables& t) {
             t.tables.push_back({RawTables::kAccept2, 4, {0, 2}});
         }},
    };
    for (const auto& row : kRows) EXPECT_EQ(tables_problem(with_permissions(row.entry, row.tables)), row.expected);
}

// A long chain of differential states, and a table as wide as it gets: read in one pass.
TEST(AutomatonReader, LargeAutomataTakeLinearTime) {
    RawTables tables;
    const std::uint32_t states = 200'000;
    tables.flags = 1;
    tables.tables[0].values.assign(states, 0);
    tables.tables[1].values.assign(states, 0x80000000);
    tables.tables[1].values[0] = 0;
    tables.tables[3] = {RawTables::kDefault, 4, std::vector<std::uint32_t>(states)};
    // Each is a difference to the one before it, but for what comes first.
    for (std::uint32_t state = 1; state < states; ++state) tables.tables[3].values[state] = state - 1;
    tables.tables[2] = {RawTables::kCheck, 4, std::vector<std::uint32_t>(1'000'000)};
    tables.tables[4] = {RawTables::kNext, 4, std::vector<std::uint32_t>(1'000'000)};
    for (std::uint32_t i = 0; i < states; ++i) tables.tables[0].values[i] = i & 0x7FU;
    const auto bytes = with_rest([blob = tables.bytes()](PolicyWriter& w) { w.blob(blob, "aadfa"); }).bytes();
    const auto start = std::chrono::steady_clock::now();
    const auto profiles = read_policy(bytes, "NAME");
    ASSERT_TRUE(profiles) << profiles.error().message;
    EXPECT_EQ(profiles->front().files.step(states - 1, 'x'), kDeadState);
    // Far above what it takes with sanitizers, far below what anything quadratic would.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace aa::apparmor
