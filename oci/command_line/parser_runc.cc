// SPDX-License-Identifier: Apache-2.0
#include "oci/command_line/parser_runc.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace aa::oci {
namespace {

// A token that begins with a dash, taken apart as Go's flag package and urfave/cli v3 both do: one dash or two, and the
// first `=` ends the name.
struct Dashed {
    std::string_view name;
    std::string_view value;
    bool has_value = false;
};

Dashed take_apart(std::string_view token) {
    token.remove_prefix(token.starts_with("--") ? 2 : 1);
    const std::size_t equals = token.find('=');
    if (equals == std::string_view::npos) return {token, {}, false};
    return {token.substr(0, equals), token.substr(equals + 1), true};
}

const Flag* find_flag(std::span<const Flag> flags, std::string_view name) {
    if (name.empty()) return nullptr;
    for (const Flag& flag : flags) {
        if (name.size() == 1 ? flag.letter == name[0] : flag.name() == name) return &flag;
    }
    return nullptr;
}

// strconv.ParseBool of Go.
std::optional<bool> go_bool(std::string_view text) {
    for (const char* word : {"1", "t", "T", "TRUE", "true", "True"}) {
        if (text == word) return true;
    }
    for (const char* word : {"0", "f", "F", "FALSE", "false", "False"}) {
        if (text == word) return false;
    }
    return std::nullopt;
}

// The encodings of unicode.IsSpace, which strings.TrimSpace of Go removes.
constexpr char kSpaces[][4] = {
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
    "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
};

// Printable ASCII at both ends, the only case that matters for speed, needs no look at the table.
bool is_plain(char c) { return c > ' ' && c < '\x7f'; }

std::string_view trim_space(std::string_view text) {
    if (text.empty() || (is_plain(text.front()) && is_plain(text.back()))) return text;
    const auto shorten = [&text] {
        return std::any_of(std::begin(kSpaces), std::end(kSpaces), [&text](std::string_view space) {
            const bool front = text.starts_with(space);
            if (front) text.remove_prefix(space.size());
            const bool back = text.ends_with(space);
            if (back) text.remove_suffix(space.size());
            return front || back;
        });
    };
    while (shorten()) {
    }
    return text;
}

constexpr std::uint32_t kNoToken = UINT32_MAX;

// Reads the option in TOKEN, and its value there or in the token NEXT (kNoToken: there is none). True if NEXT was used up.
bool read_option(Reading& reading, Arguments arguments, std::span<const Flag> flags, std::uint32_t token, std::uint32_t next) {
    const Dashed dashed = take_apart(arguments[token]);
    const Flag* flag = find_flag(flags, dashed.name);
    if (flag == nullptr) {
        reading.fail(Fault::unknown_option, token);
        return false;
    }
    Option option{.flag = flag, .value = dashed.value, .token = token, .value_token = token, .short_name = dashed.name.size() == 1};
    bool used_next = false;
    if (flag->takes == Takes::nothing) {
        if (!dashed.has_value) option.value = "true";
        if (!go_bool(option.value)) reading.fail(Fault::not_boolean, token);
    } else if (!dashed.has_value) {
        if (next != kNoToken) {
            option.value = arguments[next];
            option.value_token = next;
            used_next = true;
        } else {
            reading.fail(Fault::value_missing, token);
        }
    }
    reading.options.push_back(option);
    return used_next;
}

// Go's flag.FlagSet.Parse on the tokens in ORDER.
Reading read_go_flags(Arguments arguments, std::span<const std::uint32_t> order, std::span<const Flag> flags) {
    Reading reading;
    reading.options.reserve(order.size());
    reading.positionals.reserve(order.size());
    std::size_t at = 0;
    while (at < order.size() && reading.fault == Fault::none) {
        const std::string_view token = arguments[order[at]];
        if (token.size() < 2 || token[0] != '-') break;
        if (token == "--") {
            ++at;
            break;
        }
        const std::uint32_t next = at + 1 < order.size() ? order[at + 1] : kNoToken;
        at += read_option(reading, arguments, flags, order[at], next) ? 2U : 1U;
    }
    for (; at < order.size(); ++at) reading.positionals.push_back(order[at]);
    return reading;
}

// urfave/cli v1.22.1, command.go: whatever begins with a dash is moved to the front, with the token behind it unless
// there is a `=`.
std::vector<std::uint32_t> reorder_1_1(Arguments arguments, std::uint32_t first) {
    std::vector<std::uint32_t> front;
    std::vector<std::uint32_t> rest;
    front.reserve(arguments.size());
    bool value_follows = false;
    for (std::uint32_t i = first; i < arguments.size(); ++i) {
        const std::string_view token = arguments[i];
        if (token == "--") {
            for (; i < arguments.size(); ++i) rest.push_back(i);
            break;
        }
        const bool dash = token.starts_with('-');
        (dash || value_follows ? front : rest).push_back(i);
        value_follows = dash && token.find('=') == std::string_view::npos;
    }
    front.insert(front.end(), rest.begin(), rest.end());
    return front;
}

// urfave/cli v1.22.14, command.go: only known flags are moved, each with the next token that does not begin with a dash,
// even if there is a `=`, and even if that token does not follow at once.
std::vector<std::uint32_t> reorder_1_2(Arguments arguments, std::uint32_t first, std::span<const Flag> flags) {
    std::vector<std::uint32_t> front;
    std::vector<std::uint32_t> rest;
    front.reserve(arguments.size());
    bool value_may_follow = false;
    for (std::uint32_t i = first; i < arguments.size(); ++i) {
        const std::string_view token = arguments[i];
        if (token == "--") {
            for (; i < arguments.size(); ++i) rest.push_back(i);
            break;
        }
        const bool dash = token.starts_with('-');
        if (value_may_follow && !dash) {
            value_may_follow = false;
            front.push_back(i);
        } else if (dash && token.size() > 1 && find_flag(flags, take_apart(token).name) != nullptr) {
            value_may_follow = true;
            front.push_back(i);
        } else {
            rest.push_back(i);
        }
    }
    front.insert(front.end(), rest.begin(), rest.end());
    return front;
}

// urfave/cli v1, flag.go normalizeFlags: `-b` and `--bundle` together are an error.
void check_spellings(Reading& reading, std::span<const Flag> flags) {
    std::uint32_t seen[2] = {0, 0};  // one bit per flag, by its long and by its short name
    for (const Option& option : reading.options) {
        const std::uint32_t bit = std::uint32_t{1} << (option.flag - flags.data());
        seen[option.short_name ? 1 : 0] |= bit;
        if ((seen[0] & seen[1]) != 0) return reading.fail(Fault::two_spellings, option.token);
    }
}

// urfave/cli v3, command_parse.go. Only `exec` stops at its first positional (StopOnNthArg), and it looks for `--` and
// empty tokens before it looks whether to stop. An ID `help` makes v3 print help: nothing starts, so it need not be told.
Reading read_v3(Arguments arguments, std::uint32_t first, std::span<const Flag> flags, bool stop_at_first) {
    const auto size = static_cast<std::uint32_t>(arguments.size());
    Reading reading;
    reading.options.reserve(size - first);
    reading.positionals.reserve(size - first);
    reading.options_end = size;
    for (std::uint32_t i = first; i < size && reading.fault == Fault::none; ++i) {
        const std::string_view raw = arguments[i];
        const std::string_view token = trim_space(raw);
        const bool positional = token.empty() || token[0] != '-' || token == "--";
        if (positional && reading.positionals.empty()) reading.options_end = i;
        if (token.empty()) {
            if (!raw.empty()) reading.fail(Fault::white_space, i);
            reading.positionals.push_back(i);
            continue;
        }
        if (token == "--") {
            if (raw != token) reading.fail(Fault::white_space, i);
            reading.take_rest(i + 1, size);
            break;
        }
        if (stop_at_first && reading.positionals.size() == 1) {
            reading.take_rest(i, size);
            break;
        }
        if (raw != token) {
            reading.fail(Fault::white_space, i);
        } else if (positional) {
            reading.positionals.push_back(i);
        } else if (token == "-") {
            reading.fail(Fault::lone_dash, i);
        } else {
            if (read_option(reading, arguments, flags, i, i + 1 < size ? i + 1 : kNoToken)) ++i;
        }
    }
    return reading;
}

// Whether VALUE, split at commas and freed from white space, would set PATH. Of an environment nothing else is looked at.
bool sets_path(std::string_view value) {
    while (true) {
        const std::size_t comma = value.find(',');
        if (trim_space(value.substr(0, comma)).starts_with("PATH=")) return true;
        if (comma == std::string_view::npos) return false;
        value.remove_prefix(comma + 1);
    }
}

// The value of a list flag: v3 takes white space off it (flag_slice_base.go), and splits it at commas unless the command says
// DisableSliceFlagSeparator, as runc's exec does and ctr's commands forgot to (containerd issue 14181).
void check_list(Reading& reading, const Option& option) {
    const auto meaning = option.flag->meaning;
    const bool matters = meaning == Meaning::cap || (meaning == Meaning::env && sets_path(option.value));
    if (!matters) return;
    if (trim_space(option.value) != option.value) reading.fail(Fault::white_space, option.value_token);
    if (option.value.find(',') != std::string_view::npos) reading.fail(Fault::list_in_value, option.value_token);
}

// A value that not every generation understands in the same way: numbers in other bases, and nothing behind the `=`.
void check_values(Reading& reading) {
    for (const Option& option : reading.options) {
        unsigned long long number = 0;
        const bool plain = parse_decimal(option.value, number) && (option.value[0] != '0' || option.value.size() == 1);
        if (option.flag->meaning == Meaning::preserve_fds && (!plain || number > 0xffff)) reading.fail(Fault::not_a_number, option.token);
        if (option.value.empty() && option.value_token == option.token) reading.fail(Fault::value_missing, option.token);
        check_list(reading, option);
    }
}

// Whether V1 is a reading without fault, and the same as V3.
bool agrees(const Reading& v1, const Reading& v3) {
    return v1.fault == Fault::none && v1.options == v3.options && v1.positionals == v3.positionals;
}

}  // namespace

GlobalToken classify_runc_global(std::string_view raw) {
    using Kind = GlobalToken::Kind;
    const std::string_view token = trim_space(raw);
    GlobalToken result{.uncertain = raw != token, .word = token};
    if (token.size() < 2 || token[0] != '-') return result;
    if (token == "--") {
        result.kind = Kind::dashes;
        return result;
    }
    const Dashed dashed = take_apart(token);
    result.flag = find_flag(global_flags(RuntimeKind::runc), dashed.name);
    result.kind = result.flag == nullptr ? Kind::unknown : Kind::known;
    result.value = dashed.value;
    result.has_value = dashed.has_value;
    if (result.flag != nullptr && result.flag->takes == Takes::nothing) {
        // `--debug=` is an error in v1 and true in v3; `--help=false` would have to be followed through two spellings.
        if (dashed.has_value && (!go_bool(dashed.value) || result.flag->meaning == Meaning::help)) result.uncertain = true;
    } else if (dashed.has_value && dashed.value.empty()) {
        result.uncertain = true;
    }
    return result;
}

Reading read_runc(Arguments arguments, std::uint32_t first, Command command) {
    const std::span<const Flag> flags = command_flags(command, RuntimeKind::runc);
    const bool in_order = command == Command::exec;
    Reading v3 = read_v3(arguments, first, flags, in_order);
    if (v3.fault == Fault::none) check_spellings(v3, flags);
    if (v3.fault == Fault::none) check_values(v3);
    if (v3.fault != Fault::none) return v3;

    std::vector<std::uint32_t> order;
    if (in_order) {
        for (std::uint32_t i = first; i < arguments.size(); ++i) order.push_back(i);
    } else {
        order = reorder_1_1(arguments, first);
    }
    bool same = agrees(read_go_flags(arguments, order, flags), v3);
    if (same && !in_order) same = agrees(read_go_flags(arguments, reorder_1_2(arguments, first, flags), flags), v3);
    if (!same) v3.fail(Fault::readings_differ, first);
    return v3;
}

}  // namespace aa::oci
