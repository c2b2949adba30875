// SPDX-License-Identifier: Apache-2.0
#include "oci/json/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace aa::oci::json {
namespace {

// The error of reading one value of any kind from TEXT; empty if there is none.
std::string skip_error(std::string_view text) {
    Reader reader(text);
    (void)reader.skip();
    const auto result = reader.finish();
    return result ? "" : result.error().message;
}

std::string nested(unsigned depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Json, AcceptsWhatRfc8259Allows) {
    const std::vector<std::string> documents{
        "{}",
        " \t\r\n[ ]\n",
        "null",
        "true",
        "false",
        "\"\"",
        "0",
        "-0",
        "10",
        "-1.5e+10",
        "1E400",
        "123456789012345678901234567890",
        R"({"a":{"b":[1,2,{"c":null}]},"a":1})",
        R"("\"\\\/\b\f\n\r\t\u0041\ud83d\ude00")",
        "\"\x7f\"",
        "\"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80 long enough to leave the first words behind\"",
        nested(kMaxDepth),
    };
    for (const auto& text : documents) EXPECT_EQ(skip_error(text), "") << text;
}

struct Refused {
    const char* name;
    std::string text;
    const char* error;
};

TEST(Json, RefusesEverythingElse) {
    const std::vector<Refused> cases{
        {"nothing", "", "line 1, column 1: expected a value, found the end of the document"},
        {"byte order mark", "\xEF\xBB\xBF{}", "line 1, column 1: the document begins with a byte order mark; remove it"},
        {"trailing value", "{}\n {}", "line 2, column 2: the document goes on after its value; remove what follows"},
        {"trailing NUL", std::string("{}\0", 3), "line 1, column 3: the document goes on after its value; remove what follows"},
        {"line comment", "{ // x\n}", "line 1, column 3: expected a key, found '/'"},
        {"block comment", "[/*x*/]", "line 1, column 2: expected a value, found '/'"},
        {"trailing comma in an object", R"({"a":1,})", "line 1, column 8: expected a key, found '}'"},
        {"trailing comma in an array", "[1,]", "line 1, column 4: expected a value, found ']'"},
        {"leading comma", "[,1]", "line 1, column 2: expected a value, found ','"},
        {"two commas", "[1,,1]", "line 1, column 4: expected a value, found ','"},
        {"no comma", "[1 2]", "line 1, column 4: expected ',' or ']', found a number"},
        {"no comma between members", R"({"a":1 "b":2})", "line 1, column 8: expected ',' or '}', found a string"},
        {"no colon", R"({"a" 1})", "line 1, column 6: expected ':', found a number"},
        {"a key that is no string", "{1:2}", "line 1, column 2: expected a key, found a number"},
        {"the wrong bracket", "[1}", "line 1, column 3: expected ',' or ']', found '}'"},
        {"open object", R"({"a":1)", "line 1, column 7: expected ',' or '}', found the end of the document"},
        {"single quotes", "{'a':1}", "line 1, column 2: expected a key, found '\\x27'"},
        {"not a number", "NaN", "line 1, column 1: expected a value, found 'N'"},
        {"infinity", "-Infinity", "line 1, column 1: a malformed number"},
        {"a cut literal", "nul", "line 1, column 1: expected a value, found null"},
        {"a long literal", "nulls", "line 1, column 5: the document goes on after its value; remove what follows"},
        {"capital literal", "True", "line 1, column 1: expected a value, found 'T'"},
        {"leading zero", "[01]", "line 1, column 2: a malformed number"},
        {"negative leading zero", "-01", "line 1, column 1: a malformed number"},
        {"no digit after the point", "1.", "line 1, column 1: a malformed number"},
        {"no digit before the point", ".5", "line 1, column 1: expected a value, found '.'"},
        {"empty exponent", "1e+", "line 1, column 1: a malformed number"},
        {"plus", "+1", "line 1, column 1: expected a value, found '+'"},
        {"hexadecimal", "0x10", "line 1, column 2: the document goes on after its value; remove what follows"},
        {"open string", "\"abc", "line 1, column 5: the document ends inside a string"},
        {"open escape", "\"abc\\", "line 1, column 5: the document ends inside a string"},
        {"newline in a string", "\"a\nb\"", "line 1, column 3: a control character in a string"},
        {"NUL in a string", std::string("\"a\0b\"", 5), "line 1, column 3: a control character in a string"},
        {"unknown escape", R"("\x41")", "line 1, column 2: an unknown escape in a string"},
        {"short escape", R"("\u004")", "line 1, column 2: an escape without four hexadecimal digits"},
        {"signed escape", R"("\u-041")", "line 1, column 2: an escape without four hexadecimal digits"},
        {"escaped NUL", R"("\u0000")", "line 1, column 2: an escaped NUL in a string"},
        {"lone high surrogate", R"("\ud83d")", "line 1, column 2: half of a surrogate pair in a string"},
        {"high surrogate before another escape", R"("\ud83d\u0041")", "line 1, column 2: half of a surrogate pair in a string"},
        {"lone low surrogate", R"("\ude00")", "line 1, column 2: half of a surrogate pair in a string"},
        {"latin 1", "\"gr\xFC\xDF\"", "line 1, column 4: a byte that is not UTF-8"},
        {"overlong", "\"\xC0\xAF\"", "line 1, column 2: a byte that is not UTF-8"},
        {"encoded surrogate", "\"\xED\xA0\x80\"", "line 1, column 2: a byte that is not UTF-8"},
        {"cut sequence", "\"\xE2\x82\"", "line 1, column 2: a byte that is not UTF-8"},
        {"too deep", nested(kMaxDepth + 1), "line 1, column 129: nested deeper than 128 levels"},
        {"far too deep", std::string(1000000, '['), "line 1, column 129: nested deeper than 128 levels"},
        {"vertical tab", "[\v1]", "line 1, column 2: expected a value, found '\\x0b'"},
        {"line numbers", "{\n  \"a\": 1,\n  \"b\": x\n}", "line 3, column 8: expected a value, found 'x'"},
    };
    for (const auto& c : cases) EXPECT_EQ(skip_error(c.text), c.error) << c.name;
}

TEST(Json, WhiteSpaceMayStandBeforeAnyValue) {
    Reader reader("[ true,\n\tfalse , \r\n 7, null ]");
    std::vector<std::int64_t> read;
    (void)reader.array([&] {
        switch (read.size()) {
            case 2:
                read.push_back(reader.integer());
                break;
            case 3:
                read.push_back(reader.null() ? 2 : 3);
                break;
            default:
                read.push_back(reader.boolean() ? 1 : 0);
        }
    });
    EXPECT_TRUE(reader.finish());
    EXPECT_EQ(read, (std::vector<std::int64_t>{1, 0, 7, 2}));
}

const char* const kDocument =
    R"( { "text" : "a\u00e9\ud83d\ude00\"z" , "list":[true,false , null,-12.5e3,{}],"o":{"deep":[[["x"]]]}, "n" : 42 } )";

TEST(Json, RefusesADocumentCutAnywhere) {
    const std::string_view text = kDocument;
    const std::size_t end = text.rfind('}') + 1;
    for (std::size_t length = 0; length < end; ++length) {
        const std::string cut(text.substr(0, length));  // a copy of that size, so that a sanitizer sees a read behind it
        EXPECT_NE(skip_error(cut), "") << cut;
    }
    EXPECT_EQ(skip_error(text.substr(0, end)), "");
}

TEST(Json, AgreesWithAnotherParserOnEveryOneByteChange) {
    const std::string original = kDocument;
    const std::string bytes("\"\\{}[],:0e.-+ \n\x01\x7f\x80\xc3\xff/tnux");
    for (std::size_t at = 0; at < original.size(); ++at) {
        for (const char byte : bytes) {
            std::string text = original;
            text[at] = byte;
            EXPECT_EQ(skip_error(text).empty(), nlohmann::json::accept(text)) << text;
        }
    }
}

TEST(Json, FindsTheEndOfAStringAtAnyLengthAndAlignment) {
    for (std::size_t length = 0; length < 40; ++length) {
        for (const std::string_view tail : {"\"", "\\n\"", "\xC3\xBC\"", "\x1f\"", "\x80\""}) {
            const std::string text = "\"" + std::string(length, '~') + std::string(tail);
            EXPECT_EQ(skip_error(text).empty(), nlohmann::json::accept(text)) << text;
        }
    }
}

struct Decoded {
    const char* raw;
    const char* meant;
};

TEST(Json, DecodesStrings) {
    const Decoded cases[] = {
        {"plain", "plain"},
        {R"(\"\\\/\b\f\n\r\t)", "\"\\/\b\f\n\r\t"},
        {R"(\u0070rocess)", "process"},
        {R"(\u007F\u00fC\u20AC)", "\x7f\xC3\xBC\xE2\x82\xAC"},
        {R"(a\ud83d\ude00b)",
         "a\xF0\x9F\x98\x80"
         "b"},
        {R"(\udbff\udfff)", "\xF4\x8F\xBF\xBF"},
        {"\xC3\xBC\\u0041",
         "\xC3\xBC"
         "A"},
    };
    for (const auto& c : cases) {
        const std::string text = std::string("\"") + c.raw + "\"";
        Reader reader(text);
        const Text string = reader.string();
        ASSERT_TRUE(reader.finish().has_value()) << text;
        EXPECT_EQ(string.raw(), c.raw);
        EXPECT_EQ(string.decoded(), c.meant);
        EXPECT_TRUE(string == c.meant);
        EXPECT_FALSE(string == "another");
    }
}

struct Fold {
    const char* key;
    const char* name;
    bool folds;
};

TEST(Json, FoldsKeysAsGoDoes) {
    const Fold cases[] = {
        {"args", "args", true},
        {"ARGS", "args", true},
        {"arg\xC5\xBF", "args", true},  // U+017F
        {R"(arg\u017f)", "args", true},
        {R"(arg\u0053)", "args", true},
        {"\xE2\x84\xAA"
         "ill",
         "kill", true},  // U+212A
        {R"(\u212aill)", "kill", true},
        {"ApparmorPROFILE", "apparmorProfile", true},
        {"arg", "args", false},
        {"argss", "args", false},
        {"arg\xC5\xBFs", "args", false},
        {"", "args", false},
        {"arg[", "arg{", false},  // differ in the bit that makes letters upper case
        {"arg\xC3\x9F", "args", false},
        {"K\xC4\xB1nd", "kind", false},  // a dotless i is no i
    };
    for (const auto& c : cases) {
        const std::string text = std::string("\"") + c.key + "\"";
        Reader reader(text);
        EXPECT_EQ(reader.string().folds_to(c.name), c.folds) << c.key;
    }
}

struct Number {
    const char* text;
    std::int64_t value;
    const char* error;
};

TEST(Json, ReadsIntegersWithoutLoss) {
    const Number cases[] = {
        {"0", 0, ""},
        {"-0", 0, ""},
        {"9223372036854775807", INT64_MAX, ""},
        {"-9223372036854775808", INT64_MIN, ""},
        {"9223372036854775808", 0, "line 1, column 1: an integer that does not fit into 64 bits"},
        {"1.0", 0, "line 1, column 1: expected an integer without fraction or exponent"},
        {"1e3", 0, "line 1, column 1: expected an integer without fraction or exponent"},
        {"\"1\"", 0, "line 1, column 1: expected an integer, found a string"},
        {"null", 0, "line 1, column 1: expected an integer, found null"},
        {"x", 0, "line 1, column 1: expected a value, found 'x'"},
    };
    for (const auto& c : cases) {
        Reader reader(c.text);
        EXPECT_EQ(reader.integer(), c.value) << c.text;
        const auto result = reader.finish();
        EXPECT_EQ(result ? "" : result.error().message, c.error) << c.text;
    }
}

TEST(Json, TellsExtents) {
    const std::string_view text = R"( {"a" : [1, "two" ],"b":{ } })";
    Reader reader(text);
    std::vector<std::string_view> seen;
    const auto cut = [&](Extent extent) { return text.substr(extent.begin, extent.end - extent.begin); };
    const Extent whole = reader.object([&](const Text& key) {
        seen.push_back(text.substr(reader.begin_of(key), 3));
        if (key == "a") {
            seen.push_back(cut(reader.array([&] { seen.push_back(cut(reader.skip().extent)); })));
        } else {
            seen.push_back(cut(reader.object([](const Text&) {})));
        }
    });
    ASSERT_TRUE(reader.finish().has_value());
    EXPECT_EQ(cut(whole), R"({"a" : [1, "two" ],"b":{ } })");
    EXPECT_EQ(seen, (std::vector<std::string_view>{R"("a")", "1", R"("two")", R"([1, "two" ])", R"("b")", "{ }"}));
}

TEST(Json, KeepsTheFirstErrorAndReadsNothingMore) {
    Reader reader("[1, {\"a\": x}, 2]");
    int elements = 0;
    (void)reader.array([&] {
        ++elements;
        (void)reader.skip();
    });
    reader.fail("another");
    EXPECT_TRUE(reader.failed());
    EXPECT_EQ(elements, 2);
    EXPECT_EQ(reader.string().raw(), "");
    EXPECT_EQ(reader.integer(), 0);
    EXPECT_FALSE(reader.null());
    EXPECT_EQ(reader.finish().error().message, "line 1, column 11: expected a value, found 'x'");
}

TEST(Json, SkipsArraysOfStringsOnly) {
    const std::pair<const char*, const char*> cases[] = {
        {R"([])", ""},
        {R"( ["a" , "b\n"] )", ""},
        {R"(["a",1])", "line 1, column 6: expected a string, found a number"},
        {R"(["a",])", "line 1, column 6: expected a string, found ']'"},
        {R"(["a" "b"])", "line 1, column 6: expected ',' or ']', found a string"},
        {R"({})", "line 1, column 1: expected an array, found an object"},
        {R"(["a")", "line 1, column 5: expected ',' or ']', found the end of the document"},
    };
    for (const auto& [text, error] : cases) {
        Reader reader(text);
        (void)reader.skip_strings();
        const auto result = reader.finish();
        EXPECT_EQ(result ? "" : result.error().message, error) << text;
    }
}

TEST(Json, KeepsSoManyElementsAndNoMore) {
    const auto list = [](std::size_t elements) {
        std::string text = "[";
        for (std::size_t i = 0; i < elements; ++i) text += i == 0 ? "0" : ",0";
        return text + "]";
    };
    const auto read = [](const std::string& text, auto&& how) {
        Reader reader(text);
        how(reader);
        return reader.finish();
    };
    const auto all = [](Reader& reader) { (void)reader.array([&] { (void)reader.integer(); }); };
    EXPECT_TRUE(read(list(kMaxElements), all));
    const auto refused = read(list(kMaxElements + 1), all);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("more than 262144 elements"), std::string::npos) << refused.error().message;
    EXPECT_TRUE(read(list(kMaxElements + 1), [](Reader& reader) { (void)reader.skip(); }));
    std::string names = "[";
    for (std::size_t i = 0; i <= kMaxElements; ++i) names += i == 0 ? "\"\"" : ",\"\"";
    EXPECT_FALSE(read(names + "]", [](Reader& reader) { (void)reader.skip_strings(); }));
}

TEST(Json, PassesOverARepeatedValue) {
    const std::string_view text = R"([["a","b"], ["a","b"],["a"],["a","b"]])";
    Reader reader(text);
    std::vector<bool> repeated;
    Extent first;
    (void)reader.array([&] {
        if (first.end == 0) {
            first = reader.skip().extent;
            return;
        }
        repeated.push_back(reader.repeats(first));
        if (!repeated.back()) (void)reader.skip();
    });
    ASSERT_TRUE(reader.finish().has_value());
    EXPECT_EQ(repeated, (std::vector<bool>{true, false, true}));
}

struct Seen {
    std::string name;
    bool flag = false;
};

constexpr Member<Seen> kSeen[] = {
    {"name", [](Reader& reader, Seen& seen) { seen.name = reader.string().decoded(); }},
    {"disk", [](Reader& reader, Seen& seen) { seen.flag = reader.boolean(); }},
};

TEST(Json, ReadsKnownMembersAndRefusesTheirVariants) {
    const std::vector<Refused> cases{
        {"escaped key", R"({"x":[{}],"\u006eame":"n","disk":true})", ""},
        {"twice", R"({"name":"a","name":"b"})",
         "line 1, column 13: the key 'name' is there twice; runtimes disagree about which one counts"},
        {"twice, once escaped", R"({"name":"a","n\u0061me":"b"})",
         "line 1, column 13: the key 'name' is there twice; runtimes disagree about which one counts"},
        {"other case", R"({"Name":"b"})", "line 1, column 2: the key 'Name' is 'name' to some runtimes and not to others; spell it 'name'"},
        {"Kelvin", "{\"dis\xE2\x84\xAA\":true}",
         "line 1, column 2: the key 'dis\xE2\x84\xAA' is 'disk' to some runtimes and not to others; spell it 'disk'"},
        {"escaped long s", R"({"di\u017fk":true})",
         "line 1, column 2: the key 'di\xC5\xBFk' is 'disk' to some runtimes and not to others; spell it 'disk'"},
        {"a variant of an unknown key", R"({"Other":1,"other":2,"other":3})", ""},
        {"wrong type", R"({"name":[]})", "line 1, column 9: expected a string, found an array"},
        {"no object", "[]", "line 1, column 1: expected an object, found an array"},
    };
    for (const auto& c : cases) {
        Reader reader(c.text);
        Seen seen;
        (void)read_members(reader, kSeen, seen);
        const auto result = reader.finish();
        EXPECT_EQ(result ? "" : result.error().message, c.error) << c.name;
    }
}

}  // namespace
}  // namespace aa::oci::json
