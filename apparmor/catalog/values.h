// SPDX-License-Identifier: Apache-2.0
//
// The values of a catalog file: each function reads one kind of value out of a node, and complains, with the place, where
// it is not what it must be. It goes on with a harmless value then, so that all complaints come in one go.
#pragma once

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/document.h"
#include "apparmor/catalog/json.h"
#include "base/capability_set.h"

namespace aa::apparmor {

// One of the words that a key can be set to.
template <class Enum>
struct Word {
    std::string_view text;
    Enum value;
};

class Values {
public:
    using Kind = Node::Kind;
    using Words = std::span<const std::string_view>;

    explicit Values(CatalogReading& reading) : reading_(reading) {}

    // What follows stands in FILE.
    void enter(const std::string& file) { file_ = file; }
    [[nodiscard]] const std::string& file() const { return file_; }

    [[nodiscard]] Origin origin(Place place) const { return {file_, place.line, place.column}; }
    void complain(Place place, std::string problem) { reading_.errors.push_back({origin(place), std::move(problem)}); }
    void note(Place place, std::string problem) { reading_.notes.push_back({origin(place), std::move(problem)}); }

    // Whether NODE, which messages call WHAT, is of KIND.
    bool expect(const Node& node, Kind kind, std::string_view what);

    // The same where both a text, which messages call NAME, and an object will do.
    bool expect_text_or_object(const Node& node, std::string_view what, std::string_view name);

    // Complains about every key of the object NODE, called WHAT, that is not KNOWN.
    void check_keys(const Node& node, Words known, std::string_view what);

    // The member KEY of the object NODE, if it is there and of KIND.
    const Node* get(const Node& node, std::string_view key, Kind kind);

    // Whether the member KEY, which can only be given as true, is there at all.
    bool read_true(const Node& node, std::string_view key);

    // The member KEY, true or false; false if it is not there.
    bool read_flag(const Node& node, std::string_view key);

    // A text for the one who is refused something.
    std::string read_message(const Node& node, std::string_view what);

    std::string read_pattern(const Node& node);

    // A pattern for WHAT, an absolute path.
    std::string read_path_pattern(const Node& node, std::string_view what = "the path of a program");

    DeviceGrant read_device(const Node& node);

    HostNamespace read_host_namespace(const Node& node);

    // An annotation that may steer the runtime: "KEY" or "KEY=VALUE", two patterns; the first '=' without a backslash parts them.
    RuntimeAnnotation read_runtime_annotation(const Node& node);

    // A path that is absolute and as short as it can be written.
    std::string read_absolute(const Node& node, std::string_view key);

    std::string read_profile_name(const Node& node);

    // Adds the capability that NODE names to SET.
    void read_capability(const Node& node, CapabilitySet& set);

    // Sets VALUE to the one of WORDS that the value of KEY is.
    template <class Enum, std::size_t n>
    void read_word(const Node& node, std::string_view key, const std::array<Word<Enum>, n>& words, Enum& value) {
        std::vector<std::string_view> known;
        for (const auto& word : words) {
            if (node.kind == Kind::text && word.text == node.text) value = word.value;
            known.push_back(word.text);
        }
        if (std::ranges::find(known, node.text) == known.end()) complain_of_word(node, key, known);
    }

    // Calls EACH for every text of the list that is the value of KEY; none may be there twice.
    template <class Each>
    void each_text(const Node& node, std::string_view key, Each each) {
        if (!expect(node, Kind::list, quoted(key))) return;
        std::set<std::string_view> seen;
        for (const auto& item : node.items) {
            if (!expect(item, Kind::text, "each of " + quoted(key))) continue;
            if (seen.insert(item.text).second) {
                each(item);
            } else {
                complain_of_repetition(item);
            }
        }
    }

private:
    // KEY as it stands in the file.
    static std::string quoted(std::string_view key);
    void complain_of_word(const Node& node, std::string_view key, Words known);
    void complain_of_repetition(const Node& node);

    CatalogReading& reading_;
    std::string file_;
};

}  // namespace aa::apparmor
