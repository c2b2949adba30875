// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/toml/toml.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "ctl/install/toml/scanner.h"

namespace aa::ctl::install::toml {

namespace {

bool is_bare(std::string_view part) { return !part.empty() && std::all_of(part.begin(), part.end(), is_bare_key_character); }

}  // namespace

const Entry* Document::pair(const Path& path) const {
    for (const Entry& entry : entries) {
        if (entry.kind == Entry::Kind::pair && entry.path == path) return &entry;
    }
    return nullptr;
}

const Entry* Document::table(const Path& path) const {
    for (const Entry& entry : entries) {
        if (entry.kind == Entry::Kind::table && entry.path == path) return &entry;
    }
    return nullptr;
}

const Entry* Document::below(const Path& path) const {
    for (const Entry& entry : entries) {
        if (begins_with(entry.path, path)) return &entry;
    }
    return nullptr;
}

Error Document::error(std::size_t offset, std::string_view reason) const {
    return {ErrorKind::config, concat({name, ":", line_and_column(text, offset), ": ", reason})};
}

std::string_view Document::line_end() const {
    const std::size_t end = text.find('\n');
    return end != std::string_view::npos && end > 0 && text[end - 1] == '\r' ? "\r\n" : "\n";
}

std::string_view value_text(const Document& document, const Entry& pair) {
    return document.text.substr(pair.value.begin, pair.value.end - pair.value.begin);
}

bool begins_with(const Path& path, const Path& prefix) {
    return path.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

Path below(Path table, std::string_view name) {
    table.emplace_back(name);
    return table;
}

std::string line_and_column(std::string_view text, std::size_t offset) {
    const auto before = text.substr(0, offset);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
    return concat({decimal(line), ":", decimal(static_cast<long long>(before.size() - begin) + 1)});
}

std::string key(const Path& path) {
    std::string result;
    for (const auto& part : path) {
        if (!result.empty()) result += '.';
        result += is_bare(part) ? part : quoted(part);
    }
    return result;
}

std::string quoted(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            result.append({'\\', c});
        } else if (byte < 0x20 || byte == 0x7f) {
            result.append("\\u00").append({kDigits[byte >> 4U], kDigits[byte & 15U]});
        } else {
            result += c;
        }
    }
    return result + '"';
}

Result<Document> read(std::string_view text, std::string name) { return Scanner(text, std::move(name)).read(); }

std::string array(std::vector<std::string> strings) {
    for (auto& string : strings) string = quoted(string);
    return concat({"[", join(strings, ", "), "]"});
}

}  // namespace aa::ctl::install::toml
