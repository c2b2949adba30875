// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/plan/config_files.h"

#include <algorithm>

#include "base/text.h"
#include "ctl/install/document/our_runtimes.h"

namespace aa::ctl::install {

Result<ConfigFiles> ConfigFiles::read(const Host& host, const std::vector<std::string>& files, const std::string& directory,
                                      std::string_view suffix, std::string_view ours) {
    std::vector<std::pair<std::string, bool>> paths;  // and whether it is read after ours
    paths.reserve(files.size());
    for (const auto& file : files) paths.emplace_back(file, false);
    for (const auto& name : TRY(host.list(directory))) {
        if (name != ours && name.ends_with(suffix)) paths.emplace_back(concat({directory, "/", name}), name > ours);
    }
    ConfigFiles result;
    for (const auto& [path, after_ours] : paths) {
        auto file = TRY(host.read(path));
        if (!file) continue;
        auto kept = std::make_unique<File>();
        kept->text = std::move(file->text);
        kept->document = TRY(toml::read(kept->text, host.place(path)));
        kept->after_ours = after_ours;
        result.files_.push_back(std::move(kept));
    }
    return result;
}

std::optional<ConfigFiles::Found> ConfigFiles::last_pair(const toml::Path& path) const {
    for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
        if (const auto* pair = (*file)->document.pair(path)) return Found{&(*file)->document, pair};
    }
    return std::nullopt;
}

std::optional<ConfigFiles::Found> ConfigFiles::first_below(const toml::Path& path) const {
    for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
        if (const auto* entry = (*file)->document.below(path)) return Found{&(*file)->document, entry};
    }
    return std::nullopt;
}

std::optional<std::string> ConfigFiles::last_string(const toml::Path& path) const {
    const auto found = last_pair(path);
    if (!found || found->entry->value_kind != toml::ValueKind::string) return std::nullopt;
    return found->entry->strings.front();
}

TomlPairs ConfigFiles::last_table(const toml::Path& table) const {
    TomlPairs pairs;
    for (auto file = files_.rbegin(); file != files_.rend() && pairs.empty(); ++file) {
        for (const auto& entry : (*file)->document.entries) {
            const bool inside = entry.kind == toml::Entry::Kind::pair && entry.path.size() == table.size() + 1;
            if (inside && toml::begins_with(entry.path, table))
                pairs.emplace_back(entry.path.back(), toml::value_text((*file)->document, entry));
        }
    }
    return pairs;
}

std::vector<std::string> ConfigFiles::names_below(const toml::Path& table) const {
    std::vector<std::string> names;
    for (const auto& file : files_) {
        for (const auto& entry : file->document.entries) {
            if (!toml::begins_with(entry.path, table) || entry.path.size() == table.size()) continue;
            const auto& name = entry.path[table.size()];
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
        }
    }
    return names;
}

std::vector<std::string> ConfigFiles::found_of_ours() const {
    std::vector<std::string> found;
    for (const auto& file : files_) {
        auto in_file = install::found_of_ours(file->document);
        found.insert(found.end(), std::make_move_iterator(in_file.begin()), std::make_move_iterator(in_file.end()));
    }
    return found;
}

Result<void> ConfigFiles::require_nothing_below(const toml::Path& path, std::string_view reason) const {
    for (const auto& file : files_) {
        if (const auto* entry = file->document.below(path)) return file->document.error(entry->lines.begin, reason);
    }
    return {};
}

Result<void> ConfigFiles::require_not_overruled(const toml::Path& path, std::string_view reason) const {
    for (const auto& file : files_) {
        const auto* pair = file->document.pair(path);
        if (pair != nullptr && file->after_ours) return file->document.error(pair->lines.begin, reason);
    }
    return {};
}

}  // namespace aa::ctl::install
