// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/automaton_reader.h"

#include <array>

#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::uint32_t kMagic = 0x1B5E783D;
constexpr std::size_t kSetHeader = 24;
constexpr std::size_t kTableHeader = 12;
constexpr std::uint32_t kBaseMask = 0x00FFFFFF;
constexpr std::uint32_t kHasDifferential = 1;  // flags of the header
constexpr std::uint32_t kHasOutOfBand = 2;

enum TableId : std::uint8_t { kNoTable, kAccept, kBase, kCheck, kDefault, kClasses, kMeta, kAccept2, kNext, kTableIds };

// The tables of one automaton, where they stand in its bytes: big-endian.
struct Table {
    std::string_view data;
    std::size_t width = 0;  // of an element, in bytes
    std::size_t count = 0;

    [[nodiscard]] bool present() const { return width != 0; }
    [[nodiscard]] std::uint32_t operator[](std::size_t index) const {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < width; ++i) value = (value << 8U) | static_cast<unsigned char>(data[index * width + i]);
        return value;
    }
};

std::uint32_t big_endian(std::string_view bytes, std::size_t at, std::size_t width) { return Table{bytes.substr(at), width, 1}[0]; }

// Reads and verifies the automaton in BYTES, which stand at POSITION.
class AutomatonReader {
public:
    AutomatonReader(std::string_view bytes, std::size_t position, const PolicyCursor& cursor)
        : bytes_(bytes), position_(position), cursor_(cursor) {}

    Result<RawAutomaton> read(bool needs_accept2) {
        TRY(read_header());
        while (at_ < bytes_.size()) TRY(read_table());
        TRY(check_tables(needs_accept2));
        RawAutomaton raw;
        TRY(read_states(raw));
        TRY(read_edges(raw));
        TRY(check_chains(raw));
        read_rest(raw);
        TRY(check_dead_state(raw));
        return raw;
    }

private:
    [[nodiscard]] Error error(std::string_view problem) const {
        return cursor_.error_at(position_ + at_, concat({"its automaton ", problem}));
    }

    Result<void> read_header() {
        if (bytes_.size() < kSetHeader) return error("is cut off");
        if (big_endian(bytes_, 0, 4) != kMagic) return error("does not begin with the number of the format");
        const std::size_t size = big_endian(bytes_, 4, 4);
        if (size < kSetHeader || size > bytes_.size()) return error("has a header of an impossible size");
        flags_ = big_endian(bytes_, 12, 2);
        if ((flags_ & ~(kHasDifferential | kHasOutOfBand)) != 0) return error("has flags that are not known");
        at_ = size;
        return {};
    }

    Result<void> read_table() {
        if (bytes_.size() - at_ < kTableHeader) return error("has a table that is cut off");
        const std::uint32_t id = big_endian(bytes_, at_, 2);
        const std::size_t width = big_endian(bytes_, at_ + 2, 2);
        const std::size_t count = big_endian(bytes_, at_ + 8, 4);
        if (id == kNoTable || id == kMeta || id >= kTableIds) return error("has a table that is not known");
        if (tables_[id].present()) return error("has a table twice");
        const bool narrow = id == kCheck || id == kDefault || id == kNext;
        if (id == kClasses ? width != 1 : width != 4 && !(narrow && width == 2)) return error("has a table of numbers of a wrong width");
        if (count == 0) return error("has an empty table");
        const std::size_t room = bytes_.size() - at_ - kTableHeader;
        if (count > room / width) return error("has a table that is cut off");
        tables_[id] = {bytes_.substr(at_ + kTableHeader, count * width), width, count};
        const std::size_t whole = (kTableHeader + count * width + 7) / 8 * 8;
        if (whole > bytes_.size() - at_) return error("has a table that is cut off");
        at_ += whole;
        return {};
    }

    Result<void> check_tables(bool needs_accept2) const {
        for (const auto id : {kAccept, kBase, kCheck, kDefault, kNext}) {
            if (!tables_[id].present()) return error("lacks a table");
        }
        if (needs_accept2 && !tables_[kAccept2].present()) return error("lacks the table of second accepting values");
        const std::size_t states = tables_[kBase].count;
        if (states < 2) return error("has no start state");
        if (tables_[kAccept].count != states || tables_[kDefault].count != states ||
            (tables_[kAccept2].present() && tables_[kAccept2].count != states) || tables_[kNext].count != tables_[kCheck].count) {
            return error("has tables that do not fit each other");
        }
        if (tables_[kClasses].present() && tables_[kClasses].count != 256) return error("has classes for fewer or more than all bytes");
        return {};
    }

    Result<void> read_states(RawAutomaton& raw) const {
        const Table& bases = tables_[kBase];
        raw.states.resize(bases.count);
        for (std::size_t state = 0; state < bases.count; ++state) {
            const std::uint32_t base = bases[state];
            const std::uint32_t next = tables_[kDefault][state];
            const std::size_t index = base & kBaseMask;
            if (next >= bases.count) return bad_state("has a default state that does not exist", state);
            if ((base & ~(kBaseMask | Automaton::kDifferential | Automaton::kOutOfBand)) != 0)
                return bad_state("has flags that are not known", state);
            if ((base & Automaton::kDifferential) != 0 && (flags_ & kHasDifferential) == 0) {
                return bad_state("is differential, which the header does not say", state);
            }
            if ((base & Automaton::kOutOfBand) != 0 && ((flags_ & kHasOutOfBand) == 0 || index == 0)) {
                return bad_state("has an impossible transition without a byte", state);
            }
            if (index + 255 >= tables_[kNext].count) return bad_state("has transitions beyond the table", state);
            raw.states[state] = (std::uint64_t{base} << 32U) | next;
        }
        return {};
    }

    Result<void> read_edges(RawAutomaton& raw) const {
        const Table& next = tables_[kNext];
        const Table& check = tables_[kCheck];
        raw.edges.resize(next.count);
        for (std::size_t edge = 0; edge < next.count; ++edge) {
            const std::uint64_t from = check[edge];
            const std::uint64_t to = next[edge];
            if (from >= raw.states.size() || to >= raw.states.size())
                return error("has a transition from or to a state that does not exist");
            raw.edges[edge] = (from << 32U) | to;
        }
        return {};
    }

    // Whether every chain of differential states ends.
    [[nodiscard]] Result<void> check_chains(const RawAutomaton& raw) const {
        if ((flags_ & kHasDifferential) == 0) return {};
        enum Mark : std::uint8_t { unseen, on_this_chain, ends };
        std::vector<Mark> marks(raw.states.size(), unseen);
        const auto next = [&](std::size_t state) { return static_cast<std::size_t>(static_cast<std::uint32_t>(raw.states[state])); };
        const auto differential = [&](std::size_t state) { return (raw.states[state] >> 63U) != 0; };
        for (std::size_t first = 0; first < marks.size(); ++first) {
            std::size_t state = first;
            for (; differential(state) && marks[state] == unseen; state = next(state)) marks[state] = on_this_chain;
            if (marks[state] == on_this_chain) return bad_state("is in a chain of differential states that never ends", state);
            for (state = first; marks[state] == on_this_chain; state = next(state)) marks[state] = ends;
        }
        return {};
    }

    void read_rest(RawAutomaton& raw) const {
        const auto copy = [](const Table& table, std::vector<std::uint32_t>& values) {
            values.resize(table.count);
            for (std::size_t i = 0; i < table.count; ++i) values[i] = table[i];
        };
        copy(tables_[kAccept], raw.accept);
        copy(tables_[kAccept2], raw.accept2);
        if (!tables_[kClasses].present()) return;
        raw.classes.assign(256 / 8, 0);
        for (std::size_t byte = 0; byte < 256; ++byte)
            raw.classes[byte / 8] |= std::uint64_t{tables_[kClasses][byte]} << (8U * (byte % 8U));
    }

    // Kernels differ in whether they look on after a dead state; no compiler makes it matter.
    [[nodiscard]] Result<void> check_dead_state(const RawAutomaton& raw) const {
        const std::uint64_t dead = raw.states[kDeadState];
        if (static_cast<std::uint32_t>(dead) != kDeadState || (dead >> 63U) != 0) return error("goes on from its dead state");
        const std::size_t base = (dead >> 32U) & kBaseMask;
        for (std::size_t column = 0; column < 256; ++column) {
            const std::uint64_t edge = raw.edges[base + column];
            if ((edge >> 32U) == kDeadState && static_cast<std::uint32_t>(edge) != kDeadState) return error("goes on from its dead state");
        }
        return {};
    }

    [[nodiscard]] Error bad_state(std::string_view problem, std::size_t state) const {
        return error(concat({"is damaged: state ", decimal(static_cast<long long>(state)), " ", problem}));
    }

    std::string_view bytes_;
    std::size_t position_;
    const PolicyCursor& cursor_;
    std::size_t at_ = 0;
    std::uint32_t flags_ = 0;
    std::array<Table, kTableIds> tables_;
};

}  // namespace

Result<RawAutomaton> read_automaton(std::string_view bytes, std::size_t position, const PolicyCursor& cursor, bool wants_accept2) {
    return AutomatonReader(bytes, position, cursor).read(wants_accept2);
}

}  // namespace aa::apparmor
