// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/product.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::size_t kFirstTable = std::size_t{1} << 10U;

std::uint32_t allowed(const Permissions& permissions) { return permissions.allow & ~permissions.deny; }

std::uint32_t mixed(std::span<const std::uint32_t> row) {
    std::uint64_t hash = 0x9E3779B97F4A7C15ULL;
    for (const std::uint32_t word : row) {
        hash = (hash ^ word) * 0xFF51AFD7ED558CCDULL;
        hash ^= hash >> 32U;
    }
    return static_cast<std::uint32_t>(hash);
}

}  // namespace

bool Budget::spend(std::size_t steps) {
    if (combinations_ >= most_combinations_ || steps > most_steps_ - steps_) exhausted_ = true;
    if (exhausted_) return false;
    ++combinations_;
    steps_ += steps;
    return true;
}

std::string Budget::bound() const {
    const bool combinations = combinations_ >= most_combinations_;
    return concat({"more than ", decimal(static_cast<long long>(combinations ? most_combinations_ : most_steps_)),
                   combinations ? " combinations of states" : " steps"});
}

Product::Product(const Grammar& grammar, std::vector<Operand> operands, std::vector<const Glob*> globs, Alphabet alphabet, Steps& steps,
                 std::size_t needed, std::size_t needed_globs)
    : grammar_(grammar), operands_(std::move(operands)), globs_(std::move(globs)), needed_(needed), needed_globs_(needed_globs) {
    alphabet.split_by(grammar.special());
    width_ = kParts + globs_.size();
    for (const auto& operand : operands_) width_ += operand.size();
    for (const auto* glob : globs_) alphabet.split_by(glob->special());
    bytes_ = alphabet.kinds();
    memories_.push_back({std::vector<Granted>(operands_.size(), kEverything), std::vector<Granted>(width_ - kParts - globs_.size())});
    table_.assign(kFirstTable, {});
    next_ = {0, 0};
    for (const auto& operand : operands_) {
        for (const auto& part : operand) {
            next_.push_back(part.start);
            steps_.push_back(&steps.of(*part.automaton));
        }
    }
    for (const char byte : grammar.special()) special_.set(static_cast<std::uint8_t>(byte));
    next_.insert(next_.end(), globs_.size(), Glob::kStart);
    keep(0, 0);
}

bool Product::walk(Budget& budget, const std::function<bool(const Place&)>& visit) {
    std::size_t steps = 0;
    for (std::size_t index = 0; index < origins_.size(); ++index) {
        if (!budget.spend(steps)) return false;
        if (!visit(Place(*this, index))) return true;
        steps = expand(index);
    }
    return true;
}

std::size_t Product::expand(std::size_t index) {
    const auto& moves = moves_from(static_cast<Grammar::State>(row(index)[kGrammar]));
    const Bytes elsewhere = unusual(row(index));
    const std::size_t before = work_of_globs();
    std::size_t taken = 0;
    bool took_usual = false;
    for (std::size_t at = 0; at < bytes_.size(); ++at) {
        const std::uint8_t byte = bytes_[at];
        if (moves[at].to == Grammar::kNowhere || (took_usual && !elsewhere[byte])) continue;
        took_usual = took_usual || !elsewhere[byte];
        step(index, byte, moves[at]);
        ++taken;
    }
    return taken * (width_ - kParts) + work_of_globs() - before;
}

std::size_t Product::work_of_globs() const {
    std::size_t work = 0;
    for (const auto* glob : globs_) work += glob->work();
    return work;
}

Bytes Product::unusual(std::span<const std::uint32_t> row) {
    Bytes bytes = special_;
    std::size_t column = kParts;
    for (auto* steps : steps_) {
        if (row[column] != kDeadState) bytes |= steps->unusual(row[column]);
        ++column;
    }
    for (const auto* glob : globs_) bytes |= glob->special(row[column++]);
    return bytes;
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

// Goes no further where no longer text can matter.
void Product::step(std::size_t index, std::uint8_t byte, Move move) {
    const auto from = row(index);
    next_[kGrammar] = move.to;
    next_[kMemory] = move.remembers ? memory_after(index, byte) : from[kMemory];
    if (step_globs(from, byte) && step_operands(from, byte)) keep(index, byte);
}

// False where an operand that is needed grants nothing in any longer text: one of its parts is dead, and has inherited nothing.
bool Product::step_operands(std::span<const std::uint32_t> from, std::uint8_t byte) {
    const auto& inherited = memories_[next_[kMemory]].inherited;
    std::size_t column = kParts;
    for (std::size_t at = 0; at < operands_.size(); ++at) {
        for (const auto& part : operands_[at]) {
            const StateId state = from[column] == kDeadState ? kDeadState : part.automaton->step(from[column], byte);
            if (state == kDeadState && at < needed_ && inherited[column - kParts].none()) return false;
            next_[column++] = state;
        }
    }
    return true;
}

// False where none of the globs that are needed can match any more.
bool Product::step_globs(std::span<const std::uint32_t> from, std::uint8_t byte) {
    std::size_t column = width_ - globs_.size();
    std::size_t alive = 0;
    for (std::size_t at = 0; at < globs_.size(); ++at, ++column) {
        next_[column] = globs_[at]->next(from[column], byte);
        if (at < needed_globs_ && next_[column] != Glob::kDead) ++alive;
    }
    return needed_globs_ == 0 || alive > 0;
}

std::uint32_t Product::memory_after(std::size_t index, std::uint8_t byte) {
    const auto state = static_cast<Grammar::State>(row(index)[kGrammar]);
    const std::uint32_t before = row(index)[kMemory];
    const std::uint32_t carried = grammar_.carried(state, byte);
    const std::uint32_t inherited = grammar_.inherited(state, byte);
    Memory memory = memories_[before];
    std::size_t column = kParts;
    for (std::size_t operand = 0; operand < operands_.size(); ++operand) {
        // What a pair means by itself (meaning()) is not a permission of its beginning.
        if (carried != 0)
            memory.carried[operand] =
                memory.carried[operand] & (granted_by_parts(index, operand) | all_of(permission::kLock)) & all_of(carried);
        for (const auto& part : operands_[operand]) {
            auto& of_part = memory.inherited[column - kParts];
            of_part = of_part | (granted_by(part, row(index)[column], state) & all_of(inherited));
            ++column;
        }
    }
    const auto known = std::find(memories_.begin(), memories_.end(), memory);
    if (known == memories_.end()) {
        memories_.push_back(std::move(memory));
        return static_cast<std::uint32_t>(memories_.size() - 1);
    }
    return static_cast<std::uint32_t>(known - memories_.begin());
}

Granted Product::granted_by(const Part& part, StateId state, Grammar::State grammar_state) const {
    const auto of = [&](bool owner) { return grammar_.meaning(grammar_state, allowed(part.automaton->permissions(state, owner))); };
    return {of(true), of(false)};
}

Granted Product::granted_by_parts(std::size_t index, std::size_t operand) const {
    const auto states = row(index);
    const auto grammar_state = static_cast<Grammar::State>(states[kGrammar]);
    const auto& inherited = memories_[states[kMemory]].inherited;
    std::size_t column = kParts;
    for (std::size_t before = 0; before < operand; ++before) column += operands_[before].size();
    Granted result = kEverything;
    for (const auto& part : operands_[operand]) {
        result = result & (granted_by(part, states[column], grammar_state) | inherited[column - kParts]);
        ++column;
    }
    return result;
}

// Adds the row that was made, unless it is known. Many bytes lead where the one before did.
void Product::keep(std::size_t parent, std::uint8_t byte) {
    if (!origins_.empty() && std::equal(next_.begin(), next_.end(), row(latest_).begin())) return;
    const std::uint32_t hash = mixed(next_);
    auto& slot = table_[slot_of_next(hash)];
    if (slot.number == 0) {
        rows_.insert(rows_.end(), next_.begin(), next_.end());
        origins_.push_back({static_cast<std::uint32_t>(parent), byte});
        slot = {static_cast<std::uint32_t>(origins_.size()), hash};
    }
    latest_ = slot.number - std::size_t{1};
    if (2 * origins_.size() > table_.size()) grow();
}

std::size_t Product::slot_of_next(std::uint32_t hash) const {
    const auto is_next = [&](const Slot& slot) {
        return slot.hash == hash && std::equal(next_.begin(), next_.end(), row(slot.number - std::size_t{1}).begin());
    };
    std::size_t at = hash & (table_.size() - 1);
    while (table_[at].number != 0 && !is_next(table_[at])) at = (at + 1) & (table_.size() - 1);
    return at;
}

void Product::grow() {
    const auto old = std::exchange(table_, std::vector<Slot>(4 * table_.size()));
    for (const Slot& slot : old) {
        if (slot.number == 0) continue;
        std::size_t at = slot.hash & (table_.size() - 1);
        while (table_[at].number != 0) at = (at + 1) & (table_.size() - 1);
        table_[at] = slot;
    }
}

Granted Product::Place::granted(std::size_t operand) const {
    return product_.granted_by_parts(index_, operand) & product_.memories_[at(kMemory)].carried[operand];
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
