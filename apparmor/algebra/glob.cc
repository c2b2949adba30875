// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/glob.h"

#include <algorithm>
#include <utility>

namespace aa::apparmor {

namespace {

// What the profile language would take for more than itself (apparmor.d(5), "Globbing").
constexpr std::string_view kSpecial = "*?[]{}^\\\"@,";

}  // namespace

Glob::Glob(std::vector<Token> tokens) : tokens_(std::move(tokens)) { reset(); }

void Glob::reset() {
    ids_.clear();
    steps_.clear();
    special_.clear();
    states_.assign(1, {});  // the dead one
    Positions start{0};
    close(start);
    states_.push_back(start);
    ids_.emplace(std::move(start), kStart);
}

void Glob::append(Token token) {
    tokens_.push_back(token);
    reset();
}

Glob Glob::literal(std::string_view text) {
    Glob glob;
    glob.add(text);
    return glob;
}

Glob& Glob::add(std::string_view literal_text) {
    for (const char byte : literal_text) {
        tokens_.push_back({Token::byte, static_cast<std::uint8_t>(byte)});
        if (kSpecial.find(byte) != std::string_view::npos) text_ += '\\';
        text_ += byte;
    }
    reset();
    return *this;
}

Glob& Glob::add(const Glob& more) {
    tokens_.insert(tokens_.end(), more.tokens_.begin(), more.tokens_.end());
    text_ += more.text_;
    literal_ = literal_ && more.literal_;
    reset();
    return *this;
}

Glob& Glob::add_star() {
    if (text_.ends_with('/')) tokens_.push_back({Token::one, 0});
    text_ += '*';
    literal_ = false;
    append({Token::name, 0});
    return *this;
}

Glob& Glob::add_double_star() {
    if (text_.ends_with('/')) tokens_.push_back({Token::one, 0});
    return add_anything();
}

Glob& Glob::add_anything() {
    text_ += "**";
    literal_ = false;
    append({Token::anything, 0});
    return *this;
}

// What stands in front of a token that may stand for nothing stands in front of the next one, too.
void Glob::close(Positions& positions) const {
    Positions closed;
    for (std::uint16_t at : positions) {
        for (bool optional = true; optional; ++at) {
            if (closed.empty() || at > closed.back()) closed.push_back(at);
            optional = at < tokens_.size() && (tokens_[at].kind == Token::name || tokens_[at].kind == Token::anything);
        }
    }
    work_ += closed.size();
    positions = std::move(closed);
}

Glob::State Glob::intern(Positions positions) const {
    if (positions.empty()) return kDead;
    const auto [at, fresh] = ids_.emplace(std::move(positions), static_cast<State>(states_.size()));
    if (fresh) states_.push_back(at->first);
    return at->second;
}

Glob::State Glob::next(State state, std::uint8_t byte) const {
    if (state == kDead) return kDead;
    if (state < steps_.size() && steps_[state][byte] != kUnknown) return steps_[state][byte];
    Positions positions;
    const Positions from = states_[state];
    for (const std::uint16_t at : from) {
        if (at == tokens_.size()) continue;
        const Token token = tokens_[at];
        const bool of_name = byte != 0 && byte != '/';
        if (token.kind == Token::byte ? token.value == byte : token.kind == Token::one && of_name) {
            positions.push_back(static_cast<std::uint16_t>(at + 1));
        } else if ((token.kind == Token::name && of_name) || (token.kind == Token::anything && byte != 0)) {
            positions.push_back(at);
        }
    }
    close(positions);
    const State to = intern(std::move(positions));
    while (steps_.size() <= state) steps_.emplace_back().fill(kUnknown);
    steps_[state][byte] = to;
    return to;
}

bool Glob::accepts(State state) const { return !states_[state].empty() && states_[state].back() == tokens_.size(); }

bool Glob::matches(std::string_view text) const {
    State state = kStart;
    for (const char byte : text) state = next(state, static_cast<std::uint8_t>(byte));
    return accepts(state);
}

std::string Glob::special() const {
    std::string bytes;
    for (const Token token : tokens_) {
        const char byte = static_cast<char>(token.value);
        if (token.kind == Token::byte && bytes.find(byte) == std::string::npos) bytes += byte;
    }
    for (const char byte : {'/', '\0'}) {
        if (bytes.find(byte) == std::string::npos) bytes += byte;
    }
    return bytes;
}

const std::bitset<256>& Glob::special(State state) const {
    while (special_.size() <= state) special_.emplace_back();
    auto& known = special_[state];
    if (known) return *known;
    known.emplace();
    for (const std::uint16_t at : states_[state]) {
        if (at == tokens_.size()) continue;
        known->set(tokens_[at].kind == Token::byte ? tokens_[at].value : std::uint8_t{0});
        if (tokens_[at].kind != Token::byte) known->set('/');
    }
    return *known;
}

}  // namespace aa::apparmor
