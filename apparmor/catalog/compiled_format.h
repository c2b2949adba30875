// SPDX-License-Identifier: Apache-2.0
//
// What the writer and the reader of a compiled catalog agree on; docs/compiled-catalog.md is the description. Numbers are
// 32 bits wide and little-endian, checksums 64; a text is its length and its bytes; everything behind the 16 bytes of the preamble lies
// in blocks, each with a checksum that also covers where the block lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aa::apparmor::format {

// The first byte is not text, the last one finds out transfers that change line ends.
inline constexpr std::string_view kMagic =
    "\x89"
    "AASHIM\n";
inline constexpr std::uint32_t kVersion = 5;
inline constexpr std::size_t kPreamble = 16;   // magic, version, size of the file
inline constexpr std::size_t kBlockHead = 12;  // size of the payload, checksum

// The tries of a catalog: texts that begin with a known prefix are found in them. All but the last lead to rules.
enum class Trie : std::uint8_t {
    engine,
    handler,
    kubernetes_namespace,
    pod,
    name,
    image,
    entrypoint,
    label,
    annotation,
    user,
    confinement
};
inline constexpr std::size_t kTries = 11;
inline constexpr std::size_t kTextClauses = 7;  // the first seven, in the order of the enumeration

// The bits of a rule's clauses: one for each trie of rules, in its order, then these.
inline constexpr std::uint32_t kHasPrivileged = 1U << 10U;
inline constexpr std::uint32_t kPrivileged = 1U << 11U;
inline constexpr std::uint32_t kSandbox = 1U << 12U;
inline constexpr std::uint32_t kHostPath = 1U << 13U;
inline constexpr std::uint32_t kHostPathOutside = 1U << 14U;
inline constexpr std::uint32_t kDevice = 1U << 15U;
inline constexpr std::uint32_t kHasHostNamespace = 1U << 16U;
inline constexpr std::uint32_t kHasUnmasked = 1U << 17U;
inline constexpr std::uint32_t kUnmasked = 1U << 18U;
inline constexpr std::uint32_t kHasHooks = 1U << 19U;
inline constexpr std::uint32_t kHooks = 1U << 20U;

constexpr std::uint32_t bit(Trie trie) { return 1U << static_cast<unsigned>(trie); }

// Flags of the header.
inline constexpr std::uint32_t kNeedsEngineRecord = 1U;
inline constexpr std::uint32_t kCapabilitiesOnly = 2U;
inline constexpr std::uint32_t kNeedsEntrypoint = 4U;
inline constexpr std::uint32_t kNeedsDeviceNames = 8U;
inline constexpr std::uint32_t kLogsExecProcesses = 16U;
inline constexpr std::uint32_t kComparesExecsAfter = 32U;

// What is given of a confinement's ceilings on the host.
inline constexpr std::uint32_t kHasPaths = 1U;
inline constexpr std::uint32_t kProtectedPaths = 2U;
inline constexpr std::uint32_t kHasDevices = 4U;
inline constexpr std::uint32_t kHasNamespaces = 8U;
inline constexpr std::uint32_t kKeepMasked = 16U;

enum class OutcomeKind : std::uint32_t { use, reject, pass };
enum class ExecAction : std::uint32_t { profile, deny };
// The automata of a profile lie in tables of 64-bit words, each in blocks of this many that follow each other.
inline constexpr std::size_t kTablePiece = 128;
inline constexpr std::size_t kTableStride = kBlockHead + kTablePiece * 8;

enum class CeilingKind : std::uint32_t { set, from_profile, all };

// Written so that compilers make one load of it.
inline std::uint32_t load_u32(const char* p) {
    const auto byte = [p](unsigned i) { return std::uint32_t{static_cast<unsigned char>(p[i])}; };
    return byte(0) | (byte(1) << 8U) | (byte(2) << 16U) | (byte(3) << 24U);
}
inline std::uint64_t load_u64(const char* p) {
    const auto byte = [p](unsigned i) { return std::uint64_t{static_cast<unsigned char>(p[i])}; };
    return byte(0) | (byte(1) << 8U) | (byte(2) << 16U) | (byte(3) << 24U) | (byte(4) << 32U) | (byte(5) << 40U) | (byte(6) << 48U) |
           (byte(7) << 56U);
}

// The checksum of the block that lies at OFFSET and has PAYLOAD. Each step maps sums one to one, so that a payload with one
// wrong word never has the right sum. It is there for damage, not for forgery: the file is root's.
inline std::uint64_t checksum(std::string_view payload, std::uint32_t offset) {
    constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;
    std::uint64_t sum = ((std::uint64_t{offset} << 32U) | payload.size()) * kOdd;
    const auto mix = [&](std::uint64_t word) {
        sum = (sum ^ word) * kOdd;
        sum ^= sum >> 32U;
    };
    while (payload.size() >= 8) {
        mix(load_u64(payload.data()));
        payload.remove_prefix(8);
    }
    std::uint64_t rest = 0;
    for (const char c : payload) rest = (rest << 8U) | static_cast<unsigned char>(c);
    mix(rest);
    return sum;
}

}  // namespace aa::apparmor::format
