// SPDX-License-Identifier: Apache-2.0
//
// Which word of a command line names the program that is really meant. Nothing here decides anything: a command that is not
// understood is described by its first word.
#include <algorithm>
#include <array>
#include <span>

#include "oci/path/program.h"

namespace aa::oci {
namespace {

using Words = std::span<const std::string>;

enum class WrapperKind { init, environment, shell };

// A program that starts the one that its arguments name.
struct Wrapper {
    std::string_view name;  // of the file
    WrapperKind kind;
    std::string_view valued;       // the short options that take a value
    std::string_view long_valued;  // the long ones that take it as a word of its own, each between spaces
};

// tini(1), which docker-init is; catatonit(1), which podman-init is; dumb-init(1); env(1) of GNU and of busybox.
constexpr std::string_view kTiniValued = "pe";
constexpr std::string_view kEnvValued = "uC";
constexpr std::array<Wrapper, 14> kWrappers{{
    {"docker-init", WrapperKind::init, kTiniValued, ""},
    {"tini", WrapperKind::init, kTiniValued, ""},
    {"tini-static", WrapperKind::init, kTiniValued, ""},
    {"podman-init", WrapperKind::init, "", ""},
    {"catatonit", WrapperKind::init, "", ""},
    {"dumb-init", WrapperKind::init, "r", " --rewrite "},
    {"env", WrapperKind::environment, kEnvValued, " --unset --chdir "},
    {"sh", WrapperKind::shell, "", ""},
    {"bash", WrapperKind::shell, "", ""},
    {"dash", WrapperKind::shell, "", ""},
    {"ash", WrapperKind::shell, "", ""},
    {"ksh", WrapperKind::shell, "", ""},
    {"mksh", WrapperKind::shell, "", ""},
    {"zsh", WrapperKind::shell, "", ""},
}};

// Words that the shell understands itself: what follows them is not one program, or not there.
constexpr std::array<std::string_view, 44> kShellWords{
    "!",      ".",        ":",    "[",    "alias", "bg",     "break",  "case",     "cd",     "command", "continue",
    "do",     "echo",     "elif", "else", "esac",  "eval",   "exit",   "export",   "false",  "fg",      "fi",
    "for",    "function", "if",   "in",   "local", "printf", "read",   "readonly", "return", "set",     "shift",
    "source", "test",     "then", "time", "trap",  "true",   "ulimit", "umask",    "unset",  "until",   "while",
};

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

const Wrapper* wrapper_of(std::string_view word) {
    const auto is = [name = base_name(word)](const Wrapper& wrapper) { return wrapper.name == name; };
    const auto* found = std::find_if(kWrappers.begin(), kWrappers.end(), is);
    return found == kWrappers.end() ? nullptr : found;
}

bool is_assignment(std::string_view word) {
    const std::size_t equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto is_name_part = [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    return equals != std::string_view::npos && equals != 0 && std::all_of(name.begin(), name.end(), is_name_part);
}

// Whether the option WORD takes the word behind it as its value. In a cluster the letter that takes one is the last.
bool takes_next(const Wrapper& wrapper, std::string_view word) {
    if (word.starts_with("--")) return wrapper.long_valued.find(" " + std::string(word) + " ") != std::string_view::npos;
    const std::size_t letter = word.find_first_of(wrapper.valued, 1);
    return letter != std::string_view::npos && letter + 1 == word.size();
}

// env -S and --split-string hold a command line of their own.
bool splits(const Wrapper& wrapper, std::string_view word) {
    if (wrapper.kind != WrapperKind::environment) return false;
    return word.starts_with("--split-string") || (!word.starts_with("--") && word.find('S') != std::string_view::npos);
}

// What is left of ARGS, the arguments of an init or of env, from the program on; nothing if there is none to be seen.
Words behind_options(const Wrapper& wrapper, Words args) {
    bool options = true;
    while (!args.empty()) {
        const std::string_view word = args[0];
        const bool option = options && word.size() > 1 && word[0] == '-';
        if (option && splits(wrapper, word)) return {};
        if (!option && word != "-" && !(wrapper.kind == WrapperKind::environment && is_assignment(word))) return args;
        if (word == "--") options = false;
        const std::size_t used = option && takes_next(wrapper, word) ? 2 : 1;
        args = args.subspan(std::min(used, args.size()));
    }
    return args;
}

// The text of `sh -c TEXT`, `sh -euxc TEXT`; empty if ARGS have none.
std::string_view shell_text(Words args) {
    bool text = false;
    for (const std::string& word : args) {
        if (word.size() < 2 || (word[0] != '-' && word[0] != '+')) return text ? std::string_view(word) : std::string_view();
        if (word == "--") continue;
        if (word.starts_with("--") || word.back() == 'o') return {};
        text = text || (word[0] == '-' && word.find('c') != std::string::npos);
    }
    return {};
}

std::string_view next_word(std::string_view& text) {
    constexpr std::string_view kSpace = " \t";
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    const auto word = text.substr(0, text.find_first_of(kSpace));
    text.remove_prefix(word.size());
    return word;
}

// The program that the shell's TEXT begins with; empty if it takes a shell to tell.
std::string_view first_simple_word(std::string_view text) {
    constexpr std::string_view kSpecial = "\"'`\\$(){}[]*?~#;&|<>!\n\r";
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    while (true) {
        const auto word = next_word(text);
        if (word.empty() || word.find_first_of(kSpecial) != std::string_view::npos) return {};
        if (word == "exec" || is_assignment(word)) continue;
        const bool is_shells = std::find(kShellWords.begin(), kShellWords.end(), word) != kShellWords.end();
        return is_shells || word[0] == '-' ? std::string_view() : word;
    }
}

std::string_view described(Words args, bool inits_only) {
    while (!args.empty()) {
        const Wrapper* wrapper = wrapper_of(args[0]);
        if (wrapper == nullptr || (inits_only && wrapper->kind != WrapperKind::init)) return args[0];
        if (wrapper->kind == WrapperKind::shell) {
            const auto word = first_simple_word(shell_text(args.subspan(1)));
            return word.empty() ? std::string_view(args[0]) : word;
        }
        const Words behind = behind_options(*wrapper, args.subspan(1));
        if (behind.empty()) return args[0];
        args = behind;
    }
    return {};
}

}  // namespace

std::string_view described_program(const std::vector<std::string>& args) { return described(args, false); }

std::string_view program_word(const std::vector<std::string>& args) { return described(args, true); }

}  // namespace aa::oci
