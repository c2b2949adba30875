// SPDX-License-Identifier: Apache-2.0
//
// Policies that no compiler writes: elements, automata and records by hand, to be broken in one place at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aa::apparmor {

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

// The parts of a record, to be changed one at a time.
struct Record {
    std::function<void(PolicyWriter&)> before = [](PolicyWriter& w) { w.u32(7, "version"); };
    std::function<void(PolicyWriter&)> name = [](PolicyWriter& w) { w.begin("profile").string("p"); };
    std::function<void(PolicyWriter&)> attachment = [](PolicyWriter&) {};
    std::function<void(PolicyWriter&)> flags = [](PolicyWriter& w) { w.begin("flags").u32(0).u32(0).u32(0).end(); };
    std::function<void(PolicyWriter&)> capabilities = [](PolicyWriter& w) { w.u32(5).u32(0).u32(0).u32(0); };
    std::function<void(PolicyWriter&)> rest = [](PolicyWriter&) {};
    std::function<void(PolicyWriter&)> end = [](PolicyWriter& w) { w.end(); };

    [[nodiscard]] std::string bytes() const {
        PolicyWriter writer;
        for (const auto& part : {before, name, attachment, flags, capabilities, rest, end}) part(writer);
        return writer.bytes;
    }
};

inline Record with_rest(std::function<void(PolicyWriter&)> rest) {
    Record record;
    record.rest = std::move(rest);
    return record;
}

inline Record with_tables(const std::function<void(RawTables&)>& change) {
    RawTables tables;
    change(tables);
    return with_rest([bytes = tables.bytes()](PolicyWriter& w) { w.blob(bytes, "aadfa"); });
}

// A permission table of entries that are all zero but for what CHANGE makes of the second one's 14 numbers.
inline Record with_permissions(const std::function<void(std::vector<std::uint32_t>&)>& change,
                               const std::function<void(RawTables&)>& tables) {
    std::vector<std::uint32_t> entry(14);
    change(entry);
    RawTables raw;
    tables(raw);
    return with_rest([entry, bytes = raw.bytes()](PolicyWriter& w) {
        w.begin("perms").u32(1, "version").array(2);
        for (int i = 0; i < 14; ++i) w.u32(0);
        for (const auto number : entry) w.u32(number);
        w.array_end().end().u32(3, "permsv").blob(bytes, "aadfa");
    });
}

}  // namespace aa::apparmor
