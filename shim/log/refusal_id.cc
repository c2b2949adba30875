// SPDX-License-Identifier: Apache-2.0
#include "shim/log/refusal_id.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::shim {
namespace {

constexpr long long kSeconds = 60;

class SipState {
public:
    explicit SipState(const RefusalKey& key)
        : v0_(key[0] ^ 0x736f6d6570736575U),
          v1_(key[1] ^ 0x646f72616e646f6dU),
          v2_(key[0] ^ 0x6c7967656e657261U),
          v3_(key[1] ^ 0x7465646279746573U) {}

    void add(std::uint64_t word) {
        v3_ ^= word;
        rounds(2);
        v0_ ^= word;
    }

    std::uint64_t finish() {
        v2_ ^= 0xFFU;
        rounds(4);
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

private:
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

// The first SIZE bytes at BYTES, the lowest first.
std::uint64_t little_endian(const char* bytes, std::size_t size) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return word;
}

Result<RefusalKey> read_key(const std::string& path) {
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    TRY(require_trusted(fd.get(), path));
    RefusalKey key{};
    const auto bytes = TRY(read_file(fd.get(), sizeof key, path));
    if (bytes.text().size() != sizeof key) return Error{ErrorKind::config, concat({quote(path), " is no key"})};
    std::memcpy(key.data(), bytes.text().data(), sizeof key);
    return key;
}

}  // namespace

std::uint64_t siphash(const RefusalKey& key, std::string_view text) {
    SipState state(key);
    const std::size_t whole = text.size() & ~std::size_t{7};
    for (std::size_t i = 0; i < whole; i += 8) state.add(little_endian(text.data() + i, 8));
    state.add(little_endian(text.data() + whole, text.size() - whole) | text.size() << 56U);
    return state.finish();
}

Result<void> make_refusal_key(const std::string& path) {
    if (read_key(path)) return {};
    RefusalKey key{};
    if (::getrandom(key.data(), sizeof key, 0) != sizeof key) return errno_error("make", path, errno);
    const std::size_t slash = path.rfind('/');
    const Fd directory = TRY(open_file(AT_FDCWD, path.substr(0, slash), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    const iovec piece{key.data(), sizeof key};
    return replace_file(directory.get(), path.substr(slash + 1), {&piece, 1}, ::geteuid(), ::getegid(), 0600);
}

std::string refusal_id(std::string_view command, std::string_view container, std::string_view message, long long now) {
    const auto key = read_key(std::string(kRefusalKeyPath));
    if (!key) return {};
    const std::string_view end("", 1);  // none of the pieces holds a NUL
    return hex64(siphash(*key, concat({decimal(now / kSeconds), end, command, end, container, end, message})));
}

}  // namespace aa::shim
