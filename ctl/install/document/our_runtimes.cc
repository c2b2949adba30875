// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/document/our_runtimes.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "ctl/install/document/wanted.h"
#include "oci/json/splice.h"

namespace aa::ctl::install {

namespace {

using toml::Document;
using toml::Entry;
using toml::Path;

// Where an engine's files name runtimes.
struct Shape {
    Path runtimes;      // a table for each; Podman: a list of programs for each
    Path default_name;  // the one that is used if none is asked for
    Path program;       // below a runtime: its program; none: the runtime itself is the list
};

Path cri(const char* plugin, std::initializer_list<const char*> below) {
    Path path = {"plugins", plugin, "containerd"};
    path.insert(path.end(), below.begin(), below.end());
    return path;
}

// containerd, version 2 and 3 of its files; CRI-O; Podman.
const std::array<Shape, 4>& shapes() {
    constexpr auto* kTwo = "io.containerd.grpc.v1.cri";
    constexpr auto* kThree = "io.containerd.cri.v1.runtime";
    static const std::array<Shape, 4> all = {{
        {cri(kTwo, {"runtimes"}), cri(kTwo, {"default_runtime_name"}), {"options", "BinaryName"}},
        {cri(kThree, {"runtimes"}), cri(kThree, {"default_runtime_name"}), {"options", "BinaryName"}},
        {{"crio", "runtime", "runtimes"}, {"crio", "runtime", "default_runtime"}, {"runtime_path"}},
        {{"engine", "runtimes"}, {"engine", "runtime"}, {}},
    }};
    return all;
}

bool is_string(const Entry& entry) { return entry.kind == Entry::Kind::pair && entry.only_strings && !entry.strings.empty(); }

// The name of the runtime that ENTRY belongs to; empty: it belongs to none.
std::string runtime_of(const Shape& shape, const Entry& entry) {
    const bool inside = toml::begins_with(entry.path, shape.runtimes) && entry.path.size() > shape.runtimes.size();
    return inside ? entry.path[shape.runtimes.size()] : std::string();
}

bool names_program(const Shape& shape, const Entry& entry) {
    const std::size_t above = shape.runtimes.size() + 1;
    return is_string(entry) && !runtime_of(shape, entry).empty() && entry.path.size() == above + shape.program.size() &&
           std::equal(shape.program.begin(), shape.program.end(), entry.path.begin() + static_cast<std::ptrdiff_t>(above));
}

// The statement that gives the runtime NAME its program; nullptr: there is none.
const Entry* program_of(const Document& document, const Shape& shape, const std::string& name) {
    for (const auto& entry : document.entries) {
        if (names_program(shape, entry) && runtime_of(shape, entry) == name) return &entry;
    }
    return nullptr;
}

bool leads_to_us(const Entry& entry) { return std::any_of(entry.strings.begin(), entry.strings.end(), is_our_program); }

bool is_our_runtime(const Document& document, const Shape& shape, const std::string& name) {
    const auto* program = is_our_name(name) ? program_of(document, shape, name) : nullptr;
    return program != nullptr && program->strings.front().ends_with(concat({"/", name}));
}

bool is_our_default(const Shape& shape, const Entry& entry) {
    return entry.path == shape.default_name && is_string(entry) && is_our_name(entry.strings.front());
}

class Removal {
public:
    Removal(const Document& document, const Document* original) : document_(document), original_(original) {}

    std::string apply() {
        for (const auto& shape : shapes()) {
            for (const auto& entry : document_.entries) judge(shape, entry);
        }
        return splices_.apply(document_.text);
    }

private:
    void judge(const Shape& shape, const Entry& entry) {
        const auto name = runtime_of(shape, entry);
        if (!name.empty() && is_our_runtime(document_, shape, name)) {
            splices_.replace(entry.lines, "");
        } else if (is_our_default(shape, entry) || (names_program(shape, entry) && leads_to_us(entry) && was_there(shape, name))) {
            put_back(entry);
        }
    }

    // A runtime that somebody made since is his to take away.
    [[nodiscard]] bool was_there(const Shape& shape, const std::string& name) const {
        if (is_our_name(name)) return false;
        return name == "runc" || name == "crun" || (original_ != nullptr && original_->below(toml::below(shape.runtimes, name)) != nullptr);
    }

    void put_back(const Entry& entry) {
        const auto* before = original_ == nullptr ? nullptr : original_->pair(entry.path);
        if (before == nullptr || std::any_of(before->strings.begin(), before->strings.end(), is_our_program)) {
            splices_.replace(entry.lines, "");
        } else {
            splices_.replace(entry.value, std::string(toml::value_text(*original_, *before)));
        }
    }

    const Document& document_;
    const Document* original_;
    oci::Splices splices_;
};

}  // namespace

bool is_our_program(std::string_view path) {
    const auto name = path.substr(path.rfind('/') + 1);
    return is_our_name(name) && path.starts_with('/');
}

bool is_foreign(const Document& document, const Entry& entry, const Document* written) {
    for (const auto& shape : shapes()) {
        if (entry.path == shape.default_name) return !is_our_default(shape, entry);
        if (written != nullptr) continue;
        const auto name = runtime_of(shape, entry);
        if (name.empty() || is_our_name(name) || name == "runc" || name == "crun") continue;
        const auto* program = program_of(document, shape, name);
        return program == nullptr || !leads_to_us(*program);
    }
    const auto same = [&](const Entry& other) { return other.path == entry.path; };
    return written != nullptr && std::none_of(written->entries.begin(), written->entries.end(), same);
}

Result<std::string> without_our_runtimes(std::string_view text, const std::string& name, const std::optional<std::string>& original) {
    const auto document = TRY(toml::read(text, name));
    const auto before = original ? toml::read(*original, name) : Result<Document>(Document());
    return Removal(document, original && before ? &*before : nullptr).apply();
}

std::vector<std::string> found_of_ours(const Document& document) {
    std::vector<std::string> found;
    std::vector<Path> named;
    const auto add = [&](const Entry& entry, std::initializer_list<std::string_view> what) {
        found.push_back(concat({document.name, ":", toml::line_and_column(document.text, entry.lines.begin), ": ", concat(what)}));
    };
    for (const auto& entry : document.entries) {
        for (const auto& shape : shapes()) {
            const auto name = runtime_of(shape, entry);
            const auto path = toml::below(shape.runtimes, name);
            if (is_our_default(shape, entry)) add(entry, {"the default runtime ", quote(entry.strings.front())});
            if (name.empty() || std::find(named.begin(), named.end(), path) != named.end()) continue;
            const auto* program = program_of(document, shape, name);
            if (!is_our_name(name) && (program == nullptr || !leads_to_us(*program))) continue;
            named.push_back(path);
            add(entry, {"the runtime ", quote(name)});
        }
    }
    return found;
}

}  // namespace aa::ctl::install
