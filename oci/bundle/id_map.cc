// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/id_map.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/file.h"
#include "base/text.h"

namespace aa::oci {
namespace {

// The kernel takes at most 340 lines of up to 33 bytes (user_namespaces(7)).
constexpr std::size_t kMaxMapBytes = std::size_t{340} * 40;

Error bad_map() { return {ErrorKind::system, "a map of user ids that the kernel never writes"}; }

std::string_view next_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const auto word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    return word;
}

Result<IdRange> parse_range(std::string_view line) {
    std::array<unsigned long long, 3> numbers{};
    for (auto& number : numbers) {
        if (!parse_decimal(next_word(line), number) || number > std::numeric_limits<std::uint32_t>::max()) return bad_map();
    }
    if (!next_word(line).empty()) return bad_map();
    return IdRange{static_cast<std::uint32_t>(numbers[0]), static_cast<std::uint32_t>(numbers[1]), static_cast<std::uint32_t>(numbers[2])};
}

Result<IdMap> read_map(pid_t pid, std::string_view name) {
    const std::string path = concat({"/proc/", decimal(pid), "/", name});
    const auto text = TRY(read_virtual_file(AT_FDCWD, path, kMaxMapBytes));
    return IdMap::parse(text).context(path);
}

// The number of TO's range that stands where ID stands in FROM's; ~0, which is nobody, has no partner.
std::optional<std::uint32_t> partner(std::uint32_t id, std::uint32_t from, std::uint32_t to, std::uint32_t count) {
    if (id < from || id - from >= count) return std::nullopt;
    const auto number = std::uint64_t{to} + (id - from);
    if (number >= std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return static_cast<std::uint32_t>(number);
}

}  // namespace

Result<IdMap> IdMap::parse(std::string_view text) {
    std::vector<IdRange> ranges;
    for (const auto line : lines(text)) ranges.push_back(TRY(parse_range(line)));
    const bool whole = ranges.size() == 1 && ranges[0].inside == 0 && ranges[0].outside == 0 &&
                       ranges[0].count == std::numeric_limits<std::uint32_t>::max();
    if (whole) return IdMap();
    return IdMap(std::move(ranges));
}

std::optional<std::uint32_t> IdMap::outside(std::uint32_t id) const {
    if (id == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    if (identity_) return id;
    for (const auto& range : ranges_) {
        if (const auto number = partner(id, range.inside, range.outside, range.count)) return number;
    }
    return std::nullopt;
}

bool IdMap::reaches(std::uint32_t id) const {
    const auto has = [id](const IdRange& range) { return partner(id, range.outside, range.inside, range.count).has_value(); };
    return identity_ || std::any_of(ranges_.begin(), ranges_.end(), has);
}

Result<IdMaps> IdMaps::of_process(pid_t pid) {
    IdMaps maps{TRY(read_map(pid, "uid_map")), {}};
    if (!maps.users.is_identity()) maps.groups = TRY(read_map(pid, "gid_map"));
    return maps;
}

Result<uid_t> IdMaps::host_uid(uid_t uid) const {
    if (const auto number = users.outside(uid)) return *number;
    return Error{ErrorKind::config, concat({"the user ", decimal(uid),
                                            " does not exist in the container's user namespace: choose one that its id map "
                                            "has, or extend the map"})};
}

}  // namespace aa::oci
