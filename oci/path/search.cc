// SPDX-License-Identifier: Apache-2.0
#include "oci/path/search.h"

#include "base/text.h"

namespace aa::oci {
namespace {

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

Candidates::Candidates(RuntimeKind kind, std::string_view word, const ProcessSpec& spec) : kind_(kind), word_(word), spec_(spec) {
    // Go searches nowhere without PATH; crun takes an empty one for one empty element.
    if (kind == RuntimeKind::crun || !spec.path.empty()) rest_ = spec.path;
}

std::optional<std::string> Candidates::next() {
    if (!rest_) return std::nullopt;
    if (kind_ == RuntimeKind::crun && word_.starts_with('.')) {
        rest_.reset();
        return from_directory(spec_.cwd, word_);
    }
    const std::size_t colon = rest_->find(':');
    const auto element = rest_->substr(0, colon);
    if (colon == std::string_view::npos) {
        rest_.reset();
    } else {
        rest_->remove_prefix(colon + 1);
    }
    if (kind_ == RuntimeKind::crun) return from_directory(spec_.cwd, concat({element, "/", word_}));
    return from_directory(spec_.cwd, cleaned(concat({element.empty() ? "." : element, "/", word_})));
}

}  // namespace aa::oci
