// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/grammar.h"

#include <array>

#include "apparmor/policy/automaton.h"

namespace aa::apparmor {

namespace {

// --- files ---

constexpr Grammar::State kBegin = 0;
constexpr Grammar::State kSlash = 1;
constexpr Grammar::State kName = 2;
constexpr Grammar::State kNotAPath = 3;
constexpr Grammar::State kPair = 4;  // the second of a pair begins
constexpr Grammar::State kSecond = 5;

constexpr std::uint32_t kOfPaths = permission::kExec | permission::kWrite | permission::kRead | permission::kAppend | permission::kCreate |
                                   permission::kDelete | permission::kChangeMode | permission::kChangeOwner | permission::kLock |
                                   permission::kMapExecutable;
constexpr std::uint32_t kOfPairs = permission::kLink | permission::kOnExec | permission::kLock;

// --- mounts ---

constexpr Grammar::State kPointBegins = 0;
constexpr Grammar::State kPointSlash = 1;
constexpr Grammar::State kPoint = 2;
constexpr Grammar::State kDevice = 3;
constexpr Grammar::State kType = 4;
constexpr Grammar::State kFlags = 5;  // and the number of the last flag
constexpr Grammar::State kData = kFlags + 33;

}  // namespace

Grammar::State FileGrammar::next(State state, std::uint8_t byte) const {
    const bool slash = byte == '/';
    switch (state) {
        case kBegin:
            return byte == 0 ? kNowhere : slash ? kSlash : kNotAPath;
        case kSlash:
            return byte == 0 ? kPair : slash ? kNotAPath : kName;
        case kName:
            return byte == 0 ? kPair : slash ? kSlash : kName;
        case kNotAPath:
            return byte == 0 ? kNowhere : kNotAPath;
        default:
            return byte == 0 ? kNowhere : kSecond;
    }
}

std::uint32_t FileGrammar::wanted(State state) const {
    switch (state) {
        case kSlash:
        case kName:
            return kOfPaths | permission::kChangeProfile;
        case kNotAPath:
            return permission::kChangeProfile;
        case kSecond:
            return kOfPairs;
        default:
            return 0;
    }
}

std::uint32_t FileGrammar::carried(State state, std::uint8_t byte) const {
    return byte == 0 && (state == kSlash || state == kName) ? kOfPairs | permission::kLock : 0;
}

std::uint32_t FileGrammar::meaning(State state, std::uint32_t allowed) const {
    if (state != kSecond) return allowed;
    return (allowed & permission::kLink) != 0 ? allowed ^ permission::kLock : allowed & ~permission::kLock;
}

Grammar::State PeerGrammar::next(State /*state*/, std::uint8_t byte) const { return byte == 0 ? kNowhere : State{1}; }

Grammar::State MountGrammar::next(State state, std::uint8_t byte) const {
    switch (state) {
        case kPointBegins:
            return byte == '/' ? kPointSlash : kNowhere;
        case kPointSlash:
            if (byte == '/') return kNowhere;
            return byte == 0 ? kDevice : kPoint;
        case kPoint:
            return byte == 0 ? kDevice : byte == '/' ? kPointSlash : kPoint;
        case kDevice:
            return byte == 0 ? kType : kDevice;
        case kType:
            return byte == 0 ? kFlags : kType;
        case kData:
            return byte == 0 ? kNowhere : kData;
        default: {
            const unsigned last = state - kFlags;
            if (byte == 0) return kData;
            return byte > last && byte <= 32 ? static_cast<State>(kFlags + byte) : kNowhere;
        }
    }
}

std::uint32_t MountGrammar::wanted(State state) const {
    switch (state) {
        case kPointBegins:
        case kType:
            return 0;
        case kPointSlash:
        case kPoint:
            return access::kUmount;
        case kDevice:
            return access::kPivotRoot;
        default:
            return access::kMount;
    }
}

std::uint32_t MountGrammar::inherited(State state, std::uint8_t byte) const {
    return byte == 0 && state >= kFlags && state < kData ? access::kMount : 0;
}

std::string_view MountGrammar::special() const {
    static constexpr std::array<char, 34> kBytes = [] {
        std::array<char, 34> bytes{};
        for (unsigned byte = 0; byte <= 32; ++byte) bytes[byte] = static_cast<char>(byte);
        bytes[33] = '/';
        return bytes;
    }();
    return {kBytes.data(), kBytes.size()};
}

}  // namespace aa::apparmor
