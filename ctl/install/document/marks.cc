// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/document/marks.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "ctl/install/document/our_runtimes.h"

namespace aa::ctl::install {

namespace {

constexpr std::string_view kBegin = "# aa-shim begin";
constexpr std::string_view kBeginLine = "# aa-shim begin (made by aa-shimctl install, taken out by aa-shimctl uninstall)";
constexpr std::string_view kWas = "# aa-shim was: ";
constexpr std::string_view kEnd = "# aa-shim end";

std::string_view without_line_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// The line that OFFSET is the beginning of, its end included.
std::string_view line_at(std::string_view text, std::size_t offset) {
    const std::size_t end = text.find('\n', offset);
    return text.substr(offset, end == std::string_view::npos ? end : end + 1 - offset);
}

std::string_view indentation(std::string_view line) { return line.substr(0, std::min(line.find_first_not_of(" \t"), line.size())); }

// From "# aa-shim begin" to "# aa-shim end".
struct MarkedLines {
    std::size_t begin = 0, end = 0;
    std::optional<std::string> was;
};

Result<std::vector<MarkedLines>> find_marked(const toml::Document& document) {
    std::vector<MarkedLines> found;
    bool open = false;
    for (const auto& comment : document.comments) {
        if (comment.text.starts_with(kBegin)) {
            if (open)
                return document.error(comment.lines.begin, "'# aa-shim begin' stands here before the last one has its '# aa-shim end'");
            found.push_back({comment.lines.begin, 0, {}});
            open = true;
        } else if (open && comment.text.starts_with(kWas)) {
            const auto line = document.text.substr(comment.lines.begin, comment.lines.end - comment.lines.begin);
            found.back().was = without_line_end(line.substr(line.find(kWas) + kWas.size()));
        } else if (comment.text == kEnd) {
            if (!open) return document.error(comment.lines.begin, "'# aa-shim end' stands here without a '# aa-shim begin'");
            found.back().end = comment.lines.end;
            open = false;
        }
    }
    if (open) return document.error(found.back().begin, "'# aa-shim begin' has no '# aa-shim end': remove the lines of aa-shim by hand");
    return found;
}

// A key behind a marked table belongs to that table.
Result<void> require_no_stray_key(const toml::Document& document, const MarkedLines& lines) {
    bool has_table = false;
    for (const auto& entry : document.entries) {
        if (entry.lines.begin < lines.begin) continue;
        const bool is_pair = entry.kind == toml::Entry::Kind::pair;
        if (entry.lines.begin < lines.end) {
            has_table = has_table || !is_pair;
        } else if (is_pair && has_table) {
            return document.error(entry.lines.begin,
                                  concat({"the key ", quote(toml::key(entry.path)),
                                          " stands behind the lines of aa-shim and so in their table: move it to its own"}));
        } else {
            return {};
        }
    }
    return {};
}

}  // namespace

std::string table_text(const std::vector<TomlTable>& tables, std::string_view line_end) {
    std::string text;
    for (const auto& table : tables) {
        text += concat({"[", toml::key(table.path), "]", line_end});
        for (const auto& [key, value] : table.pairs) text += concat({"  ", toml::key({key}), " = ", value, line_end});
    }
    return text;
}

std::string marked(std::string_view body, std::string_view line_end) { return concat({kBeginLine, line_end, body, kEnd, line_end}); }

std::string with_marked_end(std::string_view text, std::string_view body) {
    const std::size_t first = text.find('\n');
    const std::string_view end = first != std::string_view::npos && first > 0 && text[first - 1] == '\r' ? "\r\n" : "\n";
    std::string converted;
    for (const auto line : lines(body)) converted += concat({line, end});
    auto block = marked(converted, end);
    if (text.empty() || text.ends_with('\n')) return concat({text, block});
    block.resize(block.size() - end.size());
    return concat({text, end, block});
}

namespace {

// What of the marked LINES is somebody else's by now, as text.
std::string foreign_in(const toml::Document& document, const MarkedLines& lines, const toml::Document* written) {
    std::string text;
    const toml::Entry* version = nullptr;
    const toml::Entry* header = nullptr;  // of ours, which somebody else's key may need
    bool more_than_ours = false;
    const auto add = [&](const toml::Entry& entry) {
        text += document.text.substr(entry.lines.begin, entry.lines.end - entry.lines.begin);
    };
    for (const auto& entry : document.entries) {
        const bool inside = entry.lines.begin >= lines.begin && entry.lines.begin < lines.end;
        const bool foreign = inside && is_foreign(document, entry, written);
        if (inside && entry.path == toml::Path{"version"}) version = &entry;
        more_than_ours = more_than_ours || foreign || !inside;
        const bool is_header = entry.kind != toml::Entry::Kind::pair;
        if (inside && is_header) header = foreign ? nullptr : &entry;
        if (foreign && !is_header && header != nullptr) add(*std::exchange(header, nullptr));
        if (foreign) add(entry);
    }
    // Others' settings keep the version that they are written for.
    if (version == nullptr || !more_than_ours) return text;
    return concat({document.text.substr(version->lines.begin, version->lines.end - version->lines.begin), text});
}

}  // namespace

// Where the end mark has no line end, what we added began with one.
Result<std::string> without_marked(std::string_view text, const std::string& name, const toml::Document* written) {
    const auto document = TRY(toml::read(text, name));
    std::string result;
    std::size_t kept = 0;
    for (const auto& lines : TRY(find_marked(document))) {
        TRY(require_no_stray_key(document, lines));
        result += text.substr(kept, lines.begin - kept);
        if (auto foreign = foreign_in(document, lines, written); !foreign.empty()) {
            result += foreign;
            kept = lines.end;
            continue;
        }
        const auto last = text.substr(0, lines.end);
        const auto line_end = last.substr(without_line_end(last).size());
        if (lines.was) {
            result += concat({*lines.was, line_end});
        } else if (line_end.empty()) {
            result.resize(without_line_end(result).size());
        }
        kept = lines.end;
    }
    return result + std::string(text.substr(kept));
}

Result<std::string> without_marked_end(std::string_view text, const std::string& name) {
    const auto at_line = [text](std::size_t at) { return at == 0 || text[at - 1] == '\n'; };
    const std::size_t begin = text.find(kBegin);
    if (begin == std::string_view::npos) return std::string(text);
    const std::size_t end = text.find(kEnd, begin);
    const auto place = concat({name, ":", toml::line_and_column(text, begin), ": "});
    if (!at_line(begin) || end == std::string_view::npos || !at_line(end)) {
        return Error{ErrorKind::config, concat({place, "the lines of aa-shim have no end: remove them by hand"})};
    }
    const auto rest = text.substr(end + line_at(text, end).size());
    const auto before = text.substr(0, begin);
    const bool without_end = line_at(text, end) == kEnd;
    if (rest.find(kBegin) != std::string_view::npos)
        return Error{ErrorKind::config, concat({place, "there are lines of aa-shim in two places"})};
    return concat({without_end ? without_line_end(before) : before, rest});
}

Result<void> MarkedChanges::require_open(const toml::Path& table) const {
    for (const auto& entry : document_.entries) {
        const bool above = toml::begins_with(table, entry.path);
        if (above && entry.kind == toml::Entry::Kind::pair) {
            return document_.error(entry.key.begin,
                                   concat({quote(toml::key(entry.path)), " is written as ",
                                           entry.value_kind == toml::ValueKind::inline_table ? "an inline table" : "a value",
                                           ": write it as a table of its own, with a header in brackets"}));
        }
        if (above && entry.kind == toml::Entry::Kind::array_table) {
            return document_.error(entry.key.begin, concat({quote(toml::key(entry.path)), " is an array of tables, not a table"}));
        }
        const bool inside = entry.kind == toml::Entry::Kind::pair && toml::begins_with(entry.path, table);
        if (inside && entry.path.size() - entry.own_parts < table.size()) {
            return document_.error(entry.key.begin,
                                   concat({quote(toml::key(table)), " is made by dotted keys: write it with a header in brackets"}));
        }
    }
    return {};
}

void MarkedChanges::replace(const toml::Entry& pair, const std::string& value) {
    const auto line = document_.text.substr(pair.lines.begin, pair.lines.end - pair.lines.begin);
    const auto bare = without_line_end(line);
    const auto indent = indentation(line);
    const auto end = document_.line_end();
    const auto key = document_.text.substr(pair.key.begin, pair.key.end - pair.key.begin);
    splices_.replace(pair.lines, concat({indent, kBeginLine, end, indent, key, " = ", value, end, indent, kWas, bare, end, indent, kEnd,
                                         line.substr(bare.size())}));
}

void MarkedChanges::insert_below(const toml::Entry& header, const std::string& line) {
    for (auto& [known, lines] : below_) {
        if (known == &header) return (void)(lines += line);
    }
    below_.emplace_back(&header, line);
}

TomlTable& MarkedChanges::appended(const toml::Path& path) {
    for (auto& table : tables_) {
        if (table.path == path) return table;
    }
    return tables_.emplace_back(TomlTable{path, {}});
}

Result<void> MarkedChanges::set(const toml::Path& table, const std::string& key, const std::string& value) {
    toml::Path path = table;
    path.push_back(key);
    if (const auto* pair = document_.pair(path)) {
        const auto old = document_.text.substr(pair->value.begin, pair->value.end - pair->value.begin);
        if (old == value) return {};
        if (old.find('\n') != std::string_view::npos) {
            return document_.error(pair->value.begin,
                                   concat({"the value of ", quote(toml::key(path)), " has several lines: write it in one"}));
        }
        replace(*pair, value);
        return {};
    }
    TRY(require_open(path));
    if (const auto* below = document_.below(path)) {
        return document_.error(below->lines.begin, concat({quote(toml::key(path)), " is a table here, but is to get a value"}));
    }
    if (const auto* header = document_.table(table)) {
        insert_below(*header, concat({toml::key({key}), " = ", value}));
        insert_below(*header, "\n");
    } else {
        TRY(require_open(table));
        appended(table).pairs.emplace_back(key, value);
    }
    return {};
}

Result<void> MarkedChanges::add(const TomlTable& table) {
    TRY(require_open(table.path));
    if (document_.table(table.path) == nullptr) (void)appended(table.path);
    for (const auto& [key, value] : table.pairs) TRY(set(table.path, key, value));
    return {};
}

std::string MarkedChanges::apply() const {
    oci::Splices splices = splices_;
    const auto end = document_.line_end();
    const auto added = [&](std::size_t at, std::string_view body) {
        const bool cut = at > 0 && document_.text[at - 1] != '\n';  // the file ends here, and not with a line end
        std::string text = cut ? concat({end, body}) : std::string(body);
        if (cut) text.resize(without_line_end(text).size());
        splices.insert(at, std::move(text));
    };
    for (const auto& [header, text] : below_) {
        const auto line = document_.text.substr(header->lines.begin, header->lines.end - header->lines.begin);
        const std::string indent = concat({indentation(line), "  "});
        std::string body = concat({indent, kBeginLine, end});
        for (const auto added_line : lines(text)) body += concat({indent, added_line, end});
        added(header->lines.end, concat({body, indent, kEnd, end}));
    }
    if (!tables_.empty()) added(document_.text.size(), marked(table_text(tables_, end), end));
    return splices.apply(document_.text);
}

}  // namespace aa::ctl::install
