// SPDX-License-Identifier: Apache-2.0
//
// A fact: something that a program did, as far as it does not differ from one process to the next. For aa-shimctl only.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "apparmor/audit/record.h"

namespace aa::apparmor {

// The label of who was observed, where it stands in a fact: as a peer, too.
inline constexpr std::string_view kOwnLabel = "@{profile_name}";

struct Fact {
    std::string program;  // the file that was executed last in the process that did it; empty: not known
    // Of the event what kFactTexts has, its type and its teller; `label` is kOwnLabel, the user 0, the owner of a file 0, too, if it is one's
    // own, and any process of /proc is 1.
    Event event;

    [[nodiscard]] bool owned() const { return event.is_of_file() && event.user == event.owner; }
};

// The texts of a fact's event, by the names that they have in a recording.
struct FactText {
    std::string_view name;
    std::string Event::*member;
};
inline constexpr std::array kFactTexts = {
    FactText{"operation", &Event::operation},
    FactText{"class", &Event::mediation_class},
    FactText{"name", &Event::name},
    FactText{"denied", &Event::denied},
    FactText{"requested", &Event::requested},
    FactText{"target", &Event::target},
    FactText{"info", &Event::info},
    FactText{"error", &Event::error},
    FactText{"capability", &Event::capability},
    FactText{"signal", &Event::signal},
    FactText{"peer", &Event::peer},
    FactText{"family", &Event::family},
    FactText{"type", &Event::socket_type},
    FactText{"protocol", &Event::protocol},
    FactText{"address", &Event::address},
    FactText{"peerAddress", &Event::peer_address},
    FactText{"fileSystem", &Event::file_system},
    FactText{"source", &Event::source},
    FactText{"flags", &Event::flags},
    FactText{"limit", &Event::limit},
    FactText{"value", &Event::value},
    FactText{"bus", &Event::bus},
    FactText{"path", &Event::path},
    FactText{"interface", &Event::interface},
    FactText{"member", &Event::member},
};

struct FactOrder {
    bool operator()(const Fact& a, const Fact& b) const;
};

// The operation of a file that was open when the program was executed (security/apparmor/include/audit.h, OP_INHERIT): by the program
// before it, or, with "m", by the kernel for the exec. It is asked about where an exec changes the profile.
inline constexpr std::string_view kInherited = "file_inherit";

// What EVENT, of PROGRAM, tells; nothing, if it is of policy itself, or has no label.
std::optional<Fact> fact_of(const Event& event, std::string_view program);

// Whether an event of this type says that something was done, or denied.
bool is_observation(EventType type);

// NAME with 1 in place of the number of each process and thread, if it is one of /proc.
std::string without_processes(std::string_view name);

}  // namespace aa::apparmor
