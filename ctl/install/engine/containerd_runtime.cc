// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/engine/containerd_runtime.h"

#include <algorithm>

#include "base/text.h"
#include "ctl/install/engine/containerd_config.h"
#include "ctl/install/engine/nvidia.h"

namespace aa::ctl::install {

namespace {

// The configuration and what it imports.
struct Files {
    const toml::Document* main;
    std::vector<std::string> texts;
    std::vector<toml::Document> imported;

    // The last one that has something at PATH; the first one if none has.
    [[nodiscard]] const toml::Document& last_with(const toml::Path& path) const {
        const auto found =
            std::find_if(imported.rbegin(), imported.rend(), [&](const auto& document) { return document.below(path) != nullptr; });
        return found == imported.rend() ? *main : *found;
    }
};

Result<Files> read_files(const Host& host, const toml::Document& document, const std::vector<std::string>& imports) {
    Files files{&document, {}, {}};
    files.texts.reserve(imports.size());  // documents look into them
    for (const auto& path : imports) {
        auto file = TRY(host.read(path));
        if (!file) continue;
        files.texts.push_back(std::move(file->text));
        files.imported.push_back(TRY(toml::read(files.texts.back(), host.place(path))));
    }
    return files;
}

UsualRuntime runtime_called(const Files& files, int version, const std::string& name, const std::vector<std::string>& directories) {
    const auto table = toml::below(toml::below(cri_containerd(version), "runtimes"), name);
    const auto& document = files.last_with(table);
    const auto program = runtime_program(document, version, name);
    const auto* entry = document.below(table);
    return {name, program.binary.empty() ? std::vector<std::string>() : places_of(program.binary, directories), program.other_shim,
            entry == nullptr ? "" : concat({document.name, ":", toml::line_and_column(document.text, entry->lines.begin)})};
}

}  // namespace

// Without --default, only what runs under runc's shim can have a say: our runtimes are made like that.
Result<void> want_containerd_runtime(Draft& draft, const Wanted& wanted, const toml::Document& document, int version,
                                     const std::vector<std::string>& imports, const std::vector<std::string>& directories) {
    const auto files = TRY(read_files(draft.host(), document, imports));
    const auto name = default_runtime(files.last_with(toml::below(cri_containerd(version), "default_runtime_name")), version);
    const auto usual = runtime_called(files, version, name, directories);
    std::vector<UsualRuntime> taken;
    for (const auto& plain : wanted.mandatory ? plain_runtimes(document, version) : std::vector<std::string>()) {
        if (plain != name) taken.push_back(runtime_called(files, version, plain, directories));
    }
    (void)TRY(want_runtime(draft, wanted, usual, taken));
    if (!wanted.make_default && !usual.candidates.empty() && nvidia_leads_to(draft.host(), usual.candidates.front(), wanted.shim))
        draft.plan().notes.push_back(concat({"a pod without a RuntimeClass gets aa-shim from ", quote(name)}));
    return {};
}

}  // namespace aa::ctl::install
