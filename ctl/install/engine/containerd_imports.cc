// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/engine/containerd_imports.h"

#include <fnmatch.h>

#include "base/text.h"
#include "ctl/install/engine/containerd_config.h"

namespace aa::ctl::install {

namespace {

std::string directory_of(std::string_view path) { return std::string(path.substr(0, path.rfind('/'))); }

}  // namespace

// The files that DOCUMENT, at PATH, imports; patterns only in the last part of a path.
Result<Imports> imports_of(const Host& host, const toml::Document& document, const std::string& path) {
    Imports imports;
    const auto* pair = document.pair({"imports"});
    if (pair == nullptr) return imports;
    if (!pair->only_strings || pair->value_kind != toml::ValueKind::array)
        return document.error(pair->value.begin, "\"imports\" must be an array of strings");
    for (const auto& import : pair->strings) {
        const auto pattern = import.starts_with('/') ? import : concat({directory_of(path), "/", import});
        const auto directory = directory_of(pattern);
        const auto last = pattern.substr(directory.size() + 1);
        if (directory.find_first_of("*?[\\") != std::string::npos || pattern.find("/../") != std::string::npos) {
            return document.error(pair->value.begin, concat({"the import ", quote(import),
                                                             " is of a form that aa-shimctl does not follow: make the change by hand"}));
        }
        if (last.find_first_of("*?[\\") == std::string::npos) {
            if (pattern != path) imports.files.push_back(pattern);
            continue;
        }
        if (last == "*.toml" && !imports.our_directory) imports.our_directory = directory;
        for (const auto& name : TRY(host.list(directory))) {
            if (::fnmatch(last.c_str(), name.c_str(), FNM_PERIOD) != 0 || name == kContainerdDropIn) continue;
            imports.files.push_back(concat({directory, "/", name}));
        }
    }
    return imports;
}

// Imported files must not have what would make ours not count.
Result<void> judge_import(const Host& host, const std::string& path, int version, const Wanted& wanted) {
    const auto file = TRY(host.read(path));
    if (!file)
        return Error{ErrorKind::config, concat({quote(host.place(path)), ", which containerd's configuration imports, is not there"})};
    const auto document = TRY(toml::read(file->text, host.place(path)));
    if (const auto* nested = document.pair({"imports"}); nested != nullptr && !nested->strings.empty()) {
        return document.error(nested->lines.begin,
                              "an imported file that imports others is more than aa-shimctl follows: make the change by hand");
    }
    if (const auto* entry = document.below(cri_plugin(2)); entry != nullptr && version == 2) {
        return document.error(entry->lines.begin,
                              concat({"containerd 1 takes this in place of all that the importing file says of the plugin ",
                                      quote(cri_plugin(2).back()), ": move it there"}));
    }
    for (const int known : {2, version}) TRY(require_no_obstacle(document, known, wanted));
    toml::Path default_name = cri_containerd(version);
    default_name.emplace_back("default_runtime_name");
    if (const auto* pair = document.pair(default_name); pair != nullptr && wanted.make_default) {
        return document.error(pair->lines.begin, "this would overrule the default runtime: take it out, or install without --default");
    }
    return {};
}

}  // namespace aa::ctl::install
