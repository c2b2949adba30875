// SPDX-License-Identifier: Apache-2.0
//
// A pattern as AppArmor's profile language has them, as an automaton: what a person is shown in place of the texts that it covers.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aa::apparmor {

class Glob {
public:
    using State = std::uint32_t;
    static constexpr State kDead = 0;
    static constexpr State kStart = 1;

    Glob() : Glob(std::vector<Token>()) {}
    // TEXT itself, and nothing else.
    static Glob literal(std::string_view text);
    // These append to the pattern. `*` and `**` stand for at least one byte after a slash, as apparmor_parser has it.
    Glob& add(std::string_view literal_text);
    Glob& add(const Glob& more);
    Glob& add_star();         // "*": no slash, no NUL
    Glob& add_double_star();  // "**": no NUL
    Glob& add_anything();     // "**", of which nothing is left, too, wherever it stands

    [[nodiscard]] State next(State state, std::uint8_t byte) const;
    [[nodiscard]] bool accepts(State state) const;
    [[nodiscard]] bool matches(std::string_view text) const;
    // As a profile spells it: special characters of literal parts are escaped, NULs separate parts.
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] bool is_literal() const { return literal_; }
    // How many positions its states took to make so far: what it costs to be walked.
    [[nodiscard]] std::size_t work() const { return work_; }
    // The bytes that it tells apart from others.
    [[nodiscard]] std::string special() const;
    // Those that it tells apart in STATE.
    [[nodiscard]] const std::bitset<256>& special(State state) const;

private:
    struct Token {
        enum Kind : std::uint8_t { byte, one, name, anything } kind = byte;  // a byte; one of a name; any number of a name's; of any
        std::uint8_t value = 0;
    };
    static constexpr State kUnknown = ~State{0};
    using Positions = std::vector<std::uint16_t>;  // in front of which tokens a text may stand, ascending

    explicit Glob(std::vector<Token> tokens);
    void append(Token token);
    void reset();
    [[nodiscard]] State intern(Positions positions) const;
    void close(Positions& positions) const;

    std::vector<Token> tokens_;
    std::string text_;
    bool literal_ = true;
    mutable std::size_t work_ = 0;
    // The states that were needed so far.
    mutable std::vector<Positions> states_;
    mutable std::map<Positions, State> ids_;
    mutable std::vector<std::array<State, 256>> steps_;  // kUnknown: not taken so far
    mutable std::vector<std::optional<std::bitset<256>>> special_;
};

}  // namespace aa::apparmor
