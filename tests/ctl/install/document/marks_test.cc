// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/document/marks.h"

#include <gtest/gtest.h>

#include <string>

namespace aa::ctl::install {
namespace {

constexpr const char* kBegin = "# aa-shim begin (made by aa-shimctl install, taken out by aa-shimctl uninstall)\n";
constexpr const char* kEnd = "# aa-shim end\n";

std::string set(const std::string& text, const toml::Path& table, const std::string& key, const std::string& value) {
    const auto document = toml::read(text, "f.toml");
    EXPECT_TRUE(document) << document.error().message;
    MarkedChanges changes(*document);
    const auto result = changes.set(table, key, value);
    return result ? changes.apply() : "error: " + result.error().message;
}

TEST(Marks, SetsAKeyWhereItBelongs) {
    const std::string block = kBegin + std::string("[a.b]\n  k = 1\n") + kEnd;
    struct Case {
        std::string before, after;
    } const cases[] = {
        {"", block},
        {"x = 1\n", "x = 1\n" + block},
        {"x = 1", "x = 1\n" + block.substr(0, block.size() - 1)},
        {"[a.b]\n", "[a.b]\n  " + std::string(kBegin) + "  k = 1\n  " + kEnd},
        {"[a.b]\nz = 1\n", "[a.b]\n  " + std::string(kBegin) + "  k = 1\n  " + kEnd + "z = 1\n"},
        {"[a.b]", "[a.b]\n  " + std::string(kBegin) + "  k = 1\n  # aa-shim end"},
        {"  [a.b] # c\n    k = 2 # two\n",
         "  [a.b] # c\n    " + std::string(kBegin) + "    k = 1\n    # aa-shim was:     k = 2 # two\n    " + kEnd},
        {"[a.b]\nk = 2", "[a.b]\n" + std::string(kBegin) + "k = 1\n# aa-shim was: k = 2\n# aa-shim end"},
        {"[a.b]\nk = 1\n", "[a.b]\nk = 1\n"},
        {"a.b.k = 2\n", std::string(kBegin) + "a.b.k = 1\n# aa-shim was: a.b.k = 2\n" + kEnd},
    };
    for (const auto& each : cases) {
        const auto after = set(each.before, {"a", "b"}, "k", "1");
        EXPECT_EQ(after, each.after) << each.before;
        const auto back = without_marked(after, "f.toml");
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(*back, each.before);
    }
}

TEST(Marks, KeepTheLineEndsOfTheFile) {
    const std::string before = "[a]\r\nk = 1\r\n\r\n[b]\r\nz = 1";
    const auto document = toml::read(before, "f.toml");
    ASSERT_TRUE(document);
    MarkedChanges changes(*document);
    ASSERT_TRUE(changes.set({"a"}, "k", "2"));
    ASSERT_TRUE(changes.set({"b"}, "y", "3"));
    ASSERT_TRUE(changes.set({"b"}, "z", "4"));
    ASSERT_TRUE(changes.set({"c"}, "n", "5"));
    const auto after = changes.apply();
    for (std::size_t at = after.find('\n'); at != std::string::npos; at = after.find('\n', at + 1)) EXPECT_EQ(after[at - 1], '\r') << at;
    ASSERT_TRUE(toml::read(after, "f.toml")) << after;
    const auto back = without_marked(after, "f.toml");
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, before);
}

TEST(Marks, RefuseTablesThatCannotBeAddedTo) {
    const std::pair<std::string, std::string> cases[] = {
        {"a = { b = 1 }\n",
         "error: f.toml:1:1: 'a' is written as an inline table: write it as a table of its own, with a header in brackets"},
        {"[a]\nb = { }\n",
         "error: f.toml:2:1: 'a.b' is written as an inline table: write it as a table of its own, with a header in brackets"},
        {"[a]\nb = 1\n", "error: f.toml:2:1: 'a.b' is written as a value: write it as a table of its own, with a header in brackets"},
        {"[a]\nb.x = 1\n", "error: f.toml:2:1: 'a.b' is made by dotted keys: write it with a header in brackets"},
        {"a.b.x = 1\n", "error: f.toml:1:1: 'a.b' is made by dotted keys: write it with a header in brackets"},
        {"[[a]]\n", "error: f.toml:1:3: 'a' is an array of tables, not a table"},
        {"[a.b]\nk = [\n1]\n", "error: f.toml:2:5: the value of 'a.b.k' has several lines: write it in one"},
        {"[a.b.k]\n", "error: f.toml:1:1: 'a.b.k' is a table here, but is to get a value"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(set(text, {"a", "b"}, "k", "1"), expected) << text;
}

TEST(Marks, TakingOutLeavesWhatOthersChanged) {
    const auto after = set("[a]\nk = 1\n", {"a"}, "k", "2") + "# theirs\n[z]\ny = 1\n";
    const auto back = without_marked(after, "f.toml");
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, "[a]\nk = 1\n# theirs\n[z]\ny = 1\n");
}

TEST(Marks, RefuseWhatHasLostItsPartner) {
    const std::pair<std::string, std::string> cases[] = {
        {"x = 1\n# aa-shim begin\n", "f.toml:2:1: '# aa-shim begin' has no '# aa-shim end': remove the lines of aa-shim by hand"},
        {"# aa-shim end\n", "f.toml:1:1: '# aa-shim end' stands here without a '# aa-shim begin'"},
        {"# aa-shim begin\n# aa-shim begin\n# aa-shim end\n",
         "f.toml:2:1: '# aa-shim begin' stands here before the last one has its '# aa-shim end'"},
        {"# aa-shim begin\n[t]\n# aa-shim end\nk = 1\n",
         "f.toml:4:1: the key 't.k' stands behind the lines of aa-shim and so in their table: move it to its own"},
    };
    for (const auto& [text, expected] : cases) {
        const auto back = without_marked(text, "f.toml");
        ASSERT_FALSE(back) << text;
        EXPECT_EQ(back.error().message, expected);
    }
}

TEST(Marks, StandAtTheEndOfOtherText) {
    for (const std::string before : {"", "{{ template \"base\" . }}\n", "no line end", "a\r\nb\r\n", "a\r\nb"}) {
        const auto after = with_marked_end(before, "one\ntwo\n");
        EXPECT_NE(after.find("two"), std::string::npos);
        const auto back = without_marked_end(after, "f");
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(*back, before);
    }
    EXPECT_EQ(*without_marked_end(with_marked_end("a\n", "x\n") + "b\n", "f"), "a\nb\n");
    EXPECT_EQ(without_marked_end("a\n# aa-shim begin\n", "f").error().message,
              "f:2:1: the lines of aa-shim have no end: remove them by hand");
}

}  // namespace
}  // namespace aa::ctl::install
