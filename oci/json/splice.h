// SPDX-License-Identifier: Apache-2.0
//
// Splices: a document as its old bytes with a few places replaced. Nothing is copied until someone asks for a string, and
// no place is replaced twice.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "oci/json/json.h"

namespace aa::oci {

class Splices {
public:
    // Replaces the bytes of PLACE by TEXT; an empty place inserts. Places must not overlap; their order does not matter.
    void replace(json::Extent place, std::string text);
    void insert(std::size_t at, std::string text) { replace({at, at}, std::move(text)); }

    // Puts MEMBERS (`"a":1,"b":2`) at the front of the JSON object at OBJECT; IS_EMPTY says that it has no member yet.
    void insert_members(json::Extent object, bool is_empty, std::string members);
    // Takes those of ELEMENTS, the elements of one JSON array in order, for which REMOVED is true out of it, each with one comma.
    void remove_elements(const std::vector<json::Extent>& elements, const std::vector<bool>& removed);

    [[nodiscard]] bool empty() const { return splices_.empty(); }

    // Whether two places overlap, which no caller may let happen.
    [[nodiscard]] bool overlap() const;

    // The new document as pieces of ORIGINAL and of the inserted texts, for writev(2). They point into ORIGINAL and into
    // this object.
    [[nodiscard]] std::vector<iovec> pieces(std::string_view original) const;

    // The new document in one string.
    [[nodiscard]] std::string apply(std::string_view original) const;

private:
    struct Splice {
        json::Extent place;
        std::string text;
    };
    [[nodiscard]] std::vector<const Splice*> sorted() const;

    std::vector<Splice> splices_;
};

}  // namespace aa::oci
