// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/toml/toml.h"

#include <gtest/gtest.h>

#include <string>

namespace aa::ctl::install::toml {
namespace {

std::string error_of(const std::string& text) {
    const auto document = read(text, "f.toml");
    return document ? std::string() : document.error().message;
}

TEST(Toml, FindsEveryStatementWithItsPlace) {
    const std::string text =
        "# first\n"
        "version = 2 # why\n"
        "\n"
        "[plugins]\n"
        "  [plugins.\"io.containerd.grpc.v1.cri\"]\n"
        "    a.'b c' = 'x\\y'\n"
        "    list = [ \"one\", # a comment ]\n"
        "             'two',\n"
        "           ]\n"
        "[[array]]\n"
        "k = { x = 1, y.z = \"}\" }\n"
        "[[array]]\n"
        "k = 1979-05-27T07:32:00-08:00";
    const auto document = read(text, "f.toml");
    ASSERT_TRUE(document) << document.error().message;
    ASSERT_EQ(document->entries.size(), 9U);

    const auto* version = document->pair({"version"});
    ASSERT_NE(version, nullptr);
    EXPECT_EQ(text.substr(version->value.begin, version->value.end - version->value.begin), "2");
    EXPECT_EQ(text.substr(version->lines.begin, version->lines.end - version->lines.begin), "version = 2 # why\n");
    EXPECT_EQ(version->value_kind, ValueKind::number);

    const Path cri = {"plugins", "io.containerd.grpc.v1.cri"};
    ASSERT_NE(document->table(cri), nullptr);
    EXPECT_EQ(text.substr(document->table(cri)->lines.begin, 4), "  [p");
    const auto* dotted = document->pair({"plugins", "io.containerd.grpc.v1.cri", "a", "b c"});
    ASSERT_NE(dotted, nullptr);
    EXPECT_EQ(dotted->own_parts, 2U);
    EXPECT_EQ(dotted->strings.front(), "x\\y");
    EXPECT_EQ(text.substr(dotted->key.begin, dotted->key.end - dotted->key.begin), "a.'b c'");

    const auto* list = document->pair({"plugins", "io.containerd.grpc.v1.cri", "list"});
    ASSERT_NE(list, nullptr);
    EXPECT_EQ(list->strings, (std::vector<std::string>{"one", "two"}));
    EXPECT_TRUE(list->only_strings);

    EXPECT_EQ(document->table({"array"}), nullptr);
    EXPECT_EQ(document->pair({"array", "k"})->value_kind, ValueKind::inline_table);
    EXPECT_EQ(document->entries.back().lines.end, text.size());
    ASSERT_EQ(document->comments.size(), 1U);
    EXPECT_EQ(document->comments[0].text, "# first");
}

TEST(Toml, ReadsTheFourKindsOfStrings) {
    const std::pair<std::string, std::string> cases[] = {
        {R"("a\tb\"c\\")", "a\tb\"c\\"},
        {R"("\u00e9\U0001F600")", "\xC3\xA9\xF0\x9F\x98\x80"},
        {R"('C:\no')", "C:\\no"},
        {"\"\"\"\none\r\ntwo\"\"\"", "one\ntwo"},
        {"\"\"\"a\\\n   \n  b\"\"\"", "ab"},
        {"\"\"\"say \"\"x\"\"\"\"\"", "say \"\"x\"\""},
        {"'''\n[not.a.table]\n'''", "[not.a.table]\n"},
        {"''", ""},
        {"\"\"\"\"\"\"", ""},
    };
    for (const auto& [written, meant] : cases) {
        const auto text = "k = " + written + "\n";
        const auto document = read(text, "f.toml");
        ASSERT_TRUE(document) << written << ": " << document.error().message;
        ASSERT_EQ(document->entries.size(), 1U) << written;
        EXPECT_EQ(document->entries[0].strings, std::vector<std::string>{meant}) << written;
    }
}

TEST(Toml, TakesWhatLooksLikeStatementsInStringsAndArraysForWhatItIs) {
    const std::string text = "k = '''\n# aa-shim begin\n[plugins]\n'''\nl = [\n# aa-shim begin\n'[plugins]' ]\n";
    const auto document = read(text, "f.toml");
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_EQ(document->entries.size(), 2U);
    EXPECT_TRUE(document->comments.empty());
}

TEST(Toml, RefusesWithThePlace) {
    const std::pair<std::string, std::string> cases[] = {
        {"a", "f.toml:1:2: '=' was expected here"},
        {"a =", "f.toml:1:4: a value was expected here"},
        {"a = nothing", "f.toml:1:5: a value was expected here"},
        {"a = 1 b = 2", "f.toml:1:7: the end of the line was expected here"},
        {"= 1", "f.toml:1:1: a key was expected here"},
        {"a. = 1", "f.toml:1:4: a key was expected here"},
        {"[a", "f.toml:1:3: ']' was expected here"},
        {"[]", "f.toml:1:2: a key was expected here"},
        {"[[a]", "f.toml:1:4: ']]' was expected here"},
        {"[a] b = 1", "f.toml:1:5: the end of the line was expected here"},
        {"\n\n  k = \"x", "f.toml:3:9: the file ends within a string"},
        {"k = \"x\n\"", "f.toml:1:7: the line ends within a string"},
        {"k = '''x''", "f.toml:1:11: the file ends within a string"},
        {"k = \"\\q\"", "f.toml:1:7: there is no such escape"},
        {"k = \"\\ud800\"", "f.toml:1:12: there is no such character"},
        {"k = \"\\u12\"", "f.toml:1:10: a hexadecimal digit was expected here"},
        {"k = \"\x01\"", "f.toml:1:6: a control character in a string"},
        {"k = \"\xff\"", "f.toml:1:6: this is not UTF-8"},
        {"# \xff", "f.toml:1:3: this is not UTF-8"},
        {"# a\rb", "f.toml:1:4: a control character in a comment"},
        {"\xEF\xBB\xBFk = 1", "f.toml:1:1: a key was expected here"},
        {"k = [1 2]", "f.toml:1:8: ',' or ']' was expected here"},
        {"k = [", "f.toml:1:6: a value was expected here"},
        {"k = {a = 1,}", "f.toml:1:12: a key was expected here"},
        {"k = {a = 1\n}", "f.toml:1:11: ',' or '}' was expected here"},
        {"k = {a = 1, a = 2}", "f.toml:1:12: 'a': this is here twice"},
        {"\"\"\"k\"\"\" = 1", "f.toml:1:1: a key cannot go over several lines"},
        {"k = 1\nk = 2", "f.toml:2:1: 'k': this is here twice"},
        {"[a]\n[b]\n[a]", "f.toml:3:1: 'a': this is here twice"},
        {"a = 1\n[a]", "f.toml:2:1: 'a': this has a value already, so it cannot be a table, too"},
        {"a = 1\n[a.b]", "f.toml:2:1: 'a.b': this has a value already, so it cannot be a table, too"},
        {"a = {}\n[a.b]", "f.toml:2:1: 'a.b': this has a value already, so it cannot be a table, too"},
        {"a.b = 1\na.b.c = 2", "f.toml:2:1: 'a.b.c': this has a value already, so it cannot be a table, too"},
        {"a.b = 1\n[a]", "f.toml:2:1: 'a': dotted keys and a header make the same table: parsers disagree on that"},
        {"a.b = 1\n[a.c]", "f.toml:2:1: 'a.c': dotted keys and a header make the same table: parsers disagree on that"},
        {"[a.b]\n[a]\nb.c = 1", "f.toml:3:1: 'a.b.c': dotted keys and a header make the same table: parsers disagree on that"},
        {"[[a]]\n[a]", "f.toml:2:1: 'a': this is here twice"},
        {"[a]\n[[a]]", "f.toml:2:1: 'a': this is here twice"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(error_of(text), expected) << text;
}

TEST(Toml, AllowsWhatOnlyLooksTwice) {
    for (const auto* text :
         {"[a.b]\n[a]\nc = 1", "[[a]]\nk = 1\n[[a]]\nk = 1", "[[a]]\n[a.b]\nk = 1\n[[a]]\n[a.b]\nk = 1", "a.b = 1\na.c = 2",
          "[a]\nk = 1\n[A]\nk = 1", "", "\r\n", "\n# x", "k = [[], [{}]]", "k = +1.5e-3\nl = -inf\nm = 0xff"}) {
        EXPECT_EQ(error_of(text), "") << text;
    }
}

TEST(Toml, EveryBeginningOfADocumentIsReadOrRefused) {
    const std::string text = "[a.\"b\\u00e9\".'c']\r\nk = [ \"\\\"\", '''\n''', { x = \"\"\"\\\n y\"\"\" } ] # end\n[[d]]\n";
    for (std::size_t length = 0; length <= text.size(); ++length) {
        const auto beginning = text.substr(0, length);
        const auto document = read(beginning, "f.toml");
        EXPECT_TRUE(document || document.error().message.starts_with("f.toml:")) << length;
    }
    EXPECT_EQ(error_of(text), "");
}

TEST(Toml, ManyAndDeepIsRefusedOrRead) {
    EXPECT_EQ(error_of("k = " + std::string(100000, '[')), "f.toml:1:70: this is nested too deep");
    std::string braces;
    for (int i = 0; i < 100000; ++i) braces += "{a=";
    EXPECT_NE(error_of("k = " + braces), "");
    std::string dots = "a";
    for (int i = 0; i < 100000; ++i) dots += ".a";
    EXPECT_NE(error_of(dots + " = 1").find("so many parts"), std::string::npos);
    std::string tables;
    for (int i = 0; i < 20000; ++i) tables += "[t" + std::to_string(i) + "]\nk = \"v\"\n";
    EXPECT_EQ(error_of(tables), "");
}

TEST(Toml, WritesKeysAndStringsThatItReads) {
    const Path path = {"plain", "io.containerd.grpc.v1.cri", "", "quote\"\\", "line\n\x7f"};
    EXPECT_EQ(key(path), "plain.\"io.containerd.grpc.v1.cri\".\"\".\"quote\\\"\\\\\".\"line\\u000A\\u007F\"");
    const std::string text = key(path) + " = " + quoted("x\ty\"") + "\n";
    const auto document = read(text, "f.toml");
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_EQ(document->entries[0].path, path);
    EXPECT_EQ(document->entries[0].strings.front(), "x\ty\"");
}

}  // namespace
}  // namespace aa::ctl::install::toml
