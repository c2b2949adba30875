// SPDX-License-Identifier: Apache-2.0
//
// Whatever a profile is, and whatever the parser says of it (the first line; its first byte is the line that it names): pieces lie in the
// text one after the other, and the edits of a fault lie in it, in order and without overlapping.
#include <algorithm>
#include <cstdlib>

#include "apparmor/findings/faults.h"
#include "apparmor/findings/fix.h"
#include "apparmor/findings/mended.h"
#include "apparmor/findings/slips.h"

using namespace aa::apparmor;

namespace {

void check(std::string_view text, const std::vector<Edit>& edits) {
    std::size_t at = 0;
    Mended copy(text);
    for (const auto& edit : edits) {
        if (edit.offset < at || edit.offset > text.size() || edit.length > text.size() - edit.offset) std::abort();
        at = edit.offset + edit.length;
    }
    for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) copy.apply(*edit);
    for (std::size_t i = 0; i <= copy.text().size(); ++i) {
        if (copy.original(i) > text.size()) std::abort();
    }
}

void check(std::string_view text, const std::optional<Fault>& fault) {
    if (!fault) return;
    if (fault->at > text.size() || find_code(fault->code) == nullptr || fault->problem.empty() || fault->cure.empty()) std::abort();
    check(text, fault->fix);
    check(text, fault->repair);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(input.find('\n'), input.size());
    Refusal refusal{input.substr(0, end), {}, end == 0 ? 0 : data[0] % 16U, {}};
    const auto text = std::string_view(input).substr(std::min(end + 1, input.size()));
    const auto pieces = pieces_of(text);
    std::size_t at = 0;
    for (const auto& piece : pieces) {
        if (piece.begin < at || piece.begin > piece.words_end || piece.words_end > piece.stop || piece.stop > text.size()) std::abort();
        at = piece.stop;
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        for (const auto recognizers : {header_recognizers(), file_rule_recognizers(), keyword_recognizers()}) {
            for (const auto recognize : recognizers) check(text, recognize({text, pieces, i, refusal}));
        }
    }
    check(text, include_fault(text, pieces, refusal));
    check(text, whole_fault(text, pieces, refusal));
    const auto found = slips("profile", text);
    for (const auto& finding : found) {
        if (finding.severity() == Severity::error) std::abort();
        check(text, finding.fix);
    }
    (void)apply_fixes(text, found);
    return 0;
}
