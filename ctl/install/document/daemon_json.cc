// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/document/daemon_json.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "ctl/install/document/our_runtimes.h"
#include "ctl/install/toml/toml.h"
#include "oci/json/json.h"
#include "oci/json/splice.h"

namespace aa::ctl::install {

namespace {

namespace json = oci::json;
using json::Extent;

constexpr std::string_view kRuntimes = "runtimes";
constexpr std::string_view kDefault = "default-runtime";

struct MemberPlace {
    std::string name;
    Extent extent;  // from the opening quote of the key to the end of the value
    Extent value;
    json::Kind kind = json::Kind::null;
};

struct ObjectPlaces {
    Extent extent;
    std::vector<MemberPlace> members;

    [[nodiscard]] const MemberPlace* find(std::string_view name) const {
        const auto found = std::find_if(members.begin(), members.end(), [&](const MemberPlace& member) { return member.name == name; });
        return found == members.end() ? nullptr : &*found;
    }
};

// Where everything stands that we may touch.
struct Places {
    ObjectPlaces root, runtimes;
    std::optional<std::string> default_runtime;
};

Error error_at(std::string_view text, const std::string& name, std::size_t offset, std::string_view reason) {
    return {ErrorKind::config, concat({name, ":", toml::line_and_column(text, offset), ": ", reason})};
}

// "line 1, column 2: REASON", as the reader says it → "NAME:1:2: REASON".
Error with_place(const std::string& name, const Error& error) {
    const std::string_view message = error.message;
    constexpr std::string_view kLine = "line ";
    constexpr std::string_view kColumn = ", column ";
    const std::size_t column = message.find(kColumn);
    const std::size_t colon = message.find(": ");
    if (!message.starts_with(kLine) || column == std::string_view::npos || colon == std::string_view::npos) {
        return {ErrorKind::config, concat({name, ": ", message})};
    }
    return {ErrorKind::config, concat({name, ":", message.substr(kLine.size(), column - kLine.size()), ":",
                                       message.substr(column + kColumn.size(), colon - column - kColumn.size()), message.substr(colon)})};
}

// Reads an object. A key that Go's parser takes for another one of the same object (equal but for case) would win or lose by
// its place: nobody means that.
ObjectPlaces read_object(json::Reader& reader, const std::vector<std::string_view>& known) {
    ObjectPlaces object;
    object.extent = reader.object([&](const json::Text& key) {
        const std::size_t begin = reader.begin_of(key);
        MemberPlace member{key.decoded(), {}, {}, reader.peek()};
        if (object.find(member.name) != nullptr) return reader.fail_at(begin, concat({quote(member.name), " is there twice"}));
        for (const auto name : known) {
            if (member.name != name && key.folds_to(name)) {
                return reader.fail_at(begin, concat({quote(member.name), " is taken for ", quote(name), " by Docker: write it so"}));
            }
        }
        member.value = reader.skip().extent;
        member.extent = {begin, member.value.end};
        object.members.push_back(std::move(member));
    });
    return object;
}

Result<Places> read_places(std::string_view text, const std::string& name) {
    json::Reader reader(text);
    Places places;
    places.root = read_object(reader, {kRuntimes, kDefault});
    if (const auto finished = reader.finish(); !finished) return with_place(name, finished.error());
    if (const auto* runtimes = places.root.find(kRuntimes)) {
        if (runtimes->kind != json::Kind::object) return error_at(text, name, runtimes->value.begin, "\"runtimes\" must be an object");
        json::Reader inner(text, runtimes->value.begin);
        places.runtimes = read_object(inner, {});
        if (inner.failed()) return with_place(name, inner.finish().error());
    }
    if (const auto* member = places.root.find(kDefault)) {
        if (member->kind != json::Kind::string) return error_at(text, name, member->value.begin, "\"default-runtime\" must be a string");
        json::Reader inner(text, member->value.begin);
        places.default_runtime = inner.string().decoded();
    }
    return places;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

// How the members of an object are laid out.
struct Layout {
    bool one_line = true;
    std::string line_end;     // and what begins a line of a member
    std::string indentation;  // of a member
    std::string unit;         // what one level more adds

    [[nodiscard]] Layout nested() const {
        Layout inner = *this;
        inner.indentation += unit;
        return inner;
    }
    [[nodiscard]] std::string outer_indentation() const {
        return indentation.ends_with(unit) ? indentation.substr(0, indentation.size() - unit.size()) : std::string();
    }
};

// The white space before OFFSET, from the last line end on; nothing if other bytes stand there.
std::optional<std::string> indentation_before(std::string_view text, std::size_t offset) {
    const std::size_t line = text.substr(0, offset).rfind('\n');
    const std::size_t begin = line == std::string_view::npos ? 0 : line + 1;
    const auto found = text.substr(begin, offset - begin);
    if (line == std::string_view::npos || !is_blank(found)) return std::nullopt;
    return std::string(found);
}

Layout layout_of(std::string_view text, const ObjectPlaces& root) {
    Layout layout;
    layout.line_end = text.find("\r\n") != std::string_view::npos ? "\r\n" : "\n";
    layout.unit = "    ";
    const auto first = root.members.empty() ? std::nullopt : indentation_before(text, root.members.front().extent.begin);
    if (!first) return layout;
    layout.one_line = false;
    layout.indentation = *first;
    const auto outer = indentation_before(text, root.extent.begin);
    const std::string base = outer ? *outer : std::string();
    layout.unit = first->starts_with(base) && first->size() > base.size() ? first->substr(base.size()) : *first;
    return layout;
}

// The layout within the object, which may be written otherwise than the one around it.
Layout layout_within(std::string_view text, const Layout& outer, const ObjectPlaces& object) {
    Layout layout = outer.nested();
    if (object.members.empty()) return layout;
    const auto first = indentation_before(text, object.members.front().extent.begin);
    layout.one_line = !first;
    if (first) layout.indentation = *first;
    return layout;
}

std::string object_text(const std::vector<std::string>& members, const Layout& layout) {
    if (layout.one_line) return concat({"{", join(members, ", "), "}"});
    std::string text = "{";
    for (std::size_t i = 0; i < members.size(); ++i) {
        text += concat({i == 0 ? "" : ",", layout.line_end, layout.indentation, members[i]});
    }
    return concat({text, layout.line_end, layout.outer_indentation(), "}"});
}

std::string member_text(std::string_view name, std::string_view value) { return concat({"\"", json_escape(name), "\": ", value}); }

std::vector<std::string> runtime_members(const Wanted& wanted, const Layout& layout) {
    std::vector<std::string> members;
    for (const auto& runtime : runtimes(wanted)) {
        const std::vector<std::string> path = {member_text("path", concat({"\"", json_escape(runtime.path), "\""}))};
        members.push_back(member_text(runtime.name, object_text(path, layout.nested())));
    }
    return members;
}

// Puts MEMBERS behind the last one of OBJECT.
void append_members(oci::Splices& splices, const ObjectPlaces& object, const std::vector<std::string>& members, const Layout& layout) {
    if (object.members.empty()) {
        splices.replace(object.extent, object_text(members, layout));
        return;
    }
    std::string text;
    for (const auto& member : members) {
        text += layout.one_line ? concat({", ", member}) : concat({",", layout.line_end, layout.indentation, member});
    }
    splices.insert(object.members.back().extent.end, std::move(text));
}

// Whether a value says nothing, as a tool writes a member that it knows and nobody set.
bool is_empty_value(std::string_view text, const Extent& value) {
    const auto written = text.substr(value.begin, value.end - value.begin);
    if (written == "null" || written == "\"\"") return true;
    const bool list = written.size() >= 2 && (written.front() == '[' || written.front() == '{');
    return list && is_blank(written.substr(1, written.size() - 2));
}

// Whether VALUE is {"path": P}, P being a program called NAME, and nothing else of weight.
bool is_ours(std::string_view text, const MemberPlace& member) {
    if (!is_our_name(member.name) || member.kind != json::Kind::object) return false;
    json::Reader reader(text, member.value.begin);
    bool leads_to_us = false;
    bool only_that = true;
    (void)reader.object([&](const json::Text& key) {
        if (key == "path" && reader.peek() == json::Kind::string) {
            leads_to_us = reader.string().decoded().ends_with(concat({"/", member.name}));
        } else {
            only_that = is_empty_value(text, reader.skip().extent) && only_that;
        }
    });
    return leads_to_us && only_that && !reader.failed();
}

// Whether the value of a runtime names aa-shim as its program, whatever the runtime's name.
bool names_our_program(std::string_view text, const MemberPlace& member) {
    json::Reader reader(text, member.value.begin);
    bool found = false;
    const auto look = [&](const json::Text& key) {
        if ((key == "path" || key == "BinaryName") && reader.peek() == json::Kind::string) {
            found = is_our_program(reader.string().decoded()) || found;
        } else {
            (void)reader.skip();
        }
    };
    if (member.kind != json::Kind::object) return false;
    (void)reader.object([&](const json::Text& key) {
        if (key == "options" && reader.peek() == json::Kind::object) {
            (void)reader.object(look);
        } else {
            look(key);
        }
    });
    return found;
}

void remove_members(oci::Splices& splices, const ObjectPlaces& object, const std::vector<bool>& removed) {
    if (std::find(removed.begin(), removed.end(), false) == removed.end()) {
        splices.replace(object.extent, "{}");
        return;
    }
    std::vector<Extent> extents;
    for (const auto& member : object.members) extents.push_back(member.extent);
    splices.remove_elements(extents, removed);
}

std::string new_document(const Wanted& wanted) {
    const Layout layout{false, "\n", "    ", "    "};
    std::vector<std::string> members;
    if (wanted.make_default) members.push_back(member_text(kDefault, "\"aa-shim\""));
    members.push_back(member_text(kRuntimes, object_text(runtime_members(wanted, layout.nested()), layout.nested())));
    return object_text(members, layout) + "\n";
}

Result<void> require_no_foreign_entry(std::string_view text, const std::string& name, const Places& places, const Wanted& wanted) {
    for (const auto& runtime : runtimes(wanted)) {
        if (const auto* member = places.runtimes.find(runtime.name)) {
            return error_at(text, name, member->extent.begin,
                            concat({"there is a runtime ", quote(runtime.name), " that aa-shimctl did not write: remove it first"}));
        }
    }
    return {};
}

}  // namespace

Result<std::string> with_docker_runtimes(std::string_view text, const std::string& name, const Wanted& wanted) {
    if (is_blank(text)) return new_document(wanted);
    const auto places = TRY(read_places(text, name));
    TRY(require_no_foreign_entry(text, name, places, wanted));
    if (places.root.members.empty()) return new_document(wanted);
    oci::Splices splices;
    const auto layout = layout_of(text, places.root);
    std::vector<std::string> at_root;
    if (wanted.make_default) {
        const auto* member = places.root.find(kDefault);
        if (member == nullptr) at_root.push_back(member_text(kDefault, "\"aa-shim\""));
        if (member != nullptr && places.default_runtime != "aa-shim") splices.replace(member->value, "\"aa-shim\"");
    }
    if (places.root.find(kRuntimes) == nullptr) {
        at_root.push_back(member_text(kRuntimes, object_text(runtime_members(wanted, layout.nested()), layout.nested())));
    } else {
        const auto within = layout_within(text, layout, places.runtimes);
        append_members(splices, places.runtimes, runtime_members(wanted, within), within);
    }
    append_members(splices, places.root, at_root, layout);
    return splices.apply(text);
}

Result<std::string> without_docker_runtimes(std::string_view text, const std::string& name, const std::optional<std::string>& original) {
    if (is_blank(text)) return std::string(text);
    const auto places = TRY(read_places(text, name));
    const auto before = original && !is_blank(*original) ? TRY(read_places(*original, name)) : Places();
    std::vector<bool> ours;
    for (const auto& member : places.runtimes.members) ours.push_back(is_ours(text, member));
    const bool any = std::find(ours.begin(), ours.end(), true) != ours.end();
    const bool all = any && std::find(ours.begin(), ours.end(), false) == ours.end();
    const bool takes_runtimes = all && before.root.find(kRuntimes) == nullptr;
    const bool our_default = places.default_runtime && is_our_name(*places.default_runtime);
    oci::Splices splices;
    std::vector<bool> from_root;
    for (const auto& member : places.root.members) {
        from_root.push_back((member.name == kRuntimes && takes_runtimes) ||
                            (member.name == kDefault && our_default && !before.default_runtime));
    }
    if (our_default && before.default_runtime) {
        splices.replace(places.root.find(kDefault)->value, concat({"\"", json_escape(*before.default_runtime), "\""}));
    }
    if (any && !takes_runtimes) remove_members(splices, places.runtimes, ours);
    if (std::find(from_root.begin(), from_root.end(), true) != from_root.end()) {
        // All of the file is ours: no splice may stand within what is replaced as a whole.
        if (std::find(from_root.begin(), from_root.end(), false) == from_root.end()) return std::string("{}\n");
        remove_members(splices, places.root, from_root);
    }
    return splices.apply(text);
}

std::vector<std::string> found_in_daemon_json(std::string_view text, const std::string& name) {
    std::vector<std::string> found;
    const auto places = is_blank(text) ? Result<Places>(Places()) : read_places(text, name);
    if (!places) return found;
    const auto add = [&](const MemberPlace& member, std::string_view what, const std::string& value) {
        found.push_back(concat({name, ":", toml::line_and_column(text, member.extent.begin), ": ", what, quote(value)}));
    };
    for (const auto& member : places->runtimes.members) {
        if (is_our_name(member.name) || names_our_program(text, member)) add(member, "the runtime ", member.name);
    }
    if (places->default_runtime && is_our_name(*places->default_runtime))
        add(*places->root.find(kDefault), "the default runtime ", *places->default_runtime);
    return found;
}

Result<DockerSettings> read_docker_settings(std::string_view text, const std::string& name) {
    if (is_blank(text)) return DockerSettings{};
    const auto places = TRY(read_places(text, name));
    DockerSettings settings{places.default_runtime, {}, {}, {}};
    if (!settings.default_runtime) return settings;
    settings.place = concat({name, ":", toml::line_and_column(text, places.root.find(kDefault)->extent.begin)});
    const auto* member = places.runtimes.find(*settings.default_runtime);
    if (member == nullptr || member->kind != json::Kind::object) return settings;
    json::Reader reader(text, member->value.begin);
    const auto string_value = [&reader] {
        if (reader.peek() == json::Kind::string) return reader.string().decoded();
        (void)reader.skip();
        return std::string();
    };
    (void)reader.object([&](const json::Text& key) {
        if (key == "path") {
            settings.path = string_value();
        } else if (key == "runtimeType") {
            settings.type = string_value();
        } else if (key == "options" && reader.peek() == json::Kind::object) {
            (void)reader.object([&](const json::Text& option) {
                if (option == "BinaryName") {
                    settings.path = string_value();
                } else {
                    (void)reader.skip();
                }
            });
        } else {
            (void)reader.skip();
        }
    });
    return settings;
}

}  // namespace aa::ctl::install
