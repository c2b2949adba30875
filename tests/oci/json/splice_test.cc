// SPDX-License-Identifier: Apache-2.0
#include "oci/json/splice.h"

#include <gtest/gtest.h>

#include <string>

namespace aa::oci {
namespace {

TEST(Splice, LeavesADocumentWithoutChangesAlone) {
    const Splices splices;
    EXPECT_TRUE(splices.empty());
    EXPECT_EQ(splices.apply("abc"), "abc");
    EXPECT_EQ(splices.apply(""), "");
    EXPECT_EQ(splices.pieces("abc").size(), 1U);
}

TEST(Splice, AppliesPlacesInTheirOrderInTheDocument) {
    Splices splices;
    splices.replace({6, 7}, "SEVEN");
    splices.insert(10, "end");
    splices.replace({0, 2}, "");
    splices.insert(0, "begin");
    splices.insert(6, "before ");
    EXPECT_FALSE(splices.overlap());
    EXPECT_EQ(splices.apply("0123456789"), "begin2345before SEVEN789end");
}

TEST(Splice, KeepsTheOrderOfInsertionsAtOnePlace) {
    Splices splices;
    splices.insert(1, "x");
    splices.insert(1, "y");
    splices.replace({1, 2}, "z");
    EXPECT_FALSE(splices.overlap());
    EXPECT_EQ(splices.apply("abc"), "axyzc");
}

TEST(Splice, PointsIntoTheOriginalInsteadOfCopying) {
    const std::string original(1000, 'o');
    Splices splices;
    splices.replace({500, 501}, "new");
    const auto pieces = splices.pieces(original);
    ASSERT_EQ(pieces.size(), 3U);
    EXPECT_EQ(pieces[0].iov_base, original.data());
    EXPECT_EQ(pieces[2].iov_base, original.data() + 501);
}

TEST(Splice, NoticesOverlaps) {
    const std::pair<json::Extent, json::Extent> overlapping[] = {{{0, 4}, {3, 5}}, {{0, 9}, {2, 3}}, {{2, 4}, {2, 4}}, {{0, 4}, {2, 2}}};
    for (const auto& [a, b] : overlapping) {
        Splices splices;
        splices.replace(a, "a");
        splices.replace(b, "b");
        EXPECT_TRUE(splices.overlap()) << a.begin << " " << b.begin;
    }
}

TEST(Splice, InsertsMembersAtTheFront) {
    struct Case {
        const char* object;
        bool empty;
        const char* members;
        const char* expected;
    };
    const Case cases[] = {
        {"{}", true, R"("a":1)", R"({"a":1})"},
        {"{ \n }", true, R"("a":1,"b":2)", "{\"a\":1,\"b\":2 \n }"},
        {R"({ "z":0})", false, R"("a":1)", R"({"a":1, "z":0})"},
        {R"({"z":0})", false, "", R"({"z":0})"},
    };
    for (const auto& c : cases) {
        Splices splices;
        const std::string_view object = c.object;
        splices.insert_members({0, object.size()}, c.empty, c.members);
        EXPECT_EQ(splices.apply(object), c.expected);
    }
}

// Every way to take some elements out of an array of four, with white space in all places.
TEST(Splice, RemovesElementsWithOneCommaEach) {
    const std::string_view array = "[ 1 , 2,3 ,4 ]";
    const std::vector<json::Extent> elements{{2, 3}, {6, 7}, {8, 9}, {11, 12}};
    for (unsigned mask = 0; mask < 16; ++mask) {
        std::vector<bool> removed;
        std::string expected;
        for (unsigned i = 0; i < 4; ++i) {
            removed.push_back((mask >> i & 1U) != 0);
            if (!removed.back()) expected += (expected.empty() ? "" : ",") + std::to_string(i + 1);
        }
        Splices splices;
        splices.remove_elements(elements, removed);
        EXPECT_FALSE(splices.overlap()) << mask;
        std::string result = splices.apply(array);
        std::erase(result, ' ');
        EXPECT_EQ(result, "[" + expected + "]") << mask;
    }
}

}  // namespace
}  // namespace aa::oci
