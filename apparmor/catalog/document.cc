// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::string_view kPunctuation = "{}[],:";
constexpr std::string_view kSpace = " \t\r\n";

// The text of a file with its comments blanked out, and where each token begins. JSON itself is left to the library, which
// reads the same tokens in the same order; only positions are kept here.
class Tokens {
public:
    explicit Tokens(std::string_view text) : text_(text) {
        for (std::size_t at = text_.starts_with("\xEF\xBB\xBF") ? 3 : 0; at < text_.size();) at = take(at);
        for (std::size_t at = 0; at < text.size(); ++at) {
            if (text[at] == '\n') lines_.push_back(at + 1);
        }
    }

    [[nodiscard]] const std::string& text() const { return text_; }
    // Where a comment begins that never ends.
    [[nodiscard]] std::optional<std::size_t> open_comment() const { return open_comment_; }

    // The beginning of the next token that is not `,` or `:`.
    std::size_t next() {
        while (next_ < starts_.size() && (text_[starts_[next_]] == ',' || text_[starts_[next_]] == ':')) ++next_;
        return next_ < starts_.size() ? starts_[next_++] : text_.size();
    }

    // The beginnings of the token that holds the byte AT, and of the one before it; the end of the text where there is none.
    [[nodiscard]] std::pair<std::size_t, std::size_t> around(std::size_t at) const {
        if (at >= text_.size()) return {text_.size(), starts_.empty() ? text_.size() : starts_.back()};
        const auto behind = std::ranges::upper_bound(starts_, at) - starts_.begin();
        const auto start = [&](std::ptrdiff_t i) { return i >= 0 ? starts_[static_cast<std::size_t>(i)] : text_.size(); };
        return {start(behind - 1), start(behind - 2)};
    }

    // Cheap for places asked for in ascending order, even where everything stands on one line.
    Place place(std::size_t at) {
        const auto line = std::ranges::upper_bound(lines_, at) - lines_.begin();
        const auto start = lines_[static_cast<std::size_t>(line - 1)];
        if (known_at_ < start || known_at_ > at) std::tie(known_at_, known_column_) = std::pair(start, 1U);
        const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
        known_column_ +=
            static_cast<std::uint32_t>(std::ranges::count_if(std::string_view(text_).substr(known_at_, at - known_at_), is_first_byte));
        known_at_ = at;
        return {static_cast<std::uint32_t>(line), known_column_};
    }

private:
    std::size_t take(std::size_t at) {
        const char c = text_[at];
        if (kSpace.find(c) != kSpace.npos) return at + 1;
        if (text_.compare(at, 2, "//") == 0) return blank(at, std::min(text_.find('\n', at), text_.size()));
        if (text_.compare(at, 2, "/*") == 0) {
            const auto end = text_.find("*/", at + 2);
            if (end == std::string::npos && !open_comment_) open_comment_ = at;
            return blank(at, end == std::string::npos ? text_.size() : end + 2);
        }
        starts_.push_back(at);
        if (c == '"') return end_of_string(at + 1);
        if (kPunctuation.find(c) != kPunctuation.npos) return at + 1;
        return std::min(text_.find_first_of("{}[],:\"/ \t\r\n", at + 1), text_.size());
    }

    std::size_t blank(std::size_t from, std::size_t to) {
        std::replace_if(
            text_.begin() + static_cast<std::ptrdiff_t>(from), text_.begin() + static_cast<std::ptrdiff_t>(to),
            [](char c) { return c != '\n'; }, ' ');
        return to;
    }

    [[nodiscard]] std::size_t end_of_string(std::size_t at) const {
        while (at < text_.size() && text_[at] != '"' && text_[at] != '\n') at += text_[at] == '\\' ? 2U : 1U;
        return std::min(at + 1, text_.size());
    }

    std::string text_;
    std::vector<std::size_t> starts_;
    std::vector<std::size_t> lines_{0};
    std::size_t next_ = 0;
    std::size_t known_at_ = 0;
    std::uint32_t known_column_ = 1;
    std::optional<std::size_t> open_comment_;
};

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

// What the library says of a syntax error, without its exception's name and the text that it has read last.
std::string syntax_problem(std::string_view what) {
    if (const auto at = what.find("syntax error"); at != what.npos) what.remove_prefix(at);
    if (const auto at = what.find("] "); at != what.npos) what.remove_prefix(at + 2);
    const auto read = what.find("; last read: ");
    if (read == what.npos) return std::string(what);
    const auto expected = what.find("'; expected ", read);
    return concat({what.substr(0, read), expected == what.npos ? "" : what.substr(expected + 1)});
}

// Builds the nodes from the library's events.
class Builder {
public:
    using number_integer_t = nlohmann::json::number_integer_t;
    using number_unsigned_t = nlohmann::json::number_unsigned_t;
    using number_float_t = nlohmann::json::number_float_t;
    using string_t = nlohmann::json::string_t;
    using binary_t = nlohmann::json::binary_t;

    Builder(Tokens& tokens, const std::string& file, std::vector<Complaint>& errors) : tokens_(tokens), file_(file), errors_(errors) {}

    bool null() { return add(leaf(Node::Kind::null)); }
    bool boolean(bool value) {
        Node node = leaf(Node::Kind::boolean);
        node.boolean = value;
        return add(std::move(node));
    }
    bool number_integer(number_integer_t value) {
        (void)value;  // the library gives negative numbers alone as this
        return add(leaf(Node::Kind::fraction));
    }
    bool number_unsigned(number_unsigned_t value) {
        Node node = leaf(Node::Kind::integer);
        node.integer = value;
        return add(std::move(node));
    }
    bool number_float(number_float_t value, const string_t& spelling) {
        (void)value;
        (void)spelling;
        return add(leaf(Node::Kind::fraction));
    }
    bool string(string_t& value) {
        Node node = leaf(Node::Kind::text);
        check_text(value, node.place);
        node.text = std::move(value);
        return add(std::move(node));
    }
    bool binary(binary_t& value) {
        (void)value;  // never seen in a text
        return false;
    }
    bool start_object(std::size_t size) { return open(Node::Kind::object, size); }
    bool start_array(std::size_t size) { return open(Node::Kind::list, size); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }

    bool key(string_t& name) {
        Level& level = open_.back();
        const Place place = tokens_.place(tokens_.next());
        check_text(name, place);
        const auto [earlier, is_new] = level.keys.try_emplace(name, place);
        if (!is_new) complain(place, concat({"the key ", quote(name), " stands on line ", decimal(earlier->second.line), " already"}));
        level.node.members.push_back({std::move(name), place, {}});
        return true;
    }

    bool parse_error(std::size_t position, const std::string& last_token, const nlohmann::detail::exception& error) {
        (void)last_token;
        const auto [at, before] = tokens_.around(position == 0 ? 0 : position - 1);
        const auto& text = tokens_.text();
        const bool closes = at < text.size() && (text[at] == '}' || text[at] == ']');
        const bool comma = closes && before < text.size() && text[before] == ',';
        complain(tokens_.place(comma ? before : at), comma ? "nothing follows this comma: take it away" : syntax_problem(error.what()));
        return false;
    }

    std::optional<Node> take() && { return std::move(root_); }

private:
    struct Level {
        Node node;
        std::unordered_map<std::string, Place> keys;
    };

    void complain(Place place, std::string problem) { errors_.push_back({{file_, place.line, place.column}, std::move(problem)}); }

    void check_text(const std::string& text, Place place) {
        if (std::ranges::any_of(text, is_control)) complain(place, concat({quote(text), " holds a control character"}));
    }

    Node leaf(Node::Kind kind) {
        Node node;
        node.kind = kind;
        node.place = tokens_.place(tokens_.next());
        return node;
    }

    bool open(Node::Kind kind, std::size_t size) {
        (void)size;  // unknown in a text
        Node node = leaf(kind);
        if (open_.size() == kMaxCatalogDepth) {
            complain(node.place, concat({"is nested deeper than ", decimal(kMaxCatalogDepth), " levels"}));
            return false;
        }
        open_.push_back({std::move(node), {}});
        return true;
    }

    bool close() {
        (void)tokens_.next();
        Node node = std::move(open_.back().node);
        open_.pop_back();
        return add(std::move(node));
    }

    bool add(Node node) {
        if (open_.empty()) {
            root_ = std::move(node);
        } else if (Node& parent = open_.back().node; parent.kind == Node::Kind::object) {
            parent.members.back().value = std::move(node);
        } else {
            parent.items.push_back(std::move(node));
        }
        return true;
    }

    Tokens& tokens_;
    const std::string& file_;
    std::vector<Complaint>& errors_;
    std::vector<Level> open_;
    std::optional<Node> root_;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
    const auto found = std::ranges::find(members, key, &Member::key);
    return found == members.end() ? nullptr : &found->value;
}

std::optional<Node> parse_document(const CatalogSource& source, std::vector<Complaint>& errors) {
    if (source.text.size() > kMaxCatalogFile) {
        errors.push_back({{source.name, 0, 0}, concat({"is longer than ", decimal(kMaxCatalogFile), " bytes"})});
        return std::nullopt;
    }
    Tokens tokens(source.text);
    if (const auto open = tokens.open_comment()) {
        const Place place = tokens.place(*open);
        errors.push_back({{source.name, place.line, place.column}, "this comment never ends"});
        return std::nullopt;
    }
    Builder builder(tokens, source.name, errors);
    if (!nlohmann::json::sax_parse(tokens.text(), &builder)) return std::nullopt;
    return std::move(builder).take();
}

}  // namespace aa::apparmor
