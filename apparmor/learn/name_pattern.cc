// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/name_pattern.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "apparmor/audit/rule.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::size_t kNumber = 4;  // digits that are no version any more, but a number
constexpr std::size_t kHash = 8;    // digits of a hash
constexpr std::size_t kChance = 6;  // what mkstemp(3) makes up
constexpr std::size_t kPrefix = 3;  // of a name in front of that
constexpr std::string_view kDigits = "[0-9]*";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_upper(c) || is_lower(c); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }
bool is_word(char c) { return is_digit(c) || is_letter(c); }

template <class Is>
std::size_t length_of(std::string_view text, Is is) {
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is) - text.begin());
}

template <class Is>
std::size_t count(std::string_view text, Is is) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is));
}

// LITERAL, as it stands between quotes.
std::string quoted(std::string_view literal) {
    if (literal.empty()) return {};
    const auto text = exactly(literal);
    return text.starts_with('"') ? text.substr(1, text.size() - 2) : text;
}

// The length of the UUID that TEXT begins with (RFC 9562); 0: with none.
std::size_t uuid_length(std::string_view text) {
    constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (text.size() < kForm.size()) return 0;
    for (std::size_t at = 0; at < kForm.size(); ++at) {
        if (kForm[at] == 'x' ? !is_hex(text[at]) : text[at] != '-') return 0;
    }
    return kForm.size();
}

// The length of the version that TEXT begins with, "3.11" or "1.2.3"; 0: with none.
std::size_t version_length(std::string_view text) {
    std::size_t length = length_of(text, is_digit);
    std::size_t numbers = length > 0 ? 1 : 0;
    while (length > 0 && length + 1 < text.size() && text[length] == '.' && is_digit(text[length + 1])) {
        length += 1 + length_of(text.substr(length + 1), is_digit);
        ++numbers;
    }
    return numbers > 1 ? length : 0;
}

bool is_hash(std::string_view word) {
    return word.size() >= kHash && std::all_of(word.begin(), word.end(), is_hex) && count(word, is_digit) >= 2 &&
           count(word, is_letter) > 0;
}

// Letters and digits, or letters of both cases, in turn.
bool is_chance(std::string_view word) {
    std::size_t turns = 0;
    const auto kind = [](char c) { return is_digit(c) ? 0 : is_upper(c) ? 1 : 2; };
    for (std::size_t at = 1; at < word.size(); ++at) turns += kind(word[at]) != kind(word[at - 1]) ? 1U : 0U;
    return word.size() >= kChance && turns >= 2;
}

// The length of the number, or of the date and time, that TEXT begins with; 0: with none.
std::size_t number_length(std::string_view text) {
    std::size_t length = length_of(text, is_digit);
    if (length < kNumber) return 0;
    while (length + 1 < text.size() && std::string_view("-:._T").find(text[length]) != std::string_view::npos && is_digit(text[length + 1]))
        length += 1 + length_of(text.substr(length + 1), is_digit);
    return length == text.size() || !is_letter(text[length]) ? length : 0;
}

// What stands for the beginning of TEXT, of which LENGTH bytes are taken; empty: it stands for itself.
std::string_view variable_part(std::string_view text, bool behind_so, NameUse use, std::size_t& length) {
    if ((length = uuid_length(text)) > 0) return "*";
    if ((length = version_length(text)) > 0) return kDigits;
    if ((length = number_length(text)) > 0) return kDigits;
    if ((length = length_of(text, is_digit)) > 0 && behind_so) return kDigits;
    const auto word = text.substr(0, length_of(text, is_word));
    const bool varies = is_hash(word) || (use == NameUse::made && is_chance(word));
    // What chance is put behind is a name: "tmp" of "tmpa8Kq2L".
    const auto letters = length_of(text, is_letter);
    const auto name = varies && !is_hash(word) ? std::min(length_of(word, is_lower), word.size() - kChance) : 0;
    if (name >= kPrefix) return (length = name, "");
    length = varies ? word.size() : std::max(length, letters);
    return varies ? "*" : "";
}

// What is no machine's name, but that of its kind (<tunables/multiarch>).
bool is_multiarch(std::string_view part) {
    const auto at = part.find("-linux-gnu");
    return at != std::string_view::npos && at > 0 &&
           std::all_of(part.begin(), part.end(), [](char c) { return is_word(c) || c == '_' || c == '-'; });
}

std::string pattern_of(std::string_view part, NameUse use) {
    if (is_multiarch(part)) return "@{multiarch}";
    if (!part.empty() && std::all_of(part.begin(), part.end(), is_digit)) return std::string(kDigits);
    std::string result;
    std::size_t from = 0;  // of what stands for itself
    for (std::size_t at = 0; at < part.size();) {
        std::size_t length = 0;
        const auto variable = variable_part(part.substr(at), part.substr(0, at).ends_with(".so."), use, length);
        if (!variable.empty()) {
            result += quoted(part.substr(from, at - from));
            if (!result.ends_with('*')) result += variable;
            from = at + length;
        }
        at += std::max<std::size_t>(length, 1);
    }
    return result + quoted(part.substr(from));
}

// What the kernel calls files that have no name (shmem, mm/memfd.c, ipc/shm.c).
std::string without_name(std::string_view part) {
    constexpr std::array<std::string_view, 2> kPrefixes = {"memfd:", "SYSV"};
    for (const auto prefix : kPrefixes) {
        if (part.starts_with(prefix)) return concat({prefix, "*"});
    }
    return {};
}

// The part at INDEX of a name of a process in /proc; empty: it is none of those that a process has a number in.
std::string_view of_process(const std::vector<std::string_view>& parts, std::size_t index) {
    if (parts.front() != "proc" || parts.size() < 2 || parts[index] != "1") return {};
    if (index == 1) return "@{pid}";
    return index == 3 && parts[2] == "task" ? "@{tid}" : "";
}

std::vector<std::string_view> split(std::string_view name) {
    std::vector<std::string_view> parts;
    while (name.starts_with('/')) {
        name.remove_prefix(1);
        const auto end = std::min(name.find('/'), name.size());
        if (end > 0) parts.push_back(name.substr(0, end));
        name.remove_prefix(end);
    }
    return parts;
}

// Whether PATTERN means the same without quotes around it.
bool stands_alone(std::string_view pattern) {
    return std::all_of(pattern.begin(), pattern.end(),
                       [](char c) { return is_word(c) || std::string_view("/._-+:%~*[]{},@").find(c) != std::string_view::npos; });
}

}  // namespace

std::vector<std::string> parts_of(std::string_view name, NameUse use) {
    const auto parts = split(name);
    std::vector<std::string> result;
    for (std::size_t index = 0; index < parts.size(); ++index) {
        const bool last = index + 1 == parts.size();
        const auto process = of_process(parts, index);
        auto pattern = process.empty() ? std::string() : std::string(process);
        if (pattern.empty() && parts.size() == 1) pattern = without_name(parts[index]);
        // Programs have their own names, also where they are only read.
        const bool is_program =
            last && (use == NameUse::executed || (index > 0 && (parts[index - 1] == "bin" || parts[index - 1] == "sbin")));
        if (pattern.empty()) pattern = is_program ? quoted(parts[index]) : pattern_of(parts[index], use);
        if (last && name.ends_with('/')) pattern += '/';
        result.push_back(std::move(pattern));
    }
    return result;
}

std::string spelled(const std::vector<std::string>& parts) {
    std::string text = parts.size() > 1 && parts.front() == "proc" ? "@{PROC}" : "";
    for (std::size_t index = text.empty() ? 0 : 1; index < parts.size(); ++index) text += "/" + parts[index];
    if (parts.empty()) text = "/";
    return stands_alone(text) ? text : concat({"\"", text, "\""});
}

std::string any_of(const std::vector<std::string>& parts) {
    return parts.size() == 1 ? parts.front() : concat({"{", join(parts, ","), "}"});
}

}  // namespace aa::apparmor
