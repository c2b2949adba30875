// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <array>
#include <bit>
#include <cstdint>

namespace aa {
namespace {

using State = std::array<std::uint32_t, 8>;

constexpr std::size_t kBlock = 64;
constexpr std::size_t kLength = 8;  // what the length takes at the end of the last block

// FIPS 180-4, 5.3.3 and 4.2.2: of the first primes' square and cube roots, the beginnings of what is behind the point.
constexpr State kInitial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr std::array<std::uint32_t, 64> kRounds = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t big_endian(std::string_view bytes) {
    std::uint32_t word = 0;
    for (const char byte : bytes.substr(0, 4)) word = word << 8U | static_cast<std::uint8_t>(byte);
    return word;
}

// What the 16 words of BLOCK become for the rounds (6.2.2, step 1).
std::array<std::uint32_t, 64> schedule(std::string_view block) {
    std::array<std::uint32_t, 64> w{};
    for (std::size_t i = 0; i < 16; ++i) w[i] = big_endian(block.substr(4 * i));
    for (std::size_t i = 16; i < w.size(); ++i) {
        const std::uint32_t low = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3U;
        const std::uint32_t high = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10U;
        w[i] = w[i - 16] + low + w[i - 7] + high;
    }
    return w;
}

void add_block(State& state, std::string_view block) {
    const auto w = schedule(block);
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < w.size(); ++i) {
        const std::uint32_t one = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + kRounds[i] + w[i];
        const std::uint32_t two = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    const State more = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state.size(); ++i) state[i] += more[i];
}

// The last blocks: what is left of TEXT, a bit, zeros, and the length of all in bits (5.1.1).
std::string padded(std::string_view rest, std::uint64_t size) {
    std::string last(rest);
    last.push_back('\x80');
    last.resize((last.size() + kLength + kBlock - 1) / kBlock * kBlock - kLength);
    for (unsigned shift = 64; shift > 0; shift -= 8) last.push_back(static_cast<char>(size * 8 >> (shift - 8)));
    return last;
}

}  // namespace

std::string sha256(std::string_view text) {
    State state = kInitial;
    const std::uint64_t size = text.size();
    for (; text.size() >= kBlock; text.remove_prefix(kBlock)) add_block(state, text.substr(0, kBlock));
    const std::string last = padded(text, size);
    for (std::size_t at = 0; at < last.size(); at += kBlock) add_block(state, std::string_view(last).substr(at, kBlock));
    std::string digits;
    for (const std::uint32_t word : state) {
        for (unsigned shift = 32; shift > 0; shift -= 4) digits.push_back("0123456789abcdef"[word >> (shift - 4) & 15U]);
    }
    return digits;
}

}  // namespace aa
