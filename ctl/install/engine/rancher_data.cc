// SPDX-License-Identifier: Apache-2.0
//
// What is said on the command line comes first. A configuration file stands for options before it (k3s pkg/configfilearg/parser.go: config.yaml,
// then config.yaml.d/*.yaml in the order of names, of which the last one counts), and variables come after both (urfave/cli).
#include "ctl/install/engine/rancher_data.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/text.h"

namespace aa::ctl::install {

namespace {

constexpr std::size_t kLongest = std::size_t{1} << 20U;
constexpr std::string_view kKey = "data-dir";
constexpr std::string_view kSpace = " \t\r";

struct Said {
    std::string value, place;
};

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// What stands behind LINE's key and colon, if the key is ours, in quotes or not.
std::optional<std::string_view> behind_key(std::string_view line) {
    const auto quote_mark = line.starts_with('"') || line.starts_with('\'') ? line.substr(0, 1) : std::string_view();
    line.remove_prefix(quote_mark.size());
    if (!line.starts_with(kKey)) return std::nullopt;
    line.remove_prefix(kKey.size());
    if (!line.starts_with(quote_mark)) return std::nullopt;
    line = trimmed(line.substr(quote_mark.size()));
    if (line.starts_with('+')) line.remove_prefix(1);  // a list is added to; of one value the last counts
    if (!line.starts_with(':') || (line.size() > 1 && kSpace.find(line[1]) == std::string_view::npos)) return std::nullopt;
    return trimmed(line.substr(1));
}

// A scalar of one line (YAML 1.2, "Flow Scalar Styles") that is an absolute path; nothing if TEXT is something else.
std::optional<std::string> path_in(std::string_view text) {
    if (text.starts_with('"') || text.starts_with('\'')) {
        const auto end = text.find(text[0], 1);
        const auto rest = end == std::string_view::npos ? std::string_view("?") : trimmed(text.substr(end + 1));
        if (!rest.empty() && !rest.starts_with('#')) return std::nullopt;
        text = text.substr(1, end - 1);
        if (text.find('\\') != std::string_view::npos) return std::nullopt;
    } else {
        text = trimmed(text.substr(0, text.find(" #")));
    }
    return text.starts_with('/') ? std::optional<std::string>(text) : std::nullopt;
}

Error not_followed(const std::string& place) {
    return {ErrorKind::config, concat({place,
                                       ": data-dir is said in a form that aa-shimctl does not follow: write 'data-dir: /the/path' on a "
                                       "line of its own"})};
}

// What the YAML file PATH says of it; of several lines the last one.
Result<std::optional<Said>> said_in(const Host& host, const std::string& path) {
    const auto fd = host.open_below(path, O_RDONLY);
    if (!fd && fd.error().kind == ErrorKind::not_found) return std::optional<Said>();
    if (!fd) return fd.error();
    const auto file = TRY(read_file(fd->get(), kLongest, host.place(path)));
    std::optional<Said> said;
    long long number = 0;
    for (const auto line : lines(file.text())) {
        ++number;
        const auto place = concat({host.place(path), ":", decimal(number)});
        const auto content = trimmed(line);
        const bool in_braces = content.starts_with('{') && content.find(kKey) != std::string_view::npos;
        const auto value = behind_key(content);
        if (!value && !in_braces) continue;
        const auto directory = value && content.data() == line.data() ? path_in(*value) : std::nullopt;
        if (!directory) return not_followed(place);
        said = Said{*directory, place};
    }
    return said;
}

// The first value that UNIT has for one of FLAGS.
std::optional<Said> option_of(const Unit& unit, std::initializer_list<std::string_view> flags) {
    for (const auto flag : flags) {
        if (auto option = unit.option(flag)) return Said{std::move(option->value), std::move(option->place)};
    }
    return std::nullopt;
}

std::optional<Said> variable_of(const Unit& unit, const Distribution& facts, std::string_view name) {
    const auto variable = concat({facts.name == "k3s" ? "K3S" : "RKE2", "_", name});
    const auto found = unit.environment.find(variable);
    if (found == unit.environment.end()) return std::nullopt;
    return Said{found->second.text, *unit.variable(variable)};
}

Result<std::optional<Said>> said_in_files(const Host& host, const Distribution& facts, const Unit& unit) {
    const auto usual = concat({"/etc/rancher/", facts.name, "/config.yaml"});
    auto chosen = option_of(unit, {"--config", "-c"});
    if (!chosen) chosen = variable_of(unit, facts, "CONFIG_FILE");
    if (chosen && !chosen->value.starts_with('/')) return not_followed(chosen->place);
    const auto main = chosen ? chosen->value : usual;
    auto said = TRY(said_in(host, main));
    for (const auto& name : TRY(host.list(main + ".d"))) {
        if (!name.ends_with(".yaml")) continue;
        if (auto more = TRY(said_in(host, concat({main, ".d/", name})))) said = std::move(more);
    }
    return said;
}

}  // namespace

Unit rancher_unit(const Host& host, const Distribution& facts) {
    auto server = read_unit(host, std::string(facts.units[0]));
    if (server.exists) return server;
    auto agent = read_unit(host, std::string(facts.units[1]));
    return agent.exists ? agent : server;
}

Result<std::string> rancher_data(const Host& host, const Distribution& facts) {
    const auto unit = rancher_unit(host, facts);
    auto said = option_of(unit, {"--data-dir", "-d"});
    if (!said) said = TRY(said_in_files(host, facts, unit));
    if (!said) said = variable_of(unit, facts, "DATA_DIR");
    if (!said) return concat({"/var/lib/rancher/", facts.name});
    auto directory = said->value;
    while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
    if (!directory.starts_with('/') || (directory + "/").find("/../") != std::string::npos || directory == "/")
        return not_followed(said->place);
    return directory;
}

std::string rancher_containerd(std::string_view data) { return concat({data, "/agent/etc/containerd"}); }

}  // namespace aa::ctl::install
