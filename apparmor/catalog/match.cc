// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/match.h"

#include <algorithm>
#include <array>

#include "apparmor/catalog/pattern.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using Kind = Node::Kind;

constexpr std::array<std::string_view, 17> kMatchKeys{"engine",   "handler",     "namespace",     "pod",      "name",       "image",
                                                      "labels",   "annotations", "entrypoint",    "user",     "privileged", "sandbox",
                                                      "hostPath", "device",      "hostNamespace", "unmasked", "hooks"};
constexpr std::array<std::string_view, 2> kHostPathKeys{"any", "outside"};

struct TextClause {
    std::string_view key;
    std::optional<std::string> Match::*member;
};
constexpr std::array<TextClause, 7> kTextClauses{{{"engine", &Match::engine},
                                                  {"handler", &Match::handler},
                                                  {"namespace", &Match::kubernetes_namespace},
                                                  {"pod", &Match::pod},
                                                  {"name", &Match::name},
                                                  {"image", &Match::image},
                                                  {"entrypoint", &Match::entrypoint}}};

class MatchReader {
public:
    explicit MatchReader(Values& values) : values_(values) {}

    void read(const Node& node, Match& match) {
        values_.check_keys(node, kMatchKeys, "\"match\"");
        for (const auto& [key, clause] : kTextClauses) {
            const Node* pattern = values_.get(node, key, Kind::text);
            if (pattern != nullptr) match.*clause = read_clause(*pattern, key);
        }
        if (const Node* labels = values_.get(node, "labels", Kind::object)) read_pairs(*labels, "labels", match.labels);
        if (const Node* annotations = values_.get(node, "annotations", Kind::object))
            read_pairs(*annotations, "annotations", match.annotations);
        if (const Node* user = values_.get(node, "user", Kind::integer)) read_user(*user, match);
        if (const Node* privileged = values_.get(node, "privileged", Kind::boolean)) match.privileged = privileged->boolean;
        if (const Node* sandbox = values_.get(node, "sandbox", Kind::boolean)) match.sandbox = sandbox->boolean;
        if (const Node* path = node.find("hostPath")) read_host_path(*path, match);
        if (const Node* device = values_.get(node, "device", Kind::text)) match.device = read_device(*device);
        if (const Node* space = values_.get(node, "hostNamespace", Kind::text)) match.host_namespace = values_.read_host_namespace(*space);
        if (const Node* unmasked = values_.get(node, "unmasked", Kind::boolean)) match.unmasked = unmasked->boolean;
        if (const Node* hooks = values_.get(node, "hooks", Kind::boolean)) match.hooks = hooks->boolean;
    }

private:
    void read_host_path(const Node& node, Match& match) {
        if (!values_.expect_text_or_object(node, "\"hostPath\"", "a pattern")) return;
        if (node.kind == Kind::text) {
            match.host_path = values_.read_path_pattern(node, "a path of the host");
            return;
        }
        values_.check_keys(node, kHostPathKeys, "\"hostPath\"");
        if (node.members.empty()) values_.complain(node.place, "\"hostPath\" is empty: give \"any\", \"outside\" or both");
        if (const Node* any = values_.get(node, "any", Kind::text)) match.host_path = values_.read_path_pattern(*any, "a path of the host");
        const Node* outside = node.find("outside");
        if (outside == nullptr) return;
        values_.each_text(*outside, "outside", [&](const Node& item) {
            match.host_path_outside.push_back(values_.read_path_pattern(item, "a path of the host"));
        });
        if (match.host_path_outside.empty())
            values_.complain(outside->place, "\"outside\" names no pattern: whatever is a path lies outside");
    }

    std::string read_device(const Node& node) {
        const auto start = literal_prefix(node.text).text;
        const bool can_match =
            start.empty() || (std::string_view("abc").find(start[0]) != std::string_view::npos && (start.size() == 1 || start[1] == ' ')) ||
            start.starts_with("/dev/") || std::string_view("/dev/").starts_with(start);
        if (!can_match || std::ranges::count(node.text, ' ') > 1)
            values_.complain(node.place, concat({"the pattern ", quote(node.text),
                                                 " can never match: a device is \"/dev/NAME\" or \"TYPE MAJOR:MINOR\""}));
        return read_clause(node, "device");
    }

    std::string read_clause(const Node& node, std::string_view key) {
        if (key == "entrypoint") return values_.read_path_pattern(node);
        if (node.text.empty())
            values_.complain(node.place, concat({"\"", key, "\" is empty, which can never match: what is not known matches no pattern"}));
        return values_.read_pattern(node);
    }

    void read_pairs(const Node& node, std::string_view key, std::vector<std::pair<std::string, std::string>>& pairs) {
        if (node.members.empty())
            values_.complain(node.place, concat({"\"", key, "\" is empty: name a key and a pattern, as in {\"tier\": \"**\"}"}));
        for (const auto& member : node.members) {
            if (!values_.expect(member.value, Kind::text, concat({"the pattern for ", quote(member.key)}))) continue;
            if (key == "annotations" && member.key.starts_with(kReservedPrefix)) {
                values_.complain(member.place, concat({quote(member.key), " can never match: annotations under '", kReservedPrefix,
                                                       "' are not facts (for '", kRequestAnnotation, "' there is \"selectable\")"}));
            }
            pairs.emplace_back(member.key, values_.read_pattern(member.value));
        }
    }

    void read_user(const Node& node, Match& match) {
        constexpr std::uint32_t kNoUser = 0xFFFFFFFFU;  // (uid_t)-1 is nobody's
        if (node.integer >= kNoUser) values_.complain(node.place, "\"user\" is a user ID: at most 4294967294");
        match.user = static_cast<std::uint32_t>(node.integer);
    }

    Values& values_;
};

}  // namespace

void read_match(Values& values, const Node& node, Match& match) { MatchReader(values).read(node, match); }

}  // namespace aa::apparmor
