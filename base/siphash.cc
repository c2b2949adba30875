// SPDX-License-Identifier: Apache-2.0
#include "base/siphash.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace aa {
namespace {

constexpr std::uint64_t kLong = 0xEE;  // what tells the variant of 128 bits from the one of 64

class SipState {
public:
    SipState(const SipKey& key, std::uint64_t variant)
        : v0_(key[0] ^ 0x736f6d6570736575U),
          v1_(key[1] ^ 0x646f72616e646f6dU ^ variant),
          v2_(key[0] ^ 0x6c7967656e657261U),
          v3_(key[1] ^ 0x7465646279746573U) {}

    void add(std::string_view text) {
        const std::size_t whole = text.size() & ~std::size_t{7};
        for (std::size_t i = 0; i < whole; i += 8) add_word(word_at(text.data() + i));
        add_word(little_endian(text.data() + whole, text.size() - whole) | text.size() << 56U);
    }

    std::uint64_t finish(std::uint64_t variant) {
        v2_ ^= variant;
        rounds(4);
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

    std::uint64_t second_half() {
        v1_ ^= 0xDDU;
        rounds(4);
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

private:
    static std::uint64_t word_at(const char* bytes) {
        if constexpr (std::endian::native != std::endian::little) return little_endian(bytes, 8);
        std::uint64_t word = 0;
        std::memcpy(&word, bytes, sizeof word);
        return word;
    }

    // The first SIZE bytes at BYTES, the lowest first.
    static std::uint64_t little_endian(const char* bytes, std::size_t size) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < size; ++i) word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
        return word;
    }

    void add_word(std::uint64_t word) {
        v3_ ^= word;
        rounds(2);
        v0_ ^= word;
    }

    void rounds(int count) {
        for (int i = 0; i < count; ++i) {
            v0_ += v1_;
            v1_ = std::rotl(v1_, 13) ^ v0_;
            v0_ = std::rotl(v0_, 32);
            v2_ += v3_;
            v3_ = std::rotl(v3_, 16) ^ v2_;
            v0_ += v3_;
            v3_ = std::rotl(v3_, 21) ^ v0_;
            v2_ += v1_;
            v1_ = std::rotl(v1_, 17) ^ v2_;
            v2_ = std::rotl(v2_, 32);
        }
    }

    std::uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace

std::uint64_t siphash64(const SipKey& key, std::string_view text) {
    SipState state(key, 0);
    state.add(text);
    return state.finish(0xFF);
}

std::array<std::uint64_t, 2> siphash128(const SipKey& key, std::string_view text) {
    SipState state(key, kLong);
    state.add(text);
    const auto first = state.finish(kLong);
    return {first, state.second_half()};
}

}  // namespace aa
