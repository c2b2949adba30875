// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "tests/apparmor/policy/fixture.h"

namespace aa::apparmor {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

constexpr const char* kKinds[] = {"exec", "hat", "change", "part"};

class GraphOf : public testing::TestWithParam<const char*> {
protected:
    Graph graph(const std::vector<std::string>& labels, const GraphLimits& limits = {}) {
        PolicySet policy(policy_profiles(GetParam(), "reach"));
        auto graph = graph_of(policy, labels, limits);
        EXPECT_TRUE(graph) << graph.error().message;
        return graph ? *std::move(graph) : Graph();
    }

    static std::vector<std::string> nodes(const Graph& graph) {
        std::vector<std::string> result;
        for (const auto& node : graph.nodes) {
            result.push_back(node.label + (node.hat ? " hat" : "") + (node.confines ? "" : " unconfined"));
        }
        return result;
    }

    // "from kind rule to".
    static std::vector<std::string> moves(const Graph& graph) {
        std::vector<std::string> result;
        for (const auto& move : graph.moves) {
            result.push_back(join(std::vector<std::string>{graph.nodes[move.from].label, kKinds[static_cast<int>(move.kind)], move.rule,
                                                           graph.nodes[move.to].label},
                                  " "));
        }
        return result;
    }

    static const GraphMove& move_by(const Graph& graph, const std::string& rule) {
        static const GraphMove kNone;
        const auto found = std::find_if(graph.moves.begin(), graph.moves.end(), [&](const auto& move) { return move.rule == rule; });
        EXPECT_NE(found, graph.moves.end()) << rule;
        return found == graph.moves.end() ? kNone : *found;
    }
};

INSTANTIATE_TEST_SUITE_P(Compilers, GraphOf, testing::ValuesIn(kCompilers), [](const auto& compiler) {
    std::string name = compiler.param;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
    return name;
});

TEST_P(GraphOf, EveryKindOfMove) {
    const auto all = graph({"start"});
    EXPECT_THAT(nodes(all), UnorderedElementsAre("start", "start//kid", "start//hat hat", "start//cap hat", "one", "puts", "lib", "under",
                                                 "changed", "then", "y//&then", "y"));
    EXPECT_THAT(moves(all),
                IsSupersetOf({"start exec ix start", "start exec cx -> kid start//kid", "start exec Px one", "start exec px lib",
                              "start exec px under", "start exec pux puts", "start hat  start//hat", "start hat  start//cap",
                              "start//hat change  changed", "lib exec px -> &then y//&then", "y//&then part  y", "y//&then part  then"}));
    EXPECT_THAT(all.roots, ElementsAre(0U));
    EXPECT_TRUE(all.complete);
}

TEST_P(GraphOf, TheFilesThatTakeAMove) {
    const auto all = graph({"start"});
    EXPECT_THAT(move_by(all, "ix").paths, UnorderedElementsAre("/bin/a", "/bin/b"));
    EXPECT_TRUE(move_by(all, "ix").all_paths);
    EXPECT_THAT(move_by(all, "cx -> kid").paths, ElementsAre("/bin/kid"));
    EXPECT_FALSE(move_by(all, "px").all_paths);  // /lib/**
    EXPECT_LE(move_by(all, "px").paths.size(), GraphLimits().paths);
    const auto one = graph({"start"}, {.paths = 1});
    EXPECT_EQ(move_by(one, "ix").paths.size(), 1U);
    EXPECT_FALSE(move_by(one, "ix").all_paths);
}

TEST_P(GraphOf, Capabilities) {
    const auto all = graph({"start//kid", "y//&then"});
    EXPECT_EQ(all.nodes[0].capabilities.names(), "KILL");
    EXPECT_EQ(all.nodes[1].capabilities.names(), "SETGID");  // what both allow
}

TEST_P(GraphOf, CirclesAndWhatConfinesNothing) {
    const auto circle = graph({"loop"});
    EXPECT_THAT(nodes(circle), UnorderedElementsAre("loop", "alone"));
    EXPECT_THAT(moves(circle), UnorderedElementsAre("loop exec px -> loop loop", "loop exec px -> alone alone"));
    EXPECT_THAT(nodes(graph({"open"})), Contains("unconfined unconfined"));
    EXPECT_EQ(graph({"learning"}).nodes[0].mode, Mode::complain);
}

TEST_P(GraphOf, AWholePolicyBeginsWhereNothingLeads) {
    const auto all = graph({});
    EXPECT_EQ(all.nodes.size(), policy_profiles(GetParam(), "reach").size() + 2);  // unconfined, y//&then
    std::vector<bool> reached(all.nodes.size());
    std::vector<std::size_t> todo = all.roots;
    while (!todo.empty()) {
        const auto at = todo.back();
        todo.pop_back();
        if (reached[at]) continue;
        reached[at] = true;
        for (const auto& move : all.moves) {
            if (move.from == at) todo.push_back(move.to);
        }
    }
    EXPECT_EQ(std::count(reached.begin(), reached.end(), false), 0);
}

TEST_P(GraphOf, Bounds) {
    EXPECT_FALSE(graph({}, {.nodes = 5}).complete);
    EXPECT_EQ(graph({}, {.nodes = 5}).nodes.size(), 5U);
    EXPECT_FALSE(graph({}, {.moves = 7}).complete);
    EXPECT_EQ(graph({}, {.moves = 7}).moves.size(), 7U);
    EXPECT_FALSE(graph({}, {.seconds = 0}).complete);
}

TEST(GraphOfNothing, AnUnknownLabelIsAnError) {
    PolicySet policy({});
    EXPECT_EQ(graph_of(policy, {"web"}).error().message, "profile 'web' is not loaded");
    EXPECT_TRUE(graph_of(policy, {})->nodes.empty());
}

}  // namespace
}  // namespace aa::apparmor
