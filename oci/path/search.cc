// SPDX-License-Identifier: Apache-2.0
#include "oci/path/search.h"

#include "base/text.h"

namespace aa::oci {
namespace {

// The elements of PATH; one empty one if it is empty.
std::vector<std::string_view> elements(std::string_view path) {
    std::vector<std::string_view> list;
    list.reserve(8);
    while (true) {
        const std::size_t colon = path.find(':');
        list.push_back(path.substr(0, colon));
        if (colon == std::string_view::npos) return list;
        path.remove_prefix(colon + 1);
    }
}

// PATH without what a look at its text shows to be superfluous, as Go's filepath.Clean does; `..` takes the name before it away even
// where that is a symlink.
std::string cleaned(std::string_view path) {
    const bool absolute = path.starts_with('/');
    std::string out = absolute ? "/" : "";
    const std::size_t base = out.size();
    std::size_t fixed = base;  // what no `..` takes away
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const auto name = path.substr(0, slash);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
        if (name.empty() || name == ".") continue;
        if (name == ".." && out.size() > fixed) {
            const std::size_t before = out.rfind('/');
            out.resize(before == std::string::npos || before < base ? base : before);
            continue;
        }
        if (name == ".." && absolute) continue;
        if (out.size() > base) out += '/';
        out += name;
        if (name == "..") fixed = out.size();
    }
    return out;
}

}  // namespace

std::string from_directory(std::string_view directory, std::string_view path) {
    return path.starts_with('/') ? std::string(path) : concat({directory, "/", path});
}

std::vector<std::string> runc_candidates(std::string_view word, const ProcessSpec& spec) {
    std::vector<std::string> candidates;
    if (spec.path.empty()) return candidates;
    candidates.reserve(8);
    for (const auto element : elements(spec.path)) {
        candidates.push_back(from_directory(spec.cwd, cleaned(concat({element.empty() ? "." : element, "/", word}))));
    }
    return candidates;
}

std::vector<std::string> crun_candidates(std::string_view word, const ProcessSpec& spec) {
    std::vector<std::string> candidates;
    if (word.starts_with('.')) return {from_directory(spec.cwd, word)};
    candidates.reserve(8);
    for (const auto element : elements(spec.path)) {
        candidates.push_back(from_directory(spec.cwd, concat({element, "/", word})));
    }
    return candidates;
}

}  // namespace aa::oci
