// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <sstream>

#include "apparmor/catalog/compiled_catalog.h"
#include "tests/apparmor/catalog/small_catalog.h"

namespace aa::apparmor {
namespace {

using namespace test;

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
    ++newer[8];
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
