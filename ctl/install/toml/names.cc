// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/toml/names.h"

namespace aa::ctl::install::toml {

namespace {

constexpr std::string_view kTwice = "this is here twice";
constexpr std::string_view kValue = "this has a value already, so it cannot be a table, too";
constexpr std::string_view kReopened = "dotted keys and a header make the same table: parsers disagree on that";

Path front(const Path& path, std::size_t count) { return {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(count)}; }

}  // namespace

// The tables on the way to PATH.
std::string_view Names::pass_through(const Path& path) {
    for (std::size_t i = 1; i < path.size(); ++i) {
        const How how = known_.try_emplace(front(path, i), How::above).first->second;
        if (how == How::value) return kValue;
        if (how == How::dotted) return kReopened;
    }
    return {};
}

std::string_view Names::open_table(const Path& path) {
    if (const auto why = pass_through(path); !why.empty()) return why;
    const auto [known, is_new] = known_.try_emplace(path, How::header);
    if (is_new) return {};
    switch (known->second) {
        case How::above:
            known->second = How::header;
            return {};
        case How::header:
        case How::array:
            return kTwice;
        case How::dotted:
            return kReopened;
        case How::value:
            return kValue;
    }
    return kTwice;
}

std::string_view Names::open_array_table(const Path& path) {
    if (const auto why = pass_through(path); !why.empty()) return why;
    const auto [known, is_new] = known_.try_emplace(path, How::array);
    if (!is_new && known->second != How::array) return known->second == How::value ? kValue : kTwice;
    // A new element: what the one before it had says nothing about this one.
    for (auto next = known_.upper_bound(path); next != known_.end() && begins_with(next->first, path);) next = known_.erase(next);
    return {};
}

std::string_view Names::set(const Path& path, std::size_t own_parts) {
    for (std::size_t i = path.size() - own_parts + 1; i < path.size(); ++i) {
        const auto [known, is_new] = known_.try_emplace(front(path, i), How::dotted);
        if (known->second == How::value) return kValue;
        if (known->second != How::dotted) return kReopened;
    }
    return known_.try_emplace(path, How::value).second ? std::string_view() : kTwice;
}

}  // namespace aa::ctl::install::toml
