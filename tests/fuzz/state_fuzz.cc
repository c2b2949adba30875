// SPDX-License-Identifier: Apache-2.0
//
// A state.json: the quick way through it never finds labels that the strict one does not.
#include <algorithm>
#include <cstdlib>

#include "oci/state/runc_state.h"
#include "oci/state/state.h"

namespace {

using namespace aa::oci;

void require(bool holds) {
    if (!holds) std::abort();
}

// A document with a member twice may give fewer: the last.
bool is_end_of(const StringMap& end, const StringMap& whole) {
    return end.size() <= whole.size() && std::equal(end.rbegin(), end.rend(), whole.rbegin());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto strict = parse_runc_state(text);
    const auto quick = parse_runc_state_quickly(text);
    if (strict) require(quick.has_value() && is_end_of(quick->labels, strict->labels));
    if (!quick) require(!quick.error().message.empty());
    if (is_valid_id(text)) require(text.find('/') == std::string_view::npos && text != "." && text != "..");
    return 0;
}
