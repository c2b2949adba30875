// SPDX-License-Identifier: Apache-2.0
//
// What a shell may offer next on the command line of aa-shimctl, told from the very options that are parsed, so that no shell's
// completion can fall behind them. The scripts in deploy/completions ask for it with `aa-shimctl complete WORD…`.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace aa::ctl {

// The first argument that asks for completion. It is no command of its own: nobody types it.
inline constexpr std::string_view kComplete = "complete";

struct Completion {
    enum class Paths { none, files, directories };
    Paths paths = Paths::none;                               // besides the words the shell offers its own paths
    std::vector<std::pair<std::string, std::string>> words;  // each with what it means
};

// What may stand in place of the last of WORDS (empty: a word that is not begun yet); the others stand before it. Words that do
// not begin like it are left out. Where the words before make no sense nothing is offered.
Completion complete(const CLI::App& app, const std::vector<std::string>& words);

// The same as the shells read it: a line "none", "files" or "directories", then a line WORD<TAB>MEANING for each word.
std::string to_text(const Completion& completion);

}  // namespace aa::ctl
