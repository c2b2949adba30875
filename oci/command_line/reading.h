// SPDX-License-Identifier: Apache-2.0
//
// A Reading is what one parser makes of the arguments after a command: which options with which values, which tokens are
// positional, or the fault at which it would stop. Everything is told by token numbers, so two readings can be compared.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "oci/command_line/option.h"
#include "oci/command_line/tables.h"

namespace aa::oci {

// Why a parser would stop, or why we do not follow it.
enum class Fault : std::uint8_t {
    none,
    unknown_option,
    ambiguous_option,
    value_missing,
    value_unexpected,
    not_boolean,
    not_a_number,
    two_spellings,
    white_space,
    lone_dash,
    list_in_value,
    readings_differ,
};

struct Reading {
    std::vector<Option> options;             // in the order in which they take effect
    std::vector<std::uint32_t> positionals;  // token numbers
    std::uint32_t options_end = 0;           // where one more option could be put, behind all others (exec, and all of crun)
    Fault fault = Fault::none;
    std::uint32_t fault_token = 0;

    void fail(Fault why, std::uint32_t token) {
        fault = why;
        fault_token = token;
    }
    // Takes the tokens FROM … END-1 as positionals.
    void take_rest(std::uint32_t from, std::size_t end) {
        for (; from < end; ++from) positionals.push_back(from);
    }
};

// What stands at one place before the command.
struct GlobalToken {
    enum class Kind : std::uint8_t {
        word,     // not an option: the command
        dashes,   // `--`: the next token is the command
        known,    // `flag` with `value`, or with the next token as its value
        unknown,  // an option that no table has
    };
    Kind kind = Kind::word;
    const Flag* flag = nullptr;
    std::string_view value{};
    bool has_value = false;   // the value is attached
    bool uncertain = false;   // not every version of the runtime reads it so
    std::string_view word{};  // for `word`: its text, without white space around it
};

}  // namespace aa::oci
