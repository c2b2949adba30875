// SPDX-License-Identifier: Apache-2.0
//
// Recordings of what applications do, from tables that people can read (observed/).
#pragma once

#include <cstddef>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

#include "apparmor/learn/recording.h"

namespace aa::apparmor {

inline Event observed_event(const std::string& operation, const std::string& what, const std::string& owned, const std::string& name) {
    Event event;
    event.type = EventType::allowed;
    event.label = "aa-shim-learning-x";
    event.operation = operation;
    if (operation == "capable") {
        event.capability = name;
    } else if (operation == "signal" || operation == "ptrace") {
        event.denied = what;
        event.signal = owned == "-" ? "" : owned;
        event.peer = name == "self" ? event.label : name;
    } else if (name == "-") {
        event.family = what;
        event.socket_type = owned;
        event.denied = operation;
    } else {
        event.name = name;
        event.denied = what;
        event.user = 0;
        event.owner = owned == "own" ? 0 : 33;
    }
    return event;
}

// The recording of APPLICATION; with TAKEN, only of those rows, by their number, for which it is true.
inline Recording observed(const std::string& application, const std::function<bool(std::size_t)>& taken = {}) {
    std::ifstream file(std::string(AA_OBSERVED) + "/" + application);
    Recording recording;
    std::size_t row = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with('#')) continue;
        std::istringstream words(line);
        unsigned count = 0;
        std::string program, operation, what, owned, name;
        words >> count >> program >> operation >> what >> owned >> name;
        if (taken && !taken(row++)) continue;
        for (; count > 0; --count) {
            if (operation == "is-started") {
                recording.add_start(program, what == "may-gain");
            } else if (operation == "is-exec") {
                recording.add_exec(program, what == "may-gain");
            } else {
                recording.add(observed_event(operation, what, owned, name), program);
            }
        }
    }
    return recording;
}

}  // namespace aa::apparmor
