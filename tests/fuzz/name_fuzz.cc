// SPDX-License-Identifier: Apache-2.0
//
// Whatever a file is called: apparmor_parser takes the exact rule for it, which allows this name and none beside it, and takes the pattern
// that is learned from it, which matches it, too. A process for each input: slow, and the parser's own word.
#include <cstdlib>

#include "apparmor/audit/rule.h"
#include "apparmor/learn/name_pattern.h"
#include "apparmor/policy/automaton.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/profile_rules.h"
#include "base/text.h"

using namespace aa;
using namespace aa::apparmor;

namespace {

bool reads(const Profile& profile, std::string_view name) {
    const auto state = profile.files.match(profile.files_start, name);
    return (profile.files.permissions(state, true).allow & permission::kRead) != 0;
}

const Profile& find(const std::vector<Profile>& profiles, std::string_view name) {
    for (const auto& profile : profiles) {
        if (profile.name == name) return profile;
    }
    std::abort();
}

void check(const std::string& name) {
    static const auto parser = Parser::find();
    static const auto features = packaged_features();
    if (!parser || !features) std::abort();
    const auto learned = spelled(parts_of(name, NameUse::made));
    const auto text =
        concat({"include <tunables/global>\nprofile exact {\n", exactly(name), " r,\n}\nprofile learned {\n", learned, " r,\n}\n"});
    const auto profiles = compile_text(*parser, text, "fuzz", *features);
    if (!profiles || profiles->size() != 2) std::abort();
    const auto& exact = find(*profiles, "exact");
    if (!reads(exact, name) || !reads(find(*profiles, "learned"), name)) std::abort();
    for (const std::string& other : {name + "x", name + "/", name.substr(0, name.size() - 1), std::string("/etc/shadow")}) {
        if (other != name && reads(exact, other)) std::abort();
    }
    for (std::size_t at = 1; at < name.size(); ++at) {
        auto other = name;
        other[at] = other[at] == 'a' ? 'b' : 'a';
        if (reads(exact, other)) std::abort();
    }
}

// A path as the kernel has it.
bool is_name(std::string_view name) {
    return name.find('\0') == std::string_view::npos && name.find("//") == std::string_view::npos && name.size() < 500;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const auto name = "/" + std::string(reinterpret_cast<const char*>(data), size);
    if (is_name(name)) check(name);
    return 0;
}
