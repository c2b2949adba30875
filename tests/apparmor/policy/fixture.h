// SPDX-License-Identifier: Apache-2.0
//
// The compiled policies beside this file, and what tests need to make broken ones: elements and automata by hand.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apparmor/policy/reader.h"

namespace aa::apparmor {

// Who compiled a policy, and for which kernel.
inline constexpr const char* kCompilers[] = {"3.0-6.1", "4.1-7.2", "5.0-6.12", "5.0-7.2"};

inline std::string policy_bytes(const std::string& compiler, const std::string& name) {
    std::ifstream file(std::string(AA_POLICY) + "/compiled/" + compiler + "-" + name, std::ios::binary);
    EXPECT_TRUE(file.is_open()) << compiler << "-" << name;
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<Profile> policy_profiles(const std::string& compiler, const std::string& name) {
    auto profiles = read_policy(policy_bytes(compiler, name), name);
    EXPECT_TRUE(profiles) << profiles.error().message;
    return profiles ? *std::move(profiles) : std::vector<Profile>();
}

// Writes elements of the binary format. An element with a name has it in front.
class PolicyWriter {
public:
    std::string bytes;

    PolicyWriter& number(std::uint8_t tag, unsigned width, std::uint64_t value, std::string_view name = {}) {
        put_name(name);
        bytes.push_back(static_cast<char>(tag));
        put(width, value);
        return *this;
    }
    PolicyWriter& u8(std::uint64_t value) { return number(0, 1, value); }
    PolicyWriter& u16(std::uint64_t value) { return number(1, 2, value); }
    PolicyWriter& u32(std::uint64_t value, std::string_view name = {}) { return number(2, 4, value, name); }
    PolicyWriter& u64(std::uint64_t value) { return number(3, 8, value); }
    PolicyWriter& string(std::string_view text, std::string_view name = {}) {
        number(5, 2, text.size() + 1, name);
        bytes.append(text).push_back('\0');
        return *this;
    }
    PolicyWriter& blob(std::string_view data, std::string_view name = {}) {
        number(6, 4, data.size(), name);
        bytes.append(data);
        return *this;
    }
    PolicyWriter& begin(std::string_view name) { return number(7, 0, 0, name); }
    PolicyWriter& end() { return number(8, 0, 0); }
    PolicyWriter& array(std::uint64_t count, std::string_view name = {}) { return number(11, 2, count, name); }
    PolicyWriter& array_end() { return number(12, 0, 0); }
    PolicyWriter& raw(std::string_view more) {
        bytes.append(more);
        return *this;
    }

private:
    void put(unsigned width, std::uint64_t value) {
        for (unsigned i = 0; i < width; ++i) bytes.push_back(static_cast<char>((value >> (8U * i)) & 0xFFU));
    }
    void put_name(std::string_view name) {
        if (name.empty()) return;
        bytes.push_back(4);
        put(2, name.size() + 1);
        bytes.append(name).push_back('\0');
    }
};

// An automaton in the kernel's binary form. As it stands it has two states and matches nothing.
struct RawTables {
    struct Table {
        std::uint32_t id = 0;
        std::uint32_t width = 0;
        std::vector<std::uint32_t> values;
    };
    enum Id : std::uint8_t { kAccept = 1, kBase, kCheck, kDefault, kClasses, kMeta, kAccept2, kNext };

    std::uint32_t magic = 0x1B5E783D;
    std::uint32_t header = 24;
    std::uint32_t flags = 0;
    std::vector<Table> tables = {{kAccept, 4, {0, 0}},
                                 {kBase, 4, {0, 0}},
                                 {kCheck, 2, std::vector<std::uint32_t>(512)},
                                 {kDefault, 2, {0, 0}},
                                 {kNext, 2, std::vector<std::uint32_t>(512)}};

    Table& table(Id id) {
        for (Table& table : tables) {
            if (table.id == id) return table;
        }
        tables.push_back({id, 4, {}});
        return tables.back();
    }
    // A transition of STATE, whose base has to be its own.
    void edge(std::uint32_t state, std::uint32_t byte, std::uint32_t next) {
        const std::size_t at = (table(kBase).values[state] & 0xFFFFFFU) + byte;
        table(kCheck).values[at] = state;
        table(kNext).values[at] = next;
    }

    [[nodiscard]] std::string bytes() const {
        std::string out;
        const auto put = [&out](unsigned width, std::uint64_t value) {
            for (unsigned i = width; i > 0; --i) out.push_back(static_cast<char>((value >> (8U * (i - 1))) & 0xFFU));
        };
        put(4, magic);
        put(4, header);
        put(4, 0);
        put(2, flags);
        out.append("notflex").append(3, '\0');
        for (const Table& table : tables) {
            put(2, table.id);
            put(2, table.width);
            put(4, 0);
            put(4, table.values.size());
            for (const auto value : table.values) put(table.width, value);
            out.append((8 - out.size() % 8) % 8, '\0');
        }
        return out;
    }
};

}  // namespace aa::apparmor
