// SPDX-License-Identifier: Apache-2.0
#include "oci/json/splice.h"

#include <algorithm>
#include <utility>

namespace aa::oci {
namespace {

iovec piece(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

}  // namespace

void Splices::replace(json::Extent place, std::string text) { splices_.push_back({place, std::move(text)}); }

void Splices::insert_members(json::Extent object, bool is_empty, std::string members) {
    if (members.empty()) return;
    if (!is_empty) members += ',';
    insert(object.begin + 1, std::move(members));
}

// An element goes with the comma before it, or, when nothing before it stays, with the one behind it.
void Splices::remove_elements(const std::vector<json::Extent>& elements, const std::vector<bool>& removed) {
    bool kept = false;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const bool last = i + 1 == elements.size();
        if (!removed[i]) {
            kept = true;
        } else if (kept) {
            replace({elements[i - 1].end, elements[i].end}, "");
        } else {
            replace({elements[i].begin, last ? elements[i].end : elements[i + 1].begin}, "");
        }
    }
}

std::vector<const Splices::Splice*> Splices::sorted() const {
    std::vector<const Splice*> order;
    order.reserve(splices_.size());
    for (const Splice& splice : splices_) order.push_back(&splice);
    std::stable_sort(order.begin(), order.end(), [](const Splice* a, const Splice* b) {
        return a->place.begin != b->place.begin ? a->place.begin < b->place.begin : a->place.end < b->place.end;
    });
    return order;
}

bool Splices::overlap() const {
    std::size_t end = 0;
    for (const Splice* splice : sorted()) {
        if (splice->place.begin < end || splice->place.end < splice->place.begin) return true;
        end = splice->place.end;
    }
    return false;
}

std::vector<iovec> Splices::pieces(std::string_view original) const {
    std::vector<iovec> out;
    out.reserve(2 * splices_.size() + 1);
    const auto add = [&out](std::string_view text) {
        if (!text.empty()) out.push_back(piece(text));
    };
    std::size_t at = 0;
    for (const Splice* splice : sorted()) {
        add(original.substr(at, splice->place.begin - at));
        add(splice->text);
        at = splice->place.end;
    }
    add(original.substr(at));
    return out;
}

std::string Splices::apply(std::string_view original) const {
    std::string out;
    for (const iovec& part : pieces(original)) out.append(static_cast<const char*>(part.iov_base), part.iov_len);
    return out;
}

}  // namespace aa::oci
