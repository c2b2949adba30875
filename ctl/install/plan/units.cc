// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/plan/units.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "ctl/install/document/marks.h"
#include "ctl/install/document/wanted.h"

namespace aa::ctl::install {

namespace {

// systemd.unit(5): the first one that has the unit wins, and all of them may have drop-ins.
constexpr std::array<std::string_view, 5> kDirectories = {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                                                          "/usr/lib/systemd/system", "/lib/systemd/system"};
// systemd.exec(5): what a service has unless it is told otherwise.
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::string_view kBlanks = " \t";

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    while (!text.empty() && kBlanks.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
    return text;
}

Result<std::vector<UnitLine>> read_lines(const Host& host, const std::string& path) {
    std::vector<UnitLine> result;
    auto file = host.read(path);
    if (!file) return result;  // a unit may be a link: what systemd makes of those is not for us to change
    if (!*file) return result;
    long long number = 0;
    for (const auto line : aa::lines((*file)->text)) {
        ++number;
        const auto text = trimmed(line);
        if (text.empty() || text[0] == '#' || text[0] == ';') continue;
        result.push_back({concat({host.place(path), ":", decimal(number)}), std::string(text)});
    }
    return result;
}

void append(std::vector<UnitLine>& to, std::vector<UnitLine> lines) {
    to.insert(to.end(), std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()));
}

// "EnvironmentFile=-/etc/default/docker" → "/etc/default/docker".
std::string environment_file(std::string_view line) {
    constexpr std::string_view kKey = "EnvironmentFile=";
    if (!line.starts_with(kKey)) return {};
    line.remove_prefix(kKey.size());
    if (line.starts_with('-')) line.remove_prefix(1);
    return std::string(line.starts_with('/') ? line : std::string_view());
}

bool is_word_end(char c) { return c == ' ' || c == '\t' || c == '=' || c == '"' || c == '\'' || c == '\\'; }

}  // namespace

std::optional<Unit::Option> Unit::option(std::string_view flag) const {
    for (const auto& line : lines) {
        const std::size_t at = line.text.find(flag);
        if (at == std::string::npos) continue;
        auto rest = std::string_view(line.text).substr(at + flag.size());
        if (!rest.empty() && !is_word_end(rest[0])) continue;
        rest.remove_prefix(std::min(rest.find_first_not_of(" \t=\"'"), rest.size()));
        return Option{&line, std::string(rest.substr(0, rest.find_first_of(" \t\"'\\")))};
    }
    return std::nullopt;
}

const UnitLine* Unit::variable(std::string_view wanted) const {
    for (const auto& line : lines) {
        std::string_view text = line.text;
        if (text.starts_with("export ")) text.remove_prefix(7);
        const auto assignment = concat({wanted, "="});
        const bool in_file = text.starts_with(assignment);
        if (in_file) return &line;
        if (!text.starts_with("Environment=")) continue;
        const std::size_t at = text.find(assignment, 12);
        if (at != std::string_view::npos && std::string_view(" \t\"'=").find(text[at - 1]) != std::string_view::npos) return &line;
    }
    return nullptr;
}

Result<Unit> read_unit(const Host& host, const std::string& name) {
    Unit unit{name, false, {}};
    for (const auto directory : kDirectories) {
        const auto path = concat({directory, "/", name});
        if (unit.exists || !host.exists(path)) continue;
        unit.exists = true;
        append(unit.lines, TRY(read_lines(host, path)));
    }
    for (const auto directory : kDirectories) {
        const auto drop_ins = concat({directory, "/", name, ".d"});
        for (const auto& file : TRY(host.list(drop_ins))) {
            const auto path = concat({drop_ins, "/", file});
            if (file.ends_with(".conf") && file.find("-aa-shim-") == std::string::npos) append(unit.lines, TRY(read_lines(host, path)));
        }
    }
    std::vector<UnitLine> environment;
    for (const auto& line : unit.lines) {
        if (const auto file = environment_file(line.text); !file.empty()) append(environment, TRY(read_lines(host, file)));
    }
    append(unit.lines, std::move(environment));
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
        if (const auto* line = unit.variable(name)) {
            return Error{ErrorKind::config, concat({line->place, ": ", unit.name, " sets ", name, " already: put ", kEnginePath,
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
