// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/walk.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "apparmor/policy/steps.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kMaxMeetings = std::size_t{1} << 16U;  // pairs of states looked at for one attachment
constexpr std::size_t kMaxExamples = 16;
constexpr std::size_t kMaxPaths = 64;
constexpr std::size_t kMaxBackwardNodes = std::size_t{1} << 14U;
constexpr std::size_t kMaxBackwardSteps = std::size_t{1} << 14U;

// All bytes of paths, those first that are pleasant to read in an example.
constexpr std::array<std::uint8_t, 255> kBytes = [] {
    std::array<std::uint8_t, 255> bytes{};
    std::size_t used = 0;
    const auto letter = [](unsigned byte) { return byte >= 'a' && byte <= 'z'; };
    for (unsigned byte = 1; byte < 256; ++byte) {
        if (letter(byte)) bytes[used++] = static_cast<std::uint8_t>(byte);
    }
    for (unsigned byte = 1; byte < 256; ++byte) {
        if (!letter(byte)) bytes[used++] = static_cast<std::uint8_t>(byte);
    }
    return bytes;
}();

// The bytes on the way from the first of STEPS, each of which knows its parent, to the one at AT.
template <class Step>
std::string spelled(const std::vector<Step>& steps, std::size_t at) {
    std::string path;
    for (; at != 0; at = steps[at].parent) path.push_back(static_cast<char>(steps[at].byte));
    std::reverse(path.begin(), path.end());
    return path;
}

// Has TAKE each byte with the state that it leads to from STATE. Most lead to one, which is asked about once.
template <class Take>
void each_step(const Automaton& automaton, Steps::OfAutomaton& steps, StateId state, Take take) {
    const Bytes& unusual = steps.unusual(state);
    std::optional<StateId> usual;
    for (const std::uint8_t byte : kBytes) {
        if (unusual[byte]) {
            take(byte, automaton.step(state, byte));
            continue;
        }
        if (!usual) usual = automaton.step(state, byte);
        take(byte, *usual);
    }
}

bool executes(const Permissions& permissions) { return (permissions.allow & permission::kExec) != 0; }

}  // namespace

FileWalk::Shape FileWalk::next_shape(Shape shape, std::uint8_t byte) {
    if (shape == kBegins) return byte == '/' ? kSlash : kStrange;
    if (shape == kStrange) return kStrange;
    if (byte != '/') return kName;
    return shape == kName ? kSlash : kStrange;
}

FileWalk::FileWalk(const Profile& profile) : profile_(profile), seen_(kShapes * profile.files.size()) {
    Steps::OfAutomaton steps(profile.files);
    visit(profile.files_start, kBegins, 0, 0);
    for (std::uint32_t at = 0; at < nodes_.size(); ++at) {
        const Node node = nodes_[at];
        if (node.shape != kBegins) note_permissions(node.state);
        each_step(profile.files, steps, node.state,
                  [&](std::uint8_t byte, StateId to) { visit(to, next_shape(node.shape, byte), at, byte); });
    }
}

void FileWalk::visit(StateId state, Shape shape, std::uint32_t parent, std::uint8_t byte) {
    const std::size_t index = std::size_t{state} * kShapes + shape;
    if (state == kDeadState || index >= seen_.size() || seen_[index]) return;
    seen_[index] = true;
    nodes_.push_back({state, shape, parent, byte});
}

void FileWalk::note_permissions(StateId state) {
    for (const bool owner : {true, false}) {
        const auto permissions = profile_.files.permissions(state, owner);
        if (executes(permissions) && std::find(targets_.begin(), targets_.end(), permissions.target) == targets_.end()) {
            targets_.push_back(permissions.target);
        }
        const bool changes = (permissions.allow & permission::kOnExec) != 0;
        if (changes && (on_exec_.empty() || on_exec_.back() != state)) on_exec_.push_back(state);
    }
}

bool FileWalk::state_has_target(StateId state, std::uint32_t target) const {
    const auto owner = profile_.files.permissions(state, true);
    const auto other = profile_.files.permissions(state, false);
    return (executes(owner) && owner.target == target) || (executes(other) && other.target == target);
}

bool FileWalk::has_target(std::string_view path, std::uint32_t target) const {
    return path.starts_with('/') && state_has_target(profile_.files.match(profile_.files_start, path), target);
}

std::string FileWalk::path_of(std::size_t node) const { return spelled(nodes_, node); }

bool FileWalk::may_change_to(std::string_view name) const {
    const auto grants = [&](StateId start, std::uint32_t wanted) {
        const StateId state = profile_.files.match(start, name);
        if (state == kDeadState) return false;
        return ((profile_.files.permissions(state, true).allow | profile_.files.permissions(state, false).allow) & wanted) != 0;
    };
    if (grants(profile_.files_start, permission::kChangeProfile)) return true;
    return std::any_of(on_exec_.begin(), on_exec_.end(),
                       [&](StateId state) { return grants(profile_.files.step(state, 0), permission::kOnExec); });
}

// --- from a target back to all paths ---

// The ways into each node that proper paths take, to be walked against their direction.
class FileWalk::Backward {
public:
    explicit Backward(const FileWalk& walk) : ways_(walk.nodes_.size()) {
        std::unordered_map<std::size_t, std::uint32_t> index;
        for (std::uint32_t at = 0; at < walk.nodes_.size(); ++at) index.emplace(key(walk.nodes_[at].state, walk.nodes_[at].shape), at);
        Steps::OfAutomaton steps(walk.profile_.files);
        for (std::uint32_t at = 0; at < walk.nodes_.size(); ++at) {
            const Node& node = walk.nodes_[at];
            if (node.shape == kStrange) continue;
            each_step(walk.profile_.files, steps, node.state, [&](std::uint8_t byte, StateId state) {
                const Shape shape = next_shape(node.shape, byte);
                if (state == kDeadState || shape == kStrange) return;
                const auto to = index.find(key(state, shape));
                if (to != index.end()) ways_[to->second].push_back({at, byte});
            });
        }
    }

    // Adds the paths to NODE; false if there are too many, or too long ones.
    bool collect(std::uint32_t node, std::vector<std::string>& paths) {
        if (++steps_ > kMaxBackwardSteps || paths.size() > kMaxPaths) return false;
        if (node == 0) {
            paths.emplace_back(suffix_.rbegin(), suffix_.rend());
            return true;
        }
        if (suffix_.size() > kMaxSuffix) return false;
        for (const auto& [from, byte] : ways_[node]) {
            suffix_.push_back(static_cast<char>(byte));
            const bool all = collect(from, paths);
            suffix_.pop_back();
            if (!all) return false;
        }
        return true;
    }

private:
    static constexpr std::size_t kMaxSuffix = 512;
    static std::size_t key(StateId state, Shape shape) { return std::size_t{state} * kShapes + shape; }

    std::vector<std::vector<std::pair<std::uint32_t, std::uint8_t>>> ways_;
    std::string suffix_;  // the end of a path, its last byte first
    std::size_t steps_ = 0;
};

FileWalk::Paths FileWalk::paths_to(std::uint32_t target) const {
    Paths shortest;
    std::vector<std::uint32_t> ends;
    bool only_proper = true;
    for (std::uint32_t at = 1; at < nodes_.size(); ++at) {
        if (!state_has_target(nodes_[at].state, target)) continue;
        ends.push_back(at);
        only_proper = only_proper && nodes_[at].shape == kName;
        if (nodes_[at].shape == kName && shortest.paths.size() < kMaxPaths) shortest.paths.push_back(path_of(at));
    }
    if (!only_proper || ends.size() > kMaxPaths || nodes_.size() > kMaxBackwardNodes) return shortest;
    Paths all{.paths = {}, .complete = true};
    Backward backward(*this);
    for (const auto end : ends) {
        if (!backward.collect(end, all.paths)) return shortest;
    }
    return all;
}

std::optional<std::string> FileWalk::path_to(std::uint32_t target) const {
    for (std::uint32_t at = 1; at < nodes_.size(); ++at) {
        if (nodes_[at].shape == kName && state_has_target(nodes_[at].state, target)) return path_of(at);
    }
    return std::nullopt;
}

// --- a target and an attachment ---

// Pairs of states that one path leads to: of the file rules and of the attachment. The kernel matches an attachment without
// its differential encoding up to a point that depends on what went before, and with it from then on; here that point may
// be anywhere, which leaves nothing out.
class FileWalk::Meet {
public:
    Meet(const FileWalk& walk, std::uint32_t target, const Automaton& attachment) : walk_(walk), target_(target), attachment_(attachment) {}

    Meeting run() {
        visit({walk_.profile_.files_start, kStartState, kBegins, has_differential_states(), 0, 0});
        for (std::uint32_t at = 0; at < pairs_.size(); ++at) {
            if (pairs_.size() > kMaxMeetings) {
                result_.possible = true;
                break;
            }
            if (meets(pairs_[at])) {
                result_.possible = true;
                if (pairs_[at].shape == kName) result_.paths.push_back(spelled(pairs_, at));
                if (result_.paths.size() >= kMaxExamples) break;
            }
            for (const std::uint8_t byte : kBytes) follow(at, byte);
        }
        return result_;
    }

private:
    struct Pair {
        StateId file = kDeadState;
        StateId attached = kDeadState;
        Shape shape = kBegins;
        bool undecoded = false;
        std::uint32_t parent = 0;
        std::uint8_t byte = 0;
    };

    [[nodiscard]] bool has_differential_states() const {
        for (StateId state = 0; state < attachment_.size(); ++state) {
            if (attachment_.is_differential(state)) return true;
        }
        return false;
    }

    [[nodiscard]] bool meets(const Pair& pair) const {
        return pair.shape != kBegins && executes(attachment_.permissions(pair.attached, true)) &&
               walk_.state_has_target(pair.file, target_);
    }

    void follow(std::uint32_t at, std::uint8_t byte) {
        const Pair from = pairs_[at];
        Pair to{walk_.profile_.files.step(from.file, byte),
                attachment_.step(from.attached, byte),
                next_shape(from.shape, byte),
                false,
                at,
                byte};
        if (!from.undecoded) return visit(to);
        to.attached = attachment_.step_undecoded(from.attached, byte);
        visit(to);
        to.undecoded = true;
        visit(to);
    }

    void visit(const Pair& pair) {
        if (pair.file == kDeadState || pair.attached == kDeadState) return;
        const std::uint64_t low = std::uint64_t{pair.attached} * 2 + (pair.undecoded ? 1 : 0);
        const std::uint64_t high = std::uint64_t{pair.file} * kShapes + pair.shape;
        // Each of them fits: an automaton's bytes are counted in 32 bits, and a state takes 14 of them at least.
        if (seen_.insert((high << 32U) | low).second) pairs_.push_back(pair);
    }

    const FileWalk& walk_;
    std::uint32_t target_;
    const Automaton& attachment_;
    std::vector<Pair> pairs_;
    std::unordered_set<std::uint64_t> seen_;
    Meeting result_;
};

FileWalk::Meeting FileWalk::meet(std::uint32_t target, const Automaton& attachment) const { return Meet(*this, target, attachment).run(); }

}  // namespace aa::apparmor
