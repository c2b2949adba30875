// SPDX-License-Identifier: Apache-2.0
//
// CapabilitySet: a set of Linux capabilities as the 64-bit mask that the kernel uses.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace aa {

class CapabilitySet {
public:
    // The number of capabilities that this program knows by name (CAP_CHOWN 0 … CAP_CHECKPOINT_RESTORE 40,
    // linux/capability.h of Linux 5.9 and later; 7.x has added none).
    static constexpr unsigned kKnown = 41;

    constexpr CapabilitySet() = default;
    constexpr explicit CapabilitySet(std::uint64_t mask) : mask_(mask) {}
    static constexpr CapabilitySet all() { return CapabilitySet((std::uint64_t{1} << kKnown) - 1); }

    [[nodiscard]] constexpr std::uint64_t mask() const { return mask_; }
    [[nodiscard]] constexpr bool empty() const { return mask_ == 0; }
    [[nodiscard]] constexpr bool has(unsigned capability) const { return capability < 64 && ((mask_ >> capability) & 1U) != 0; }
    constexpr void add(unsigned capability) { mask_ |= std::uint64_t{1} << (capability & 63U); }
    [[nodiscard]] constexpr bool subset_of(CapabilitySet other) const { return (mask_ & ~other.mask_) == 0; }

    friend constexpr CapabilitySet operator&(CapabilitySet a, CapabilitySet b) { return CapabilitySet(a.mask_ & b.mask_); }
    friend constexpr CapabilitySet operator|(CapabilitySet a, CapabilitySet b) { return CapabilitySet(a.mask_ | b.mask_); }
    friend constexpr CapabilitySet operator-(CapabilitySet a, CapabilitySet b) { return CapabilitySet(a.mask_ & ~b.mask_); }
    friend constexpr bool operator==(CapabilitySet, CapabilitySet) = default;

    // The members in ascending number, as "CHOWN,NET_ADMIN"; "none" for the empty set. A capability without a known
    // name is written as its number.
    [[nodiscard]] std::string names() const;

    // The inverse of names(); nothing if a word is unknown.
    static std::optional<CapabilitySet> from_names(std::string_view list);

private:
    std::uint64_t mask_ = 0;
};

// The number of the capability that NAME spells in the runtime-spec's form "CAP_NET_ADMIN". Runtimes differ on case
// (crun accepts any, runc 1.x upper case only), so any case is understood. Nothing for an unknown name.
std::optional<unsigned> capability_number(std::string_view name);

// The name of CAPABILITY without "CAP_" ("NET_ADMIN"); empty if it is not known.
std::string_view capability_name(unsigned capability);

}  // namespace aa
