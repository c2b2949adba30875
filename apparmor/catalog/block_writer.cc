// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/block_writer.h"

#include <algorithm>

namespace aa::apparmor {
namespace {

std::string sealed(const Payload& payload, std::size_t offset) {
    Payload block;
    const auto sum = format::checksum(payload.bytes(), static_cast<std::uint32_t>(offset));
    block.u32(payload.bytes().size()).u32(sum & 0xFFFFFFFFU).u32(sum >> 32U);
    return block.raw(payload.bytes()).bytes();
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
    return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// Writes the trie of the sorted LEAVES, of whose texts the first DEPTH bytes are known, and tells where its node lies.
std::uint32_t add_node(BlockWriter& file, std::span<const Leaf> leaves, std::size_t depth) {
    const std::string_view first = leaves.front().text;
    const std::size_t reach = common_prefix(first, leaves.back().text);
    const auto ended = std::ranges::find_if(leaves, [&](const Leaf& leaf) { return leaf.text.size() > reach; }) - leaves.begin();
    Payload children;
    std::string branches;
    for (auto rest = leaves.subspan(static_cast<std::size_t>(ended)); !rest.empty();) {
        const char branch = rest.front().text[reach];
        const auto same = std::ranges::find_if(rest, [&](const Leaf& leaf) { return leaf.text[reach] != branch; }) - rest.begin();
        children.u32(add_node(file, rest.first(static_cast<std::size_t>(same)), reach + 1));
        branches += branch;
        rest = rest.subspan(static_cast<std::size_t>(same));
    }
    Payload node;
    node.text(first.substr(depth, reach - depth)).u32(static_cast<std::size_t>(ended));
    for (const auto& leaf : leaves.first(static_cast<std::size_t>(ended))) node.u32(leaf.block);
    return file.add(node.text(branches).raw(children.bytes()));
}

}  // namespace

std::uint32_t BlockWriter::add(const Payload& payload) {
    const std::size_t offset = bytes_.size();
    bytes_ += sealed(payload, offset);
    return static_cast<std::uint32_t>(offset);
}

std::string BlockWriter::finish(const Payload& header) && {
    Payload start;
    start.raw(format::kMagic).u32(format::kVersion).u32(bytes_.size()).raw(sealed(header, format::kPreamble));
    bytes_.replace(0, start.bytes().size(), start.bytes());
    return std::move(bytes_);
}

std::uint32_t add_trie(BlockWriter& file, std::vector<Leaf> leaves) {
    std::ranges::sort(leaves);
    return leaves.empty() ? 0 : add_node(file, leaves, 0);
}

}  // namespace aa::apparmor
