// SPDX-License-Identifier: Apache-2.0
//
// What automata hold, as a person would write it in a profile (apparmor.d(5)): permissions in words, and the text of a class as a rule.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "apparmor/algebra/product.h"

namespace aa::apparmor {

// "rw", "x", "create"; what a letter implies is not said beside it.
std::string file_letters(std::uint32_t permissions);

// "owner rw /srv/**"; GLOB may have a second part: "link /a -> /b", "change_profile /bin/sh -> web".
std::string file_rule(std::string_view glob, Granted granted);
// "capability net_admin"
std::string capability_rule(unsigned capability);
// "signal (send) set=(kill, term) peer=web"; without SIGNALS: all.
std::string signal_rule(std::uint32_t permissions, std::span<const std::uint8_t> signals, std::string_view peer);
// "ptrace (read, tracedby) peer=web"
std::string ptrace_rule(std::uint32_t permissions, std::string_view peer);
// "mount fstype=tmpfs options=(ro, nosuid) tmpfs -> /run/", "umount /run/", "pivot_root oldroot=/old/ /new/"
std::string mount_rule(std::uint32_t permissions, std::string_view glob);
// "network (create, bind) inet stream"; FAMILY and TYPE may be any. All permissions are none that are said.
inline constexpr std::uint16_t kAnyFamily = 0xFFFF;
inline constexpr std::uint16_t kAnyType = 0;
std::string network_rule(std::uint32_t permissions, std::uint16_t family, std::uint16_t type);
// "userns", "io_uring (sqpoll)", "io_uring (override_creds) label=web"
std::string io_uring_rule(std::uint32_t permissions, std::string_view label);
// Of any other class: "dbus (send) system, org.x, …", "mqueue …", "class 40 …".
std::string other_rule(std::uint8_t mediation_class, std::uint32_t permissions, std::string_view glob);

// What can be shown to people on a terminal: the bytes of TEXT that cannot be read escaped, nothing cut.
std::string shown(std::string_view text);

// "files", "network", "class 40".
std::string class_name(std::uint8_t mediation_class);

// All permissions that sockets are asked for.
std::uint32_t network_permissions();
// Those of messages on D-Bus, of queues, and of classes that are not known.
std::uint32_t text_permissions(std::uint8_t mediation_class);
// The families and types that have names in profiles.
std::string_view family_name(std::uint16_t family);
std::string_view socket_type_name(std::uint16_t type);
inline constexpr std::uint16_t kFamilies = 46;
// All that there are (linux/net.h), but for DCCP, which is one of inet and inet6 alone, and which not all parsers know.
inline constexpr std::array<std::uint16_t, 6> kSocketTypes = {1, 2, 3, 4, 5, 10};
inline constexpr std::uint16_t kDccp = 6;
// The numbers of signals in profiles: 1 … 35 (35 is "exists"), and of those in real time 128 + N (security/apparmor/include/sig_names.h).
std::string signal_name(std::uint8_t signal);

}  // namespace aa::apparmor
