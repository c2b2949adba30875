// SPDX-License-Identifier: Apache-2.0
//
// Whatever the bytes are, the reader stays in them, and both of its ways through a document judge alike.
#include <cstdlib>

#include "base/text.h"
#include "oci/json/json.h"

using namespace aa::oci::json;

namespace {
void require_utf8(std::string_view text) {
    for (std::size_t length = 1; !text.empty(); text.remove_prefix(length)) {
        if ((length = aa::utf8_length(text)) == 0) std::abort();
    }
}

void walk(Reader& reader) {
    const Kind kind = reader.peek();
    if (kind == Kind::object) {
        (void)reader.object([&](const Text& key) { require_utf8(key.decoded()), walk(reader); });
    } else if (kind == Kind::array) {
        (void)reader.array([&] { walk(reader); });
    } else {
        kind == Kind::string ? require_utf8(reader.string().decoded()) : static_cast<void>(reader.skip());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    Reader walked(text);
    walk(walked);
    Reader skipped(text);
    (void)skipped.skip();
    if (walked.finish().has_value() != skipped.finish().has_value()) std::abort();
    return 0;
}
