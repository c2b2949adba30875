// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/syntax.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "apparmor/findings/faults.h"
#include "apparmor/findings/mended.h"
#include "apparmor/findings/slips.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostRounds = 300;
constexpr int kMostUnknown = 32;  // refusals that nothing is known of
constexpr int kMostInVain = 8;    // times that a part is taken out, and the parser says the same
constexpr std::chrono::seconds kMostTime{30};
constexpr std::size_t kMostBefore = 3;  // pieces before the line that a refusal names
constexpr std::string_view kSaidFirst = "apparmor_parser: ";

// What the parser says of TEXT; nothing if it takes it.
Result<std::optional<Refusal>> ask(const Parser& parser, const std::string& text, const std::string& features) {
    const auto run = TRY(parser.compile_input(text, features, false));
    if (run.ok()) return std::optional<Refusal>();
    Refusal refusal;
    const auto complaints = parser_complaints(run, {});
    auto main =
        std::find_if(complaints.begin(), complaints.end(), [](const Complaint& complaint) { return !complaint.origin.file.empty(); });
    if (main == complaints.end()) main = complaints.begin();
    for (const auto& complaint : complaints) {
        auto said = complaint.problem.substr(complaint.problem.starts_with(kSaidFirst) ? kSaidFirst.size() : 0);
        if (said.starts_with(kSaidFirst)) said.erase(0, kSaidFirst.size());  // its own errors begin with its name, too
        if (&complaint == &*main) {
            refusal.message = std::move(said);
        } else {
            refusal.more.push_back(std::move(said));
        }
    }
    if (!main->origin.file.empty()) refusal.line = main->origin.line;
    if (!main->origin.file.empty() && main->origin.file != Parser::kInput) refusal.file = main->origin.file;
    return std::optional(std::move(refusal));
}

class Search {
public:
    Search(const Parser& parser, const std::string& file, std::string_view text, const std::string& features)
        : parser_(parser), file_(file), original_(text), features_(features), copy_(text) {}

    Result<std::vector<Finding>> run() {
        const auto end = Clock::now() + kMostTime;
        for (int round = 0;; ++round) {
            const auto refusal = TRY(ask(parser_, copy_.text(), features_));
            if (!refusal) return std::move(found_);
            const bool enough = round == kMostRounds || Clock::now() > end;
            if (!(enough ? gave_up(*refusal) : TRY(mend(*refusal)))) return std::move(found_);
        }
    }

private:
    // Finds what REFUSAL means, and mends it or takes it out; false if that is not possible.
    Result<bool> mend(const Refusal& refusal) {
        const auto pieces = pieces_of(copy_.text());
        if (const auto fault = fault_of(pieces, refusal)) {
            const auto* piece = piece_at(pieces, fault->at);
            report(*fault, refusal);
            seen_.insert(key_of(*fault));
            const auto& edits = fault->fix.empty() ? fault->repair : fault->fix;
            if (edits.empty() && piece == nullptr) return false;
            if (edits.empty()) return take_out(*piece);
            for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) copy_.apply(*edit);
            return true;
        }
        const bool is_new = said_.insert(concat({decimal(static_cast<long long>(refusal.line)), ":", refusal.message})).second;
        if (++unknown_ > kMostUnknown || (!is_new && ++in_vain_ > kMostInVain)) return gave_up(refusal);
        const auto* piece = refusal.line > 0 && refusal.file.empty() ? piece_on(pieces, refusal.line) : TRY(culprit(pieces, refusal));
        if (is_new) {
            const auto rule = piece == nullptr ? "the file" : Suspect{copy_.text(), pieces, index_of(pieces, piece), refusal}.quoted();
            report({"AA100", piece == nullptr ? 0 : piece->begin, concat({rule, " is refused"}), "nothing of the file is loaded",
                    "see apparmor.d(5) for what may stand here"},
                   refusal);
        }
        return piece != nullptr && take_out(*piece);
    }

    // The fault that REFUSAL means, with its place in the copy.
    std::optional<Fault> fault_of(const std::vector<Piece>& pieces, const Refusal& refusal) {
        const auto& text = copy_.text();
        for (const auto recognize : {whole_fault, refusal.file.empty() ? include_fault : nullptr}) {
            if (recognize == nullptr) continue;
            if (auto fault = recognize(text, pieces, refusal); fault && is_new(*fault)) return fault;
        }
        const std::size_t last = last_suspect(pieces, refusal);
        const std::size_t first_on_line = pieces_until(pieces, line_offset(text, refusal.line));
        for (std::size_t i = last; i-- > 0;) {
            // The parser sees a fault of a rule where it stands, or in what comes next; one of a header as late as at its end.
            const bool is_near = !refusal.file.empty() || i + kMostBefore >= first_on_line;
            if (auto fault = recognized({text, pieces, i, refusal}, header_recognizers())) return fault;
            if (!is_near) continue;
            if (auto fault = recognized({text, pieces, i, refusal}, file_rule_recognizers())) return fault;
            if (auto fault = recognized({text, pieces, i, refusal}, keyword_recognizers())) return fault;
        }
        auto fault = include_fault(text, pieces, refusal);
        return fault && is_new(*fault) ? fault : std::nullopt;
    }

    std::optional<Fault> recognized(const Suspect& suspect, std::span<const Recognizer> recognizers) const {
        for (const auto recognize : recognizers) {
            if (auto fault = recognize(suspect); fault && is_new(*fault)) return fault;
        }
        return std::nullopt;
    }

    // Behind the last piece that REFUSAL may mean: on its line, or the include that brings what it speaks of.
    std::size_t last_suspect(const std::vector<Piece>& pieces, const Refusal& refusal) const {
        if (refusal.line == 0) return 0;
        if (refusal.file.empty()) return pieces_until(pieces, line_offset(copy_.text(), refusal.line + 1));
        const auto fault = include_fault(copy_.text(), pieces, refusal);
        return fault ? pieces_until(pieces, fault->at + 1) : 0;
    }

    static std::size_t pieces_until(const std::vector<Piece>& pieces, std::size_t offset) {
        return static_cast<std::size_t>(
            std::find_if(pieces.begin(), pieces.end(), [&](const Piece& piece) { return piece.begin >= offset; }) - pieces.begin());
    }

    // The piece with OFFSET in it.
    static const Piece* piece_at(const std::vector<Piece>& pieces, std::size_t offset) {
        const std::size_t end = pieces_until(pieces, offset + 1);
        return end == 0 ? nullptr : &pieces[end - 1];
    }

    // The first piece that is on LINE, or the last one before it.
    const Piece* piece_on(const std::vector<Piece>& pieces, std::size_t line) const {
        const std::size_t begin = line_offset(copy_.text(), line);
        for (const auto& piece : pieces) {
            if (piece.stop > begin) return piece.begin < line_offset(copy_.text(), line + 1) ? &piece : piece_at(pieces, begin);
        }
        return pieces.empty() ? nullptr : &pieces.back();
    }

    // The rule without which the parser says something else than REFUSAL: the last of the shortest beginning of the rules that it still
    // says it of. Nothing if it says it of none.
    Result<const Piece*> culprit(const std::vector<Piece>& pieces, const Refusal& refusal) const {
        std::vector<const Piece*> rules;
        for (const auto& piece : pieces) {
            if (piece.end == Piece::End::comma && !piece.words.empty()) rules.push_back(&piece);
        }
        std::size_t good = 0;
        std::size_t bad = rules.size();
        while (good < bad) {
            const std::size_t middle = (good + bad) / 2;
            auto part = copy_;
            for (std::size_t i = middle; i < rules.size(); ++i) part.blank(rules[i]->begin, rules[i]->stop);
            const auto other = TRY(ask(parser_, part.text(), features_));
            (other && other->message == refusal.message ? bad : good) = other && other->message == refusal.message ? middle : middle + 1;
        }
        return bad == 0 || bad > rules.size() ? nullptr : rules[bad - 1];
    }

    bool take_out(const Piece& piece) {
        const auto before = copy_.text();
        if (piece.end == Piece::End::open && !piece.words.empty()) {
            const auto name = concat({"profile taken-out-", decimal(static_cast<long long>(++taken_out_))});
            copy_.apply({piece.begin, piece.words_end - piece.begin, name});
        } else {
            copy_.blank(piece.begin, piece.stop);
        }
        return copy_.text() != before;
    }

    void report(const Fault& fault, const Refusal& refusal) {
        Finding finding{fault.code,
                        origin_of(file_, original_, copy_.original(fault.at)),
                        concat({fault.problem, "; apparmor_parser says \"", json_escape(refusal.message), "\""}),
                        fault.why,
                        fault.cure,
                        {}};
        for (const auto& edit : fault.fix) {
            const auto fix = copy_.original(edit);
            if (!fix) {
                finding.fix.clear();
                break;
            }
            finding.fix.push_back(*fix);
        }
        found_.push_back(std::move(finding));
    }

    // Says that there is more than was looked for; false.
    bool gave_up(const Refusal& refusal) {
        report({"AA190", 0, "the search for faults was ended before all were found", "they are more, or stranger, than one run looks for",
                "mend those that are named, and check again"},
               refusal);
        return false;
    }

    [[nodiscard]] bool is_new(const Fault& fault) const { return !seen_.contains(key_of(fault)); }
    // Of one place there may be several faults of a kind, which different edits mend.
    using Key = std::tuple<std::string, std::size_t, std::size_t, std::string>;
    [[nodiscard]] Key key_of(const Fault& fault) const {
        const auto edit = fault.fix.empty() ? Edit{fault.at, 0, ""} : fault.fix.front();
        return {std::string(fault.code), copy_.original(fault.at), copy_.original(edit.offset), edit.text};
    }

    static std::size_t index_of(const std::vector<Piece>& pieces, const Piece* piece) {
        return static_cast<std::size_t>(piece - pieces.data());
    }

    const Parser& parser_;
    const std::string& file_;
    std::string_view original_;
    const std::string& features_;
    Mended copy_;
    int taken_out_ = 0;
    int unknown_ = 0;
    int in_vain_ = 0;
    std::set<Key> seen_;          // the keys of faults
    std::set<std::string> said_;  // messages that nothing is known of, with their lines
    std::vector<Finding> found_;
};

}  // namespace

Result<std::vector<Finding>> syntax_findings(const Parser& parser, const std::string& file, std::string_view text,
                                             const std::string& features) {
    auto findings = TRY(Search(parser, file, text, features).run());
    for (auto& slip : slips(file, text)) findings.push_back(std::move(slip));
    sort_findings(findings);
    return findings;
}

}  // namespace aa::apparmor
