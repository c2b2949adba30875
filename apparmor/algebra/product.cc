// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/product.h"

#include <algorithm>
#include <utility>

namespace aa::apparmor {

namespace {

constexpr std::size_t kFirstTable = std::size_t{1} << 10U;

std::uint32_t allowed(const Permissions& permissions) { return permissions.allow & ~permissions.deny; }

std::uint64_t mixed(std::span<const std::uint32_t> row) {
    std::uint64_t hash = 0x9E3779B97F4A7C15ULL;
    for (const std::uint32_t word : row) {
        hash = (hash ^ word) * 0xFF51AFD7ED558CCDULL;
        hash ^= hash >> 32U;
    }
    return hash;
}

}  // namespace

bool Budget::spend() {
    constexpr std::size_t kBetweenLooks = 4096;
    if (left_ == 0) exhausted_ = true;
    if (exhausted_) return false;
    --left_;
    if (left_ % kBetweenLooks == 0 && std::chrono::steady_clock::now() > end_) exhausted_ = true;
    return !exhausted_;
}

Product::Product(const Grammar& grammar, std::vector<Operand> operands, std::vector<const Glob*> globs, Alphabet alphabet,
                 std::size_t needed, std::size_t needed_globs)
    : grammar_(grammar), operands_(std::move(operands)), globs_(std::move(globs)), needed_(needed), needed_globs_(needed_globs) {
    alphabet.split_by(grammar.special());
    width_ = kParts + globs_.size();
    for (const auto& operand : operands_) width_ += operand.size();
    for (const auto* glob : globs_) alphabet.split_by(glob->special());
    bytes_ = alphabet.kinds();
    memories_.push_back({std::vector<Granted>(operands_.size(), kEverything), std::vector<Granted>(operands_.size())});
    table_.assign(kFirstTable, 0);
    next_ = {0, 0};
    for (const auto& operand : operands_) {
        for (const auto& part : operand) next_.push_back(part.start);
    }
    next_.insert(next_.end(), globs_.size(), Glob::kStart);
    keep(0, 0);
}

bool Product::walk(Budget& budget, const std::function<bool(const Place&)>& visit) {
    for (std::size_t index = 0; index < origins_.size(); ++index) {
        if (!budget.spend()) return false;
        if (!visit(Place(*this, index))) return true;
        const auto& moves = moves_from(static_cast<Grammar::State>(row(index)[kGrammar]));
        for (std::size_t at = 0; at < bytes_.size(); ++at) {
            if (moves[at].to != Grammar::kNowhere) step(index, bytes_[at], moves[at]);
        }
    }
    return true;
}

const std::vector<Product::Move>& Product::moves_from(Grammar::State state) {
    if (moves_.size() <= state) moves_.resize(state + std::size_t{1});
    auto& moves = moves_[state];
    for (std::size_t at = moves.size(); at < bytes_.size(); ++at) {
        const std::uint8_t byte = bytes_[at];
        moves.push_back({grammar_.next(state, byte), (grammar_.carried(state, byte) | grammar_.inherited(state, byte)) != 0});
    }
    return moves;
}

void Product::step(std::size_t index, std::uint8_t byte, Move move) {
    next_[kGrammar] = move.to;
    next_[kMemory] = move.remembers ? memory_after(index, byte) : row(index)[kMemory];
    const auto from = row(index);
    std::size_t column = kParts;
    for (const auto& operand : operands_) {
        for (const auto& part : operand) {
            next_[column] = from[column] == kDeadState ? kDeadState : part.automaton->step(from[column], byte);
            ++column;
        }
    }
    for (const auto* glob : globs_) {
        next_[column] = glob->next(from[column], byte);
        ++column;
    }
    if (!hopeless(next_)) keep(index, byte);
}

// An operand that is needed grants nothing in any longer text if one of its parts is dead, and nothing was inherited.
bool Product::hopeless(std::span<const std::uint32_t> row) const {
    std::size_t column = kParts;
    for (std::size_t at = 0; at < operands_.size(); ++at) {
        bool dead = false;
        for (std::size_t part = 0; part < operands_[at].size(); ++part) dead = row[column++] == kDeadState || dead;
        if (at < needed_ && dead && memories_[row[kMemory]].inherited[at].none()) return true;
    }
    const auto globs = row.subspan(column, needed_globs_);
    return needed_globs_ > 0 && std::all_of(globs.begin(), globs.end(), [](std::uint32_t state) { return state == Glob::kDead; });
}

std::uint32_t Product::memory_after(std::size_t index, std::uint8_t byte) {
    const auto state = static_cast<Grammar::State>(row(index)[kGrammar]);
    const std::uint32_t before = row(index)[kMemory];
    const std::uint32_t carried = grammar_.carried(state, byte);
    const std::uint32_t inherited = grammar_.inherited(state, byte);
    Memory memory = memories_[before];
    for (std::size_t operand = 0; operand < operands_.size(); ++operand) {
        const Granted here = granted_by_states(index, operand);
        // What a pair means by itself (meaning()) is not a permission of its beginning.
        if (carried != 0) memory.carried[operand] = memory.carried[operand] & (here | all_of(permission::kLock)) & all_of(carried);
        memory.inherited[operand] = memory.inherited[operand] | (here & all_of(inherited));
    }
    const auto known = std::find(memories_.begin(), memories_.end(), memory);
    if (known == memories_.end()) {
        memories_.push_back(std::move(memory));
        return static_cast<std::uint32_t>(memories_.size() - 1);
    }
    return static_cast<std::uint32_t>(known - memories_.begin());
}

Granted Product::granted_by_states(std::size_t index, std::size_t operand) const {
    const auto states = row(index);
    std::size_t column = kParts;
    for (std::size_t before = 0; before < operand; ++before) column += operands_[before].size();
    Granted result = kEverything;
    for (const auto& part : operands_[operand]) {
        const StateId state = states[column++];
        const auto grammar_state = static_cast<Grammar::State>(states[kGrammar]);
        const auto of = [&](bool owner) { return grammar_.meaning(grammar_state, allowed(part.automaton->permissions(state, owner))); };
        result = result & Granted{of(true), of(false)};
    }
    return result;
}

// Adds the row that was made, unless it is known.
void Product::keep(std::size_t parent, std::uint8_t byte) {
    const std::size_t slot = slot_of(next_);
    if (table_[slot] != 0) return;
    rows_.insert(rows_.end(), next_.begin(), next_.end());
    origins_.push_back({static_cast<std::uint32_t>(parent), byte});
    table_[slot] = static_cast<std::uint32_t>(origins_.size());
    if (2 * origins_.size() > table_.size()) grow();
}

std::size_t Product::slot_of(std::span<const std::uint32_t> row) const {
    std::size_t slot = mixed(row) & (table_.size() - 1);
    while (table_[slot] != 0 && !std::equal(row.begin(), row.end(), this->row(table_[slot] - 1).begin()))
        slot = (slot + 1) & (table_.size() - 1);
    return slot;
}

void Product::grow() {
    table_.assign(4 * table_.size(), 0);
    for (std::size_t index = 0; index < origins_.size(); ++index) table_[slot_of(row(index))] = static_cast<std::uint32_t>(index + 1);
}

Granted Product::Place::granted(std::size_t operand) const {
    const Memory& memory = product_.memories_[at(kMemory)];
    return (product_.granted_by_states(index_, operand) & memory.carried[operand]) | memory.inherited[operand];
}

bool Product::Place::matched(std::size_t glob) const {
    return product_.globs_[glob]->accepts(at(product_.width_ - product_.globs_.size() + glob));
}

Permissions Product::Place::permissions(std::size_t operand, std::size_t part, bool owner) const {
    std::size_t column = kParts + part;
    for (std::size_t before = 0; before < operand; ++before) column += product_.operands_[before].size();
    return product_.operands_[operand][part].automaton->permissions(at(column), owner);
}

std::vector<StateId> Product::Place::reasons() const {
    const auto row = product_.row(index_);
    const auto end = kParts + (product_.operands_.empty() ? 0 : product_.operands_.front().size());
    return {row.begin(), row.begin() + static_cast<std::ptrdiff_t>(end)};
}

std::string Product::Place::text() const {
    std::string result;
    for (std::size_t index = index_; index != 0; index = product_.origins_[index].parent) {
        result.push_back(static_cast<char>(product_.origins_[index].byte));
    }
    std::reverse(result.begin(), result.end());
    return result;
}

}  // namespace aa::apparmor
