// SPDX-License-Identifier: Apache-2.0
//
// Faults of rules that begin with a keyword: the keyword itself, capabilities, networks, signals, change_profile.
#include <algorithm>
#include <array>

#include "apparmor/findings/faults.h"
#include "apparmor/source/profile_words.h"
#include "base/capability_set.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// Address families and kinds of sockets, as apparmor.d(5) lists them.
constexpr std::array<std::string_view, 46> kFamilies = {
    "unspec",  "unix",     "inet", "ax25",    "ipx",    "appletalk", "netrom",    "bridge", "atmpvc", "x25",  "inet6",  "rose",
    "netbeui", "security", "key",  "netlink", "packet", "ash",       "econet",    "atmsvc", "rds",    "sna",  "irda",   "pppox",
    "wanpipe", "llc",      "ib",   "mpls",    "can",    "tipc",      "bluetooth", "iucv",   "rxrpc",  "isdn", "phonet", "ieee802154",
    "caif",    "alg",      "nfc",  "vsock",   "kcm",    "qipcrtr",   "smc",       "xdp",    "mctp",   "none"};
constexpr std::array<std::string_view, 9> kSockets = {"stream", "dgram", "seqpacket", "rdm", "raw", "packet", "tcp", "udp", "icmp"};

// What other tools and older texts call them.
struct Called {
    std::string_view wrong, right;
};
constexpr std::array<Called, 9> kCalled = {Called{"ipv4", "inet"}, {"ip", "inet"},        {"inet4", "inet"},
                                           {"ip4", "inet"},        {"ipv6", "inet6"},     {"ip6", "inet6"},
                                           {"tcp6", "inet6 tcp"},  {"udp6", "inet6 udp"}, {"icmp6", "inet6 icmp"}};

bool is_one_of(std::string_view word, const auto& words) { return std::find(words.begin(), words.end(), word) != words.end(); }

bool is_word(std::string_view text) {
    return !text.empty() &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == std::string_view::npos;
}

const std::vector<std::string>& capabilities() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> result;
        for (unsigned i = 0; i < CapabilitySet::kKnown; ++i) {
            std::string name;
            for (const char c : capability_name(i)) name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
            result.push_back(std::move(name));
        }
        return result;
    }();
    return names;
}

std::vector<std::string_view> capability_names() { return {capabilities().begin(), capabilities().end()}; }

std::optional<Fault> unknown_capability(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    auto name = suspect.refusal.between("Invalid capability ", "");
    if (name.ends_with('.')) name.pop_back();
    const auto word = std::find(piece.words.begin(), piece.words.end(), name);
    if (name.empty() || word == piece.words.end() || piece.keyword() != "capability") return std::nullopt;
    const auto known = capability_names();
    const auto same = same_spelling(name, known);
    Fault fault{"AA113", suspect.offset_of(*word), concat({quote(name), " is no capability"}),
                "profiles name capabilities in lower case and without CAP_",
                same.empty() ? concat({"write one of capabilities(7)", nearest(name, known)}) : concat({"write `", same, "`"})};
    if (!same.empty()) fault.fix = {suspect.replaced(*word, std::string(same))};
    return fault;
}

// `capability all`.
std::optional<Fault> all_capabilities(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    const auto word = std::find(piece.words.begin(), piece.words.end(), "all");
    if (piece.keyword() != "capability" || word == piece.words.end() || !suspect.refusal.says("syntax error")) return std::nullopt;
    return Fault{"AA113", suspect.offset_of(*word), "'all' is no capability", "a rule without names is about all of them",
                 "write those that the program needs, or `capability,`"};
}

// `owner` is about files.
std::optional<Fault> owner_of_nothing(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    const auto word = std::find(piece.words.begin(), piece.words.end(), "owner");
    if (word == piece.words.end() || !suspect.refusal.says("owner ") || !suspect.refusal.says(" not allowed on ")) return std::nullopt;
    return Fault{"AA132", suspect.offset_of(*word), concat({suspect.quoted(), " has an owner"}), "only files have one",
                 "write the rule without `owner`"};
}

// `capability chown, kill,` and `network inet, inet6,`: what a comma has cut off.
std::optional<Fault> cut_off_name(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (piece.words.empty() || suspect.index == 0 || piece.is_header()) return std::nullopt;
    const auto& before = suspect.pieces[suspect.index - 1];
    const auto keyword = before.keyword();
    if (before.end != Piece::End::comma || piece.first != 0 || (keyword != "capability" && keyword != "network")) return std::nullopt;
    const bool capability = keyword == "capability";
    const auto known = capability ? capability_names() : std::vector<std::string_view>{kFamilies.begin(), kFamilies.end()};
    if (!is_one_of(piece.words[0], known) || is_keyword(piece.words[0])) return std::nullopt;
    std::string start;
    for (const auto word : before.words) {
        start.append(word).append(" ");
        if (word == keyword) break;
    }
    return Fault{capability ? "AA113" : "AA120",
                 piece.begin,
                 concat({quote(piece.words[0]), " stands behind the end of a ", keyword, " rule"}),
                 "a comma ends a rule",
                 capability ? "write `capability` again before it, or no comma" : "write `network` again before it",
                 {suspect.before(piece.words[0], start)}};
}

std::optional<Fault> network(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (piece.keyword() != "network" || piece.end == Piece::End::missing) return std::nullopt;
    const bool refused = suspect.refusal.says("Invalid network entry") || suspect.refusal.says("unexpected TOK_");
    if (!refused) return std::nullopt;
    for (std::size_t i = piece.first + 1; i < piece.words.size(); ++i) {
        const auto word = piece.words[i];
        if (is_one_of(word, kFamilies) || is_one_of(word, kSockets)) continue;
        if (word.find_first_of("0123456789") == 0 || word.find_first_of(":.[=*") != std::string_view::npos || word == "port") {
            return Fault{"AA108", suspect.offset_of(word), concat({suspect.quoted(), " names a port or an address"}),
                         "a network rule names a family and a kind of sockets",
                         "write `network inet tcp,` and `network inet6 tcp,`, and let a firewall judge ports and addresses"};
        }
        const auto called = std::find_if(kCalled.begin(), kCalled.end(), [&](const Called& name) { return name.wrong == spelling(word); });
        Fault fault{"AA120", suspect.offset_of(word), concat({quote(word), " is neither a family nor a kind of sockets"}),
                    "a network rule names a family, then a kind",
                    concat({"write one of apparmor.d(5), such as `network inet stream,`", nearest(word, kFamilies)})};
        if (called != kCalled.end()) {
            fault.cure = concat({"write `", called->right, "`"});
            if (piece.words.size() == piece.first + 2) fault.fix = {suspect.replaced(word, std::string(called->right))};
        }
        return fault;
    }
    return Fault{"AA120", piece.begin, concat({suspect.quoted(), " joins what does not go together"}),
                 "a network rule names one family, then one kind that it has", "write a rule for each family"};
}

std::optional<Fault> change_profile(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    if (piece.keyword() != "change_profile" || !suspect.refusal.says("Exec condition must begin") || piece.words.size() != piece.first + 2)
        return std::nullopt;
    return Fault{"AA131",
                 piece.begin,
                 concat({suspect.quoted(), " has no '->'"}),
                 "what stands there is a path that is executed, not the profile",
                 concat({"write `change_profile -> ", spelled_out(piece.words.back()), ",`"}),
                 {suspect.before(piece.words.back(), "-> ")}};
}

std::optional<Fault> unknown_access(const Suspect& suspect) {
    const auto keyword = suspect.piece().keyword();
    const auto signal = suspect.refusal.between("unknown signal \"", "\"");
    if (signal.empty() && !suspect.refusal.says("Internal: unexpected ")) return std::nullopt;
    if (keyword != "signal" && keyword != "ptrace" && keyword != "dbus" && keyword != "unix" && keyword != "mqueue") return std::nullopt;
    return Fault{"AA125", suspect.piece().begin,
                 signal.empty() ? concat({suspect.quoted(), " holds a word that is no access of ", keyword})
                                : concat({quote(signal), " is no signal"}),
                 "a rule with a word that nothing means would match nothing",
                 keyword == "signal"
                     ? "write send or receive, and signals in lower case without SIG, as in `signal (receive) set=(term, kill),`"
                 : keyword == "ptrace" ? "write some of read, readby, trace, tracedby"
                                       : "write what apparmor.d(5) lists for this rule"};
}

// A rule that a newer parser takes.
std::optional<Fault> newer(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    const auto word = piece.words.empty() ? std::string_view() : piece.words[0].starts_with("priority=") ? piece.words[0] : piece.keyword();
    if (piece.end == Piece::End::missing || !suspect.refusal.says("syntax error")) return std::nullopt;
    if (!is_newer_rule(word)) return std::nullopt;
    return Fault{"AA129", suspect.offset_of(word), concat({"this apparmor_parser does not know ", quote(word)}),
                 "the rule came with AppArmor 4", "take it out on hosts with an older AppArmor; what it would deny is allowed there"};
}

std::optional<Fault> unknown_keyword(const Suspect& suspect) {
    const auto& piece = suspect.piece();
    const auto word = piece.keyword();
    if (!suspect.refusal.says("syntax error") && !suspect.refusal.says("Lexer found")) return std::nullopt;
    if (!is_word(word) || is_keyword(word) || is_mode_word(word) || piece.is_header() || word == "if" || word == "else")
        return std::nullopt;
    const auto same = same_spelling(word, keywords());
    Fault fault{"AA112", suspect.offset_of(word), concat({quote(word), " begins no rule of AppArmor"}), "the whole file is refused for it",
                ""};
    if (spelling(word) == "library" && piece.words.size() > piece.first + 1 && is_path_word(piece.words[piece.first + 1])) {
        fault.cure = concat({"a library is a file that is read and mapped: write `", spelled_out(piece.words[piece.first + 1]), " mr,`"});
    } else if (!same.empty()) {
        fault.cure = concat({"write `", same, "`"});
        fault.fix = {suspect.replaced(word, std::string(same))};
    } else {
        const auto near = spelling(word) == "cap" || spelling(word) == "capabilities" ? concat({"; the nearest is ", quote("capability")})
                                                                                      : nearest(word, keywords());
        fault.cure = concat({"take it out, or write a rule of apparmor.d(5)", near});
    }
    return fault;
}

constexpr std::array<Recognizer, 9> kRecognizers = {
    unknown_capability, all_capabilities, owner_of_nothing, cut_off_name, network, change_profile, unknown_access, newer, unknown_keyword};

}  // namespace

std::span<const Recognizer> keyword_recognizers() { return kRecognizers; }

}  // namespace aa::apparmor
