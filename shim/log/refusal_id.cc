// SPDX-License-Identifier: Apache-2.0
#include "shim/log/refusal_id.h"

#include "base/text.h"

namespace aa::shim {
namespace {

constexpr long long kSeconds = 60;

}  // namespace

std::string refusal_id(const SipKey& key, std::string_view command, std::string_view container, std::string_view message, long long now) {
    const std::string_view end("\0", 1);  // none of the pieces holds a NUL
    return hex64(siphash64(key, concat({decimal(now / kSeconds), end, command, end, container, end, message})));
}

}  // namespace aa::shim
