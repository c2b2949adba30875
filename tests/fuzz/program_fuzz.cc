// SPDX-License-Identifier: Apache-2.0
//
// A described program is a part of the command line, candidates for a command are absolute paths, and foreign id maps and ACLs are
// read within their bounds.
#include <algorithm>
#include <cstdlib>
#include <functional>

#include "oci/bundle/id_map.h"
#include "oci/path/permission.h"
#include "oci/path/program.h"
#include "oci/path/search.h"

namespace {

using namespace aa::oci;

void require(bool holds) {
    if (!holds) std::abort();
}

std::vector<std::string> lines(std::string_view text) {
    std::vector<std::string> list;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        list.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return list;
}

bool is_part_of(std::string_view word, const std::vector<std::string>& args) {
    const auto holds = [word](const std::string& arg) {
        const std::less_equal<> not_after;
        return not_after(arg.data(), word.data()) && not_after(word.data() + word.size(), arg.data() + arg.size());
    };
    return args.empty() ? word.empty() : std::any_of(args.begin(), args.end(), holds);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto args = lines(text);
    require(is_part_of(described_program(args), args) && is_part_of(program_word(args), args));
    ProcessSpec spec;
    spec.cwd = "/w";
    spec.path = text;
    spec.path_present = true;
    for (const auto kind : {RuntimeKind::runc, RuntimeKind::crun}) {
        Candidates candidates(kind, "x", spec);
        while (const auto path = candidates.next()) require(path->starts_with('/'));
    }
    if (const auto map = IdMap::parse(text)) {
        const auto outside = map->outside(7);
        require(!outside || map->reaches(*outside));
    }
    (void)acl_allows_execute(text, Subject{}, 0).has_value();
    return 0;
}
