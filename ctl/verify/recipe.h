// SPDX-License-Identifier: Apache-2.0
//
// How an engine of this host is made to start one container, and to forget it again, as command lines of its own programs. Nothing
// is fetched from anywhere: the container's only file is aa-shimctl itself, which does nothing there but wait.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/host/host.h"

namespace aa::ctl::verify {

using Words = std::vector<std::string>;

struct Request {
    std::string engine;       // as install knows it: "docker", "k3s", …
    std::string shim;         // the path of aa-shim
    bool by_default = false;  // the container asks for no runtime, as aa-shim is to be the default
    std::string name;         // of everything that is made; nothing else has it
};

struct Recipe {
    std::string through;                              // what a person would call it: "docker run"
    Words ask;                                        // fails where no engine answers
    Words make = {};                                  // makes an image of the archive on its standard input; empty: none is needed
    bool has_directory = false;                       // the container's root is a folder
    std::string sandbox = {};                         // what a pod's sandbox is asked for with; empty: it is no pod
    Words start;                                      // prints the container's ID, or nothing where that is the name
    Words find = {};                                  // prints the ID where `start` failed and may have left something
    std::vector<Words> remove;                        // each is tried until it succeeds or nothing is there; kId stands for the ID
    std::vector<std::string> empty_directories = {};  // that the engine leaves
    std::string note = {};                            // what a person should know of this way
};

inline constexpr std::string_view kId = "{}";

// The program in the container, and the word by which aa-shimctl waits there.
inline constexpr const char* kProgram = "/aa-shimctl";
inline constexpr const char* kWait = "__wait";

// The folder that belongs to the container NAME: in it its root, or what its sandbox is asked for with.
std::string directory_of(std::string_view name);
std::string root_of(std::string_view name);
std::string sandbox_of(std::string_view name);

// The recipe for REQUEST. An error of kind not_found: HOST lacks the program that would speak to the engine.
Result<Recipe> recipe_for(const Host& host, const Request& request);

}  // namespace aa::ctl::verify
