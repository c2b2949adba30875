// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <array>
#include <ctime>

namespace aa {

std::string rfc3339(long long seconds) {
    const auto time = static_cast<std::time_t>(seconds);
    struct tm parts {};
    if (::gmtime_r(&time, &parts) == nullptr) return "1970-01-01T00:00:00Z";
    std::array<char, 32> text{};
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {text.data(), length};
}

std::optional<long long> read_rfc3339(const std::string& text) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    const auto seconds = static_cast<long long>(::timegm(&parts));
    return rfc3339(seconds) == text ? std::optional(seconds) : std::nullopt;  // there is no 31st of April, and no shorter way to write one
}

}  // namespace aa
