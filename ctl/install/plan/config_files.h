// SPDX-License-Identifier: Apache-2.0
//
// The runtimes that CRI-O and Podman know: several TOML files, read in the order of their names, the last word counting.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/install/document/marks.h"
#include "ctl/install/plan/plan.h"
#include "ctl/install/toml/toml.h"

namespace aa::ctl::install {

// The files of an engine but ours. Each keeps its text for its document.
class ConfigFiles {
public:
    // Reads FILES (those that are missing are left out), then all of DIRECTORY whose names end with SUFFIX, ours left out.
    static Result<ConfigFiles> read(const Host& host, const std::vector<std::string>& files, const std::string& directory,
                                    std::string_view suffix, std::string_view ours);

    // The last pair or table with this path; and the document that it is in.
    struct Found {
        const toml::Document* document = nullptr;
        const toml::Entry* entry = nullptr;
    };
    [[nodiscard]] std::optional<Found> last_pair(const toml::Path& path) const;
    // The first statement of the last file that has something at or below PATH.
    [[nodiscard]] std::optional<Found> first_below(const toml::Path& path) const;
    // The pairs right below TABLE, as the last file that has any gives them.
    [[nodiscard]] TomlPairs last_table(const toml::Path& table) const;
    // The names of what stands below TABLE.
    [[nodiscard]] std::vector<std::string> names_below(const toml::Path& table) const;
    [[nodiscard]] std::optional<std::string> last_string(const toml::Path& path) const;

    // What of aa-shim is in them, each with its place.
    [[nodiscard]] std::vector<std::string> found_of_ours() const;

    // An error if something has PATH or stands below it; if a file that is read after ours has a pair of PATH.
    [[nodiscard]] Result<void> require_nothing_below(const toml::Path& path, std::string_view reason) const;
    [[nodiscard]] Result<void> require_not_overruled(const toml::Path& path, std::string_view reason) const;

private:
    struct File {
        std::string text;
        toml::Document document;
        bool after_ours = false;
    };
    std::vector<std::unique_ptr<File>> files_;
};

}  // namespace aa::ctl::install
