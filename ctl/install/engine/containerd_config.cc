// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/engine/containerd_config.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace aa::ctl::install {

namespace {

using toml::Document;
using toml::Entry;
using toml::Path;
using toml::value_text;

constexpr std::string_view kRuncType = "io.containerd.runc.v2";
constexpr std::string_view kAnnotations = "aa-shim/*";

Path joined(Path path, const std::vector<std::string>& more) {
    path.insert(path.end(), more.begin(), more.end());
    return path;
}

std::optional<std::string> string_at(const Document& document, const Path& path) {
    const auto* pair = document.pair(path);
    if (pair == nullptr || pair->value_kind != toml::ValueKind::string) return std::nullopt;
    return pair->strings.front();
}

// What `containerd config default` writes for a setting that is not made.
bool is_unset(std::string_view value) { return value == "\"\"" || value == "''" || value == "0" || value == "false" || value == "[]"; }

// The annotations that THEIRS lets through, and ours, as an array.
std::string with_our_annotations(std::vector<std::string> theirs) {
    std::erase(theirs, kAnnotations);
    theirs.emplace_back(kAnnotations);
    return toml::array(std::move(theirs));
}

// The names of the runtimes of DOCUMENT, in order.
std::vector<std::string> runtime_names(const Document& document, int version) {
    const auto above = joined(cri_containerd(version), {"runtimes"});
    std::vector<std::string> names;
    for (const auto& entry : document.entries) {
        if (!toml::begins_with(entry.path, above) || entry.path.size() == above.size()) continue;
        const auto& name = entry.path[above.size()];
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
}

// Whether the runtime NAME of DOCUMENT is run by runc's shim, whatever program that calls.
bool has_runc_shim(const Document& document, int version, const std::string& name) {
    const auto type = string_at(document, joined(cri_containerd(version), {"runtimes", name, "runtime_type"}));
    return type ? is_runc_shim(*type) : name == "runc";
}

// Whether it is runc or crun as they are: not what a vendor put in their place.
bool is_plain(const Document& document, int version, const std::string& name) {
    const auto program = string_at(document, joined(cri_containerd(version), {"runtimes", name, "options", "BinaryName"})).value_or("");
    const auto base = program.substr(program.rfind('/') + 1);
    return has_runc_shim(document, version, name) && (base.empty() || base == "runc" || base == "crun");
}

}  // namespace

bool is_runc_shim(std::string_view type) {
    return type == kRuncType || type == "io.containerd.runc.v1" || type == "io.containerd.runtime.v1.linux";
}

std::string default_runtime(const Document& document, int version) {
    return string_at(document, joined(cri_containerd(version), {"default_runtime_name"})).value_or("runc");
}

RuntimeProgram runtime_program(const Document& document, int version, const std::string& name) {
    const auto table = joined(cri_containerd(version), {"runtimes", name});
    const auto binary = string_at(document, joined(table, {"options", "BinaryName"})).value_or("");
    if (has_runc_shim(document, version, name)) return {binary.empty() ? "runc" : binary, {}};
    return {{}, string_at(document, joined(table, {"runtime_type"})).value_or("not among the runtimes")};
}

std::vector<std::string> plain_runtimes(const Document& document, int version) {
    std::vector<std::string> plain;
    for (const auto& name : runtime_names(document, version)) {
        if (!is_our_name(name) && is_plain(document, version, name)) plain.push_back(name);
    }
    return plain;
}

Result<int> containerd_version(const Document& document) {
    const auto* pair = document.pair({"version"});
    if (pair == nullptr) {
        return Error{ErrorKind::config, concat({document.name,
                                                ": a file without a version is one of version 1, which containerd 2 does not read, "
                                                "and whose plugins have other names: write it anew from `containerd config default`, or "
                                                "convert it with `containerd config migrate` (containerd 2)"})};
    }
    const auto text = value_text(document, *pair);
    if (text == "2") return 2;
    if (text == "3") return 3;
    return document.error(pair->value.begin,
                          concat({"version ", quote(text), " of containerd's configuration is not one that aa-shimctl knows (2 and 3): ",
                                  text == "1" ? "write the file anew from `containerd config default`" : "make the change by hand"}));
}

Path cri_plugin(int version) { return {"plugins", version == 2 ? "io.containerd.grpc.v1.cri" : "io.containerd.cri.v1.runtime"}; }

Path cri_containerd(int version) { return joined(cri_plugin(version), {"containerd"}); }

Inherited inherited_from(const Document& document, int version) {
    const auto containerd = cri_containerd(version);
    auto name = default_runtime(document, version);
    if (!has_runc_shim(document, version, name)) name = "runc";
    const auto table = joined(containerd, {"runtimes", name});
    Inherited result;
    if (!has_runc_shim(document, version, name)) return result;
    for (const auto& entry : document.entries) {
        if (entry.kind != Entry::Kind::pair || !toml::begins_with(entry.path, table) || is_unset(value_text(document, entry))) continue;
        const auto& key = entry.path.back();
        const std::string value(value_text(document, entry));
        if (entry.path.size() == table.size() + 2 && entry.path[table.size()] == "options") {
            if (key != "BinaryName") result.options.emplace_back(key, value);
        } else if (entry.path.size() == table.size() + 1 && key == "pod_annotations") {
            result.pod_annotations = entry.strings;
        } else if (entry.path.size() == table.size() + 1 && key == "container_annotations") {
            result.container_annotations = entry.strings;
        } else if (entry.path.size() == table.size() + 1 && key != "runtime_type" && key != "options") {
            result.runtime.emplace_back(key, value);
        }
    }
    return result;
}

std::vector<TomlTable> runtime_tables(int version, const Wanted& wanted, const Inherited& inherited) {
    std::vector<TomlTable> tables;
    const auto containerd = cri_containerd(version);
    if (wanted.make_default) tables.push_back({containerd, {{"default_runtime_name", "\"aa-shim\""}}});
    for (const auto& runtime : runtimes(wanted)) {
        TomlTable table{joined(containerd, {"runtimes", runtime.name}), {{"runtime_type", toml::quoted(kRuncType)}}};
        table.pairs.emplace_back("pod_annotations", with_our_annotations(inherited.pod_annotations));
        table.pairs.emplace_back("container_annotations", with_our_annotations(inherited.container_annotations));
        table.pairs.insert(table.pairs.end(), inherited.runtime.begin(), inherited.runtime.end());
        TomlTable options{joined(table.path, {"options"}), {{"BinaryName", toml::quoted(runtime.path)}}};
        options.pairs.insert(options.pairs.end(), inherited.options.begin(), inherited.options.end());
        tables.push_back(std::move(table));
        tables.push_back(std::move(options));
    }
    return tables;
}

Redirected redirected_runtimes(const Document& document, int version, const Wanted& wanted) {
    Redirected result;
    const auto above = joined(cri_containerd(version), {"runtimes"});
    const TomlPairs program = {{"BinaryName", toml::quoted(wanted.shim)}};
    auto names = runtime_names(document, version);
    if (std::find(names.begin(), names.end(), "runc") == names.end()) {
        // The built-in one: naming it replaces all of it.
        result.tables.push_back({joined(above, {"runc"}), {{"runtime_type", toml::quoted(kRuncType)}}});
        result.tables.push_back({joined(above, {"runc", "options"}), program});
    }
    for (const auto& name : names) {
        if (is_our_name(name)) continue;
        if (is_plain(document, version, name)) {
            result.tables.push_back({joined(above, {name, "options"}), program});
        } else {
            result.left.push_back(name);
        }
    }
    return result;
}

Result<void> require_no_obstacle(const Document& document, int version, const Wanted& wanted) {
    const auto containerd = cri_containerd(version);
    for (const auto& runtime : runtimes(wanted)) {
        if (const auto* entry = document.below(joined(containerd, {"runtimes", runtime.name}))) {
            return document.error(entry->lines.begin,
                                  concat({"there is a runtime ", quote(runtime.name), " that aa-shimctl did not write: remove it first"}));
        }
    }
    const auto above = joined(containerd, {"runtimes"});
    for (const auto& entry : document.entries) {
        if (entry.kind != Entry::Kind::pair || entry.value_kind != toml::ValueKind::inline_table || !toml::begins_with(entry.path, above))
            continue;
        return document.error(entry.lines.begin, concat({quote(toml::key(entry.path)),
                                                         " is written as an inline table, into which aa-shimctl does not look: "
                                                         "write it as a table of its own, with a header in brackets"}));
    }
    if (const auto* disabled = document.pair({"disabled_plugins"})) {
        for (const auto& plugin : disabled->strings) {
            if (plugin == cri_plugin(version).back() || plugin == "cri" || plugin == "io.containerd.grpc.v1.cri") {
                return document.error(disabled->value.begin,
                                      concat({"the plugin ", quote(plugin),
                                              " is disabled, and with it all runtimes of this file: "
                                              "take it out of the list (Docker does not need it: aa-shimctl install docker)"}));
            }
        }
    }
    const auto old_default = joined(containerd, {"default_runtime", "runtime_type"});
    if (const auto type = string_at(document, old_default); wanted.make_default && type && !type->empty()) {
        return document.error(document.pair(old_default)->lines.begin,
                              "default_runtime overrules default_runtime_name: make it one of the runtimes, and name it there");
    }
    return {};
}

// containerd 1 has a runtime `runc` of its own only where a file names no runtime at all: naming ours would take it away.
std::vector<TomlTable> kept_built_in(const Document& document, int version) {
    const auto above = joined(cri_containerd(version), {"runtimes"});
    if (version != 2 || document.below(above) != nullptr) return {};
    return {{joined(above, {"runc"}), {{"runtime_type", toml::quoted(kRuncType)}}}};
}

Result<ContainerdChange> with_containerd_runtimes(const Document& document, const Wanted& wanted) {
    const int version = TRY(containerd_version(document));
    TRY(require_no_obstacle(document, version, wanted));
    MarkedChanges changes(document);
    ContainerdChange result;
    for (const auto& table : runtime_tables(version, wanted, inherited_from(document, version))) TRY(changes.add(table));
    if (wanted.mandatory) {
        auto redirected = redirected_runtimes(document, version, wanted);
        for (const auto& table : redirected.tables) TRY(changes.add(table));
        result.left = std::move(redirected.left);
    } else {
        for (const auto& table : kept_built_in(document, version)) TRY(changes.add(table));
    }
    result.text = changes.apply();
    return result;
}

std::string containerd_file(int version, const std::vector<TomlTable>& tables) {
    return marked(concat({"version = ", decimal(version), "\n", table_text(tables, "\n")}), "\n");
}

namespace {

// Every key of a document with its value; elements of arrays of tables are numbered.
Result<std::map<Path, std::string>> settings_of(std::string_view dump, const std::string& name) {
    const auto document = TRY(toml::read(dump, name));
    std::map<Path, std::string> settings;
    std::map<Path, int> elements;
    for (const auto& entry : document.entries) {
        if (entry.kind == Entry::Kind::array_table) ++elements[entry.path];
        if (entry.kind != Entry::Kind::pair) continue;
        Path path = entry.path;
        for (const auto& [array, count] : elements) {
            if (toml::begins_with(entry.path, array)) path.push_back(decimal(count));
        }
        settings.emplace(std::move(path), value_text(document, entry));
    }
    return settings;
}

using Settings = std::map<Path, std::string>;

// Whether one of the two says that PATH is ours.
bool is_shim(const Settings& before, const Settings& after, const Path& path) {
    for (const auto* settings : {&before, &after}) {
        const auto found = settings->find(path);
        if (found != settings->end() && found->second.find("aa-shim") != std::string::npos) return true;
    }
    return false;
}

// Whether a setting is one that install or uninstall may change: of our runtimes, of one that leads to aa-shim, or the default.
bool is_ours(const Settings& before, const Settings& after, const Path& path) {
    if (path.size() == 1 && path[0] == "imports") return true;
    for (const int version : {2, 3}) {
        const auto containerd = cri_containerd(version);
        if (path == joined(containerd, {"default_runtime_name"})) return is_shim(before, after, path);
        const auto above = joined(containerd, {"runtimes"});
        if (!toml::begins_with(path, above) || path.size() < above.size() + 2) continue;
        const auto& name = path[above.size()];
        return is_our_name(name) || is_shim(before, after, joined(above, {name, "options", "BinaryName"}));
    }
    return false;
}

// What a runtime's table leaves out is what `config default` writes as unset; containerd 1.7 fills in "podsandbox" itself.
std::string_view meant(const Settings& settings, const Path& path) {
    const auto found = settings.find(path);
    if (found == settings.end()) return {};
    const bool of_runtime = path.size() > 5 && path[2] == "containerd" && path[3] == "runtimes";
    const bool is_usual = is_unset(found->second) || found->second == "\"podsandbox\"";
    return of_runtime && is_usual ? std::string_view() : std::string_view(found->second);
}

}  // namespace

Result<void> require_only_ours_differs(std::string_view dump_before, std::string_view dump_after) {
    const auto before = TRY(settings_of(dump_before, "containerd config dump (before)"));
    const auto after = TRY(settings_of(dump_after, "containerd config dump (after)"));
    for (const auto* settings : {&before, &after}) {
        for (const auto& [path, value] : *settings) {
            if (is_ours(before, after, path) || meant(before, path) == meant(after, path)) continue;
            return Error{ErrorKind::config, concat({"containerd would read ", quote(toml::key(path)), " otherwise than before"})};
        }
    }
    return {};
}

}  // namespace aa::ctl::install
