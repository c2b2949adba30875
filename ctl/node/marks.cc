// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/marks.h"

#include <fcntl.h>

#include <array>
#include <set>

#include "apparmor/catalog/document.h"
#include "apparmor/catalog/values.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

namespace aa::ctl::node {

namespace {

using apparmor::Node;
using Kind = Node::Kind;

constexpr std::array<std::string_view, 1> kFileKeys{"learning"};
constexpr std::array<std::string_view, 4> kMarkKeys{"confinement", "until", "image", "name"};
constexpr long long kMostSeconds = 7LL * 24 * 60 * 60;  // as for aa-shimctl learn --for
constexpr std::size_t kMostBytes = std::size_t{1} << 20U;

class Reader : private apparmor::Values {
public:
    Reader(apparmor::CatalogReading& reading, long long now) : Values(reading), now_(now) { enter(std::string(kMarks)); }

    std::vector<Mark> read(const Node& root) {
        std::vector<Mark> marks;
        if (!expect(root, Kind::object, "what is to be learned from")) return marks;
        check_keys(root, kFileKeys, "what is to be learned from");
        const Node* list = get(root, "learning", Kind::list);
        if (root.find("learning") == nullptr) complain(root.place, "needs \"learning\": a list, be it an empty one");
        std::set<std::string> seen;
        for (std::size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
            const Node& item = list->items[i];
            if (!expect(item, Kind::object, "each of \"learning\"")) continue;
            marks.push_back(read_mark(item));
            if (!seen.insert(marks.back().confinement).second)
                complain(item.place, concat({"confinement ", quote(marks.back().confinement), " is marked twice"}));
        }
        return marks;
    }

private:
    Mark read_mark(const Node& node) {
        check_keys(node, kMarkKeys, "what is learned from");
        Mark mark;
        const Node* confinement = needed(node, "confinement");
        if (confinement != nullptr) mark.confinement = confinement->text;
        if (confinement != nullptr && !shim::learning_file(mark.confinement))
            complain(confinement->place,
                     concat({quote(mark.confinement), " cannot be learned from: a name of letters, digits and '-', '_' or '.' can"}));
        if (const Node* until = needed(node, "until")) mark.until = read_time(*until);
        if (const Node* image = get(node, "image", Kind::text)) mark.filter.image = read_pattern(*image);
        if (const Node* name = get(node, "name", Kind::text)) mark.filter.name = read_pattern(*name);
        return mark;
    }

    const Node* needed(const Node& node, std::string_view key) {
        if (node.find(key) == nullptr) complain(node.place, concat({"needs \"", key, "\""}));
        return get(node, key, Kind::text);
    }

    long long read_time(const Node& node) {
        const auto time = read_rfc3339(node.text);
        if (!time) complain(node.place, concat({quote(node.text), " is no time in UTC, as ", quote(rfc3339(now_ + 1800))}));
        if (time && *time > now_ + kMostSeconds) complain(node.place, concat({quote(node.text), " is more than seven days ahead"}));
        return time.value_or(0);
    }

    long long now_;
};

}  // namespace

Result<std::vector<Mark>> read_marks(const std::string& text, long long now) {
    apparmor::CatalogReading reading;
    const auto root = apparmor::parse_document({std::string(kMarks), text}, reading.errors);
    auto marks = root ? Reader(reading, now).read(*root) : std::vector<Mark>();
    if (reading.errors.empty()) return marks;
    const auto more = reading.errors.size() - 1;
    return Error{ErrorKind::config,
                 concat({reading.errors.front().text(),
                         more == 0 ? std::string() : concat({" (and ", decimal(static_cast<long long>(more)), " more)"})})};
}

Result<std::vector<Mark>> marks_in(const std::string& directory, long long now) {
    // The link of each key leads through `..data` to the file of the delivery that is there now.
    const auto path = concat({directory, "/", kMarks});
    const auto fd = open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd && fd.error().kind == ErrorKind::not_found) return std::vector<Mark>();
    if (!fd) return fd.error();
    const auto bytes = TRY(read_file(fd->get(), kMostBytes, path));
    return read_marks(std::string(bytes.text()), now);
}

}  // namespace aa::ctl::node
