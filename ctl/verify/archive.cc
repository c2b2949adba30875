// SPDX-License-Identifier: Apache-2.0
#include "ctl/verify/archive.h"

#include <algorithm>
#include <numeric>

namespace aa::ctl::verify {

namespace {

constexpr std::size_t kBlock = 512;

// A field of the header: where it is, and how many octal digits stand before its NUL.
struct Number {
    std::size_t at, digits;
};
constexpr Number kMode{100, 7}, kUser{108, 7}, kGroup{116, 7}, kSize{124, 11}, kTime{136, 11}, kChecksum{148, 6};

void put(std::string& header, std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
}

void put(std::string& header, Number field, std::size_t value) {
    for (std::size_t digit = field.digits; digit-- > 0; value /= 8) header[field.at + digit] = static_cast<char>('0' + value % 8);
}

}  // namespace

std::string archive_of_program(std::string_view name, std::string_view content) {
    std::string archive(kBlock, '\0');
    put(archive, 0, name);
    put(archive, kMode, 0755);
    put(archive, kUser, 0);
    put(archive, kGroup, 0);
    put(archive, kSize, content.size());
    put(archive, kTime, 0);
    archive[156] = '0';  // a regular file
    put(archive, 257, std::string_view("ustar\00000", 8));
    put(archive, kChecksum.at, "        ");
    const auto sum = std::accumulate(archive.begin(), archive.end(), std::size_t{0},
                                     [](std::size_t total, char byte) { return total + static_cast<unsigned char>(byte); });
    put(archive, kChecksum, sum);
    archive[kChecksum.at + kChecksum.digits] = '\0';
    archive += content;
    archive.append((kBlock - content.size() % kBlock) % kBlock + 2 * kBlock, '\0');
    return archive;
}

}  // namespace aa::ctl::verify
