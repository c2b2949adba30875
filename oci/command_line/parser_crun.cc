// SPDX-License-Identifier: Apache-2.0
#include "oci/command_line/parser_crun.h"

#include "base/text.h"

namespace aa::oci {
namespace {

// The option that `--NAME` is for getopt_long: the exact name, else the only one that begins so.
struct Found {
    const Flag* flag = nullptr;
    Fault fault = Fault::none;
};

Found find_long(std::span<const Flag> flags, std::string_view name) {
    Found found{nullptr, Fault::unknown_option};
    for (const Flag& flag : flags) {
        if (flag.name() == name) return {&flag, Fault::none};
        if (!flag.name().starts_with(name)) continue;
        const bool another = found.flag != nullptr && found.flag->name() != flag.name();
        found = {&flag, another || found.fault == Fault::ambiguous_option ? Fault::ambiguous_option : Fault::none};
    }
    return found;
}

const Flag* find_short(std::span<const Flag> flags, char letter) {
    for (const Flag& flag : flags) {
        if (flag.letter != '\0' && flag.letter == letter) return &flag;
    }
    return nullptr;
}

// Reads the `--name` in TOKEN; true if the next token is its value.
bool read_long(Reading& reading, Arguments arguments, std::span<const Flag> flags, std::uint32_t token) {
    std::string_view name = std::string_view(arguments[token]).substr(2);
    const std::size_t equals = name.find('=');
    const bool has_value = equals != std::string_view::npos;
    Option option{.value = has_value ? name.substr(equals + 1) : std::string_view("true"), .token = token, .value_token = token};
    const Found found = find_long(flags, name.substr(0, equals));
    option.flag = found.flag;
    if (found.fault != Fault::none) {
        reading.fail(found.fault, token);
        return false;
    }
    if (has_value && found.flag->takes == Takes::nothing) reading.fail(Fault::value_unexpected, token);
    const bool next = !has_value && found.flag->takes == Takes::value;
    if (next && token + 1 == arguments.size()) {
        reading.fail(Fault::value_missing, token);
        return false;
    }
    if (next) {
        option.value = arguments[token + 1];
        option.value_token = token + 1;
    }
    reading.options.push_back(option);
    return next;
}

// Reads the cluster of short options in TOKEN; true if the next token is the value of the last one.
bool read_short(Reading& reading, Arguments arguments, std::span<const Flag> flags, std::uint32_t token) {
    const std::string_view text = arguments[token];
    for (std::uint32_t at = 1; at < text.size(); ++at) {
        const Flag* flag = find_short(flags, text[at]);
        if (flag == nullptr) {
            reading.fail(Fault::unknown_option, token);
            return false;
        }
        const std::string_view rest = text.substr(at + 1);
        Option option{.flag = flag, .value = "true", .token = token, .value_token = token, .letter_at = at, .short_name = true};
        if (flag->takes == Takes::nothing || (flag->takes == Takes::attached_value && rest.empty())) {
            reading.options.push_back(option);
            if (flag->meaning == Meaning::help) return false;
            continue;
        }
        option.value = rest;
        const bool next = rest.empty();
        if (next && token + 1 == arguments.size()) {
            reading.fail(Fault::value_missing, token);
            return false;
        }
        if (next) {
            option.value = arguments[token + 1];
            option.value_token = token + 1;
        }
        reading.options.push_back(option);
        return next;
    }
    return false;
}

// crun reads numbers with strtoul, which takes more than digits.
void check_number(Reading& reading) {
    if (reading.options.empty()) return;
    const Option& last = reading.options.back();
    unsigned long long number = 0;
    if (last.flag->meaning != Meaning::preserve_fds) return;
    if (!parse_decimal(last.value, number) || number > 0xffff) reading.fail(Fault::not_a_number, last.token);
}

}  // namespace

GlobalToken classify_crun_global(std::string_view token) {
    using Kind = GlobalToken::Kind;
    GlobalToken result{.word = token};
    if (token.size() < 2 || token[0] != '-') return result;
    if (token == "--") {
        result.kind = Kind::dashes;
        return result;
    }
    const std::span<const Flag> flags = global_flags(RuntimeKind::crun);
    result.kind = Kind::unknown;
    if (token[1] != '-') {
        result.flag = find_short(flags, token[1]);
        if (result.flag != nullptr) result.kind = Kind::known;
        return result;
    }
    const std::size_t equals = token.find('=');
    result.has_value = equals != std::string_view::npos;
    if (result.has_value) result.value = token.substr(equals + 1);
    const Found found = find_long(flags, token.substr(2, result.has_value ? equals - 2 : std::string_view::npos));
    if (found.fault != Fault::none || (result.has_value && found.flag->takes == Takes::nothing)) return result;
    result.flag = found.flag;
    result.kind = Kind::known;
    return result;
}

Reading read_crun(Arguments arguments, std::uint32_t first, Command command) {
    const std::span<const Flag> flags = command_flags(command, RuntimeKind::crun);
    const auto size = static_cast<std::uint32_t>(arguments.size());
    Reading reading;
    reading.options.reserve(size - first);
    reading.positionals.reserve(size - first);
    std::uint32_t i = first;
    while (i < size && reading.fault == Fault::none) {
        const std::string_view token = arguments[i];
        if (token == "--" || token.size() < 2 || token[0] != '-') break;
        const bool next = token[1] == '-' ? read_long(reading, arguments, flags, i) : read_short(reading, arguments, flags, i);
        check_number(reading);
        if (!reading.options.empty() && reading.options.back().flag->meaning == Meaning::help) return reading;
        i += next ? 2 : 1;
    }
    reading.options_end = i;
    if (i < size && std::string_view(arguments[i]) == "--") ++i;
    reading.take_rest(i, size);
    return reading;
}

}  // namespace aa::oci
