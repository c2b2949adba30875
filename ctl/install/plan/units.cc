// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/plan/units.h"

#include <fcntl.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "ctl/install/document/marks.h"
#include "ctl/install/document/wanted.h"
#include "ctl/install/plan/unit_file.h"

namespace aa::ctl::install {

namespace {

// systemd.unit(5): the first one that has the unit wins; so does the first that has a drop-in of that name.
constexpr std::array<std::string_view, 5> kDirectories = {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                                                          "/usr/lib/systemd/system", "/lib/systemd/system"};
constexpr std::size_t kLongest = std::size_t{1} << 20U;  // of a unit, which systemd limits likewise
// systemd.exec(5): what a service has unless it is told otherwise.
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// A unit may be a link, within the host (an alias), or to /dev/null (it is masked: an empty unit).
std::string read_through_links(const Host& host, const std::string& path) {
    const auto fd = host.open_below(path, O_RDONLY);
    if (!fd) return {};
    const auto text = read_file(fd->get(), kLongest, path);
    return text ? std::string(text->text()) : std::string();
}

std::string unit_path(const Host& host, const std::string& name) {
    for (const auto directory : kDirectories) {
        auto path = concat({directory, "/", name});
        if (host.exists(path)) return path;
    }
    return {};
}

// The drop-ins to the unit NAME but ours, in the order in which they are read: that of their names, whatever directory has them.
std::vector<std::string> drop_ins(const Host& host, const std::string& name) {
    std::map<std::string, std::string> found;
    for (const auto directory : kDirectories) {
        for (const std::string& below : {concat({directory, "/", name, ".d"}), concat({directory, "/service.d"})}) {
            const auto names = host.list(below);
            for (const auto& file : names ? *names : std::vector<std::string>()) {
                if (file.ends_with(".conf") && file.find("-aa-shim-") == std::string::npos) found.emplace(file, concat({below, "/", file}));
            }
        }
    }
    std::vector<std::string> paths;
    paths.reserve(found.size());
    for (auto& [file, path] : found) paths.push_back(std::move(path));
    return paths;
}

// Adds TEXT to the list, or empties the list.
void assign(std::vector<UnitText>& list, UnitText text) {
    if (text.text.empty()) return list.clear();
    list.push_back(std::move(text));
}

// "NAME=VALUE" → NAME, with the value's place.
void set_variable(Unit& unit, const std::string& word, const std::string& place) {
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) return;
    unit.environment[word.substr(0, equals)] = {word.substr(equals + 1), {{0, place}}};
}

void read_environment_file(const Host& host, std::string_view value, Unit& unit) {
    if (value.starts_with('-')) value.remove_prefix(1);
    if (!value.starts_with('/')) return;
    const std::string path(value);
    for (const auto& line : unit_settings(read_through_links(host, path), host.place(path), {})) {
        set_variable(unit, concat({line.key, "=", without_quotes(line.value.text)}), line.value.places.front().second);
    }
}

// Whether TEXT takes words from the variable NAME.
bool takes_from(std::string_view text, std::string_view name) {
    if (text.find(concat({"${", name, "}"})) != std::string_view::npos) return true;
    const auto plain = concat({"$", name});
    for (std::size_t at = text.find(plain); at != std::string_view::npos; at = text.find(plain, at + 1)) {
        const auto rest = text.substr(at + plain.size());
        if (rest.empty() || !is_name_character(rest[0])) return true;
    }
    return false;
}

std::optional<Unit::Option> option_in(const UnitText& text, std::string_view flag) {
    constexpr std::string_view kBefore = " \t\"'";
    constexpr std::string_view kBehind = " \t=\"'";
    const std::string_view all = text.text;
    for (std::size_t at = all.find(flag); at != std::string_view::npos; at = all.find(flag, at + 1)) {
        auto rest = all.substr(at + flag.size());
        if ((at > 0 && kBefore.find(all[at - 1]) == std::string_view::npos) ||
            (!rest.empty() && kBehind.find(rest[0]) == std::string_view::npos))
            continue;
        rest.remove_prefix(std::min(rest.find_first_not_of(kBehind), rest.size()));
        return Unit::Option{text.place_of(at), std::string(rest.substr(0, rest.find_first_of(kBefore)))};
    }
    return std::nullopt;
}

}  // namespace

const std::string& UnitText::place_of(std::size_t offset) const {
    auto line = std::find_if(places.rbegin(), places.rend(), [&](const auto& place) { return place.first <= offset; });
    return line == places.rend() ? places.front().second : line->second;
}

std::optional<Unit::Option> Unit::option(std::string_view flag) const {
    for (const auto& command : commands) {
        if (auto found = option_in(command, flag)) return found;
        for (const auto& [variable, value] : environment) {
            if (!takes_from(command.text, variable)) continue;
            if (auto found = option_in(value, flag)) return found;
        }
    }
    return std::nullopt;
}

const std::string* Unit::variable(const std::string& wanted) const {
    const auto found = environment.find(wanted);
    return found == environment.end() ? nullptr : &found->second.places.front().second;
}

// systemd.service(5), "Command lines": prefixes before the path.
std::string Unit::program() const {
    if (commands.empty()) return {};
    auto words = unit_words(commands.front().text);
    if (words.empty()) return {};
    auto path = words.front().substr(std::min(words.front().find_first_not_of("@-:+!|"), words.front().size()));
    return path.starts_with('/') ? path : std::string();
}

std::vector<std::string> Unit::search_path() const {
    const auto set = environment.find("PATH");
    std::string_view rest = set == environment.end() ? kDefaultPath : std::string_view(set->second.text);
    std::vector<std::string> directories;
    while (!rest.empty()) {
        const auto directory = rest.substr(0, rest.find(':'));
        if (directory.starts_with('/') && directory != kEnginePath) directories.emplace_back(directory);
        rest.remove_prefix(std::min(directory.size() + 1, rest.size()));
    }
    return directories;
}

Unit read_unit(const Host& host, const std::string& name) {
    Unit unit{name, false, {}, {}};
    auto files = drop_ins(host, name);
    if (auto path = unit_path(host, name); !path.empty()) {
        const auto target = host.read_link(path);
        unit.exists = !target || *target != "/dev/null";
        files.insert(files.begin(), std::move(path));
    }
    std::vector<UnitText> assignments;
    std::vector<UnitText> environment_files;
    for (const auto& path : files) {
        for (auto& setting : unit_settings(read_through_links(host, path), host.place(path), "Service")) {
            if (setting.key == "ExecStart")
                assign(unit.commands, std::move(setting.value));
            else if (setting.key == "Environment")
                assign(assignments, std::move(setting.value));
            else if (setting.key == "EnvironmentFile")
                assign(environment_files, std::move(setting.value));
        }
    }
    for (const auto& assignment : assignments) {
        std::size_t from = 0;
        for (const auto& word : unit_words(assignment.text)) {
            from = std::min(assignment.text.find(word.substr(0, word.find('=')), from), assignment.text.size());
            set_variable(unit, word, assignment.place_of(from));
        }
    }
    for (const auto& file : environment_files) read_environment_file(host, file.text, unit);
    return unit;
}

std::string drop_in_path(std::string_view name, std::string_view engine) {
    return concat({kDirectories[0], "/", name, ".d/50-aa-shim-", engine, ".conf"});
}

Result<void> want_engine_path(Draft& draft, const Unit& unit, const std::vector<std::string>& variables) {
    std::vector<std::string> all = {concat({"PATH=", kEnginePath, ":", kDefaultPath})};
    all.insert(all.end(), variables.begin(), variables.end());
    std::string body = "[Service]\n";
    for (const auto& variable : all) {
        const auto name = variable.substr(0, variable.find('='));
        if (const auto* place = unit.variable(name)) {
            return Error{ErrorKind::config, concat({*place, ": ", unit.name, " sets ", name, " already: put ", kEnginePath,
                                                    " first in it by hand and install without --mandatory, or take it away"})};
        }
        body += concat({"Environment=", variable, "\n"});
    }
    const auto path = drop_in_path(unit.name, draft.plan().engine);
    const auto base = TRY(draft.base(path, DocumentKind::lines));
    draft.want_file(path, with_marked_end(base ? base->text : std::string(), body));
    return {};
}

}  // namespace aa::ctl::install
