// SPDX-License-Identifier: Apache-2.0
#include "apparmor/compiled_catalog.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "apparmor/compiled_format.h"
#include "apparmor/pattern.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using format::Trie;

constexpr std::size_t kHeadSize = 8192;  // a small catalog whole; a large one's header and confinements
constexpr std::size_t kReadAhead = 512;  // most blocks
constexpr std::string_view kRemedy = ": run 'aa-shimctl load'";

// Reads a payload from its front. What lies beyond its end reads as nothing, and makes ok() false for good.
class Cursor {
public:
    explicit Cursor(std::string_view payload) : rest_(payload) {}

    std::uint32_t u32() {
        const auto bytes = take(4);
        return bytes.size() == 4 ? format::load_u32(bytes.data()) : 0;
    }
    std::string_view text() { return take(u32()); }
    // A number of elements that follow, each at least four bytes long.
    std::uint32_t count() {
        const std::uint32_t n = u32();
        if (n <= rest_.size() / 4) return n;
        ok_ = false;
        return 0;
    }
    // One of the COUNT values of Enum.
    template <class Enum>
    Enum tag(std::uint32_t count) {
        const std::uint32_t value = u32();
        if (value >= count) ok_ = false;
        return static_cast<Enum>(value < count ? value : 0);
    }
    std::vector<std::string> texts() {
        std::vector<std::string> list(count());
        for (auto& item : list) item = text();
        return list;
    }
    Origin origin() {
        Origin origin;
        origin.file = text();
        origin.line = u32();
        origin.column = u32();
        return origin;
    }
    [[nodiscard]] bool ok() const { return ok_; }

private:
    std::string_view take(std::size_t size) {
        if (size > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    std::string_view rest_;
    bool ok_ = true;
};

// Whether PATTERN holds for a fact; one that is not known holds for nothing.
bool holds(std::string_view pattern, std::string_view fact) { return !fact.empty() && matches(pattern, fact); }

bool image_holds(std::string_view pattern, const Facts& facts) { return holds(pattern, facts.image) || holds(pattern, facts.image_full); }

std::string_view text_fact(std::size_t clause, const Facts& facts) {
    switch (static_cast<Trie>(clause)) {
        case Trie::engine:
            return facts.engine;
        case Trie::handler:
            return facts.handler;
        case Trie::kubernetes_namespace:
            return facts.kubernetes_namespace;
        case Trie::pod:
            return facts.pod;
        case Trie::name:
            return facts.name;
        case Trie::image:
            return facts.image;
        case Trie::entrypoint:
            return facts.entrypoint;
        case Trie::label:
        case Trie::annotation:
        case Trie::user:
        case Trie::confinement:
            break;
    }
    return {};
}

bool text_clauses_hold(std::uint32_t clauses, Cursor& cursor, const Facts& facts) {
    for (std::size_t i = 0; i < format::kTextClauses; ++i) {
        if (((clauses >> i) & 1U) == 0) continue;
        const auto pattern = cursor.text();
        const bool held = static_cast<Trie>(i) == Trie::image ? image_holds(pattern, facts) : holds(pattern, text_fact(i, facts));
        if (!held) return false;
    }
    return true;
}

// Whether each of the key → pattern clauses at CURSOR holds for one of PAIRS.
bool pairs_hold(Cursor& cursor, std::span<const FactPair> pairs) {
    for (auto n = cursor.count(); n > 0; --n) {
        const auto key = cursor.text();
        const auto pattern = cursor.text();
        const auto held = [&](const FactPair& pair) { return pair.first == key && matches(pattern, pair.second); };
        if (!std::any_of(pairs.begin(), pairs.end(), held)) return false;
    }
    return true;
}

// Whether the clauses at CURSOR hold for FACTS. If so, CURSOR is behind them.
bool clauses_hold(std::uint32_t clauses, std::uint32_t user, Cursor& cursor, const Facts& facts) {
    if (((clauses & format::kSandbox) != 0) != facts.sandbox) return false;
    if ((clauses & format::bit(Trie::user)) != 0 && facts.user != user) return false;
    if ((clauses & format::kHasPrivileged) != 0 && facts.privileged != ((clauses & format::kPrivileged) != 0)) return false;
    if (!text_clauses_hold(clauses, cursor, facts)) return false;
    if ((clauses & format::bit(Trie::label)) != 0 && !pairs_hold(cursor, facts.labels)) return false;
    return (clauses & format::bit(Trie::annotation)) == 0 || pairs_hold(cursor, facts.annotations);
}

Outcome read_outcome(Cursor& cursor) {
    const auto kind = cursor.tag<format::OutcomeKind>(3);
    const auto text = cursor.text();
    switch (kind) {
        case format::OutcomeKind::use:
            return Use{std::string(text)};
        case format::OutcomeKind::reject:
            return Reject{std::string(text)};
        case format::OutcomeKind::pass:
            break;
    }
    return Pass{};
}

// Reads what follows a rule's clauses. WHAT names the rule in `why`.
Selection read_selection(Cursor& cursor, std::string_view what) {
    Selection selection;
    selection.outcome = read_outcome(cursor);
    selection.selectable = cursor.texts();
    selection.why = concat({what, cursor.origin().text()});
    return selection;
}

CeilingChoice read_ceiling(Cursor& cursor) {
    const auto kind = cursor.tag<format::CeilingKind>(3);
    const std::uint64_t low = cursor.u32();
    const std::uint64_t high = cursor.u32();
    switch (kind) {
        case format::CeilingKind::set:
            return CapabilitySet(low | (high << 32U));
        case format::CeilingKind::from_profile:
            return FromProfile{};
        case format::CeilingKind::all:
            break;
    }
    return AllCapabilities{};
}

ExecRule read_exec_rule(Cursor& cursor) {
    ExecRule rule;
    rule.command = cursor.text();
    const auto action = cursor.tag<format::ExecAction>(2);
    std::string text(cursor.text());
    if (action == format::ExecAction::deny) {
        rule.action = ExecRule::Deny{std::move(text)};
    } else {
        rule.action = std::move(text);
    }
    rule.origin = cursor.origin();
    return rule;
}

Confinement read_confinement(Cursor& cursor) {
    Confinement confinement;
    confinement.name = cursor.text();
    const bool unconfined = cursor.u32() != 0;
    std::string profile(cursor.text());
    if (unconfined) {
        confinement.profile = Unconfined{};
    } else {
        confinement.profile = std::move(profile);
    }
    confinement.combine = cursor.tag<Combine>(3);
    confinement.ceiling = read_ceiling(cursor);
    confinement.no_new_privileges = cursor.u32() != 0;
    confinement.deny_syscalls = cursor.texts();
    for (auto n = cursor.count(); n > 0; --n) confinement.exec_rules.push_back(read_exec_rule(cursor));
    confinement.exec_otherwise = cursor.tag<ExecOtherwise>(3);
    confinement.start = cursor.tag<Start>(2);
    confinement.origin = cursor.origin();
    return confinement;
}

// Opens the file at PATH for reading, without following a link, if it and its directory are root's alone to write.
Result<Fd> open_trusted_file(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    const Fd dir = TRY(open_file(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY(require_trusted(dir.get(), directory));
    const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
    Fd fd(::openat(dir.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd.valid()) return errno_error("open", path, errno);
    TRY(require_trusted(fd.get(), path));
    return fd;
}

}  // namespace

// The text that a trie is searched for: one or two pieces, each followed by a NUL byte.
class CompiledCatalog::Walk {
public:
    Walk() = default;
    explicit Walk(std::string_view first) : pieces_{first, {}}, count_(1) {}
    Walk(std::string_view first, std::string_view second) : pieces_{first, second}, count_(2) {}

    // The next character; -1 behind the last.
    int next() {
        if (piece_ == count_) return -1;
        const auto& piece = pieces_[piece_];
        if (at_ < piece.size()) return static_cast<unsigned char>(piece[at_++]);
        ++piece_;
        at_ = 0;
        return 0;
    }
    // Whether TEXT comes next; if so it is taken.
    bool skip(std::string_view text) {
        return std::all_of(text.begin(), text.end(), [&](char c) { return next() == static_cast<unsigned char>(c); });
    }

private:
    std::array<std::string_view, 2> pieces_;
    std::size_t count_ = 0;
    std::size_t piece_ = 0;
    std::size_t at_ = 0;
};

Result<CompiledCatalog> CompiledCatalog::open(const std::string& path) {
    auto fd = open_trusted_file(path);
    if (!fd) {
        if (fd.error().kind != ErrorKind::not_found) return std::move(fd).error();
        return Error{ErrorKind::not_found, concat({"there is no compiled catalog ", quote(path), kRemedy})};
    }
    CompiledCatalog catalog;
    catalog.name_ = path;
    catalog.fd_ = *std::move(fd);
    struct stat st {};
    if (::fstat(catalog.fd_.get(), &st) != 0) return errno_error("stat", path, errno);
    if (!S_ISREG(st.st_mode)) return catalog.damaged("is not a regular file");
    catalog.size_ = static_cast<std::size_t>(st.st_size);
    TRY(catalog.read_at(0, std::min(catalog.size_, kHeadSize), catalog.head_));
    TRY(catalog.read_header());
    return catalog;
}

Result<CompiledCatalog> CompiledCatalog::view(std::string_view bytes, std::string name) {
    CompiledCatalog catalog;
    catalog.name_ = std::move(name);
    catalog.viewed_ = bytes;
    catalog.size_ = bytes.size();
    TRY(catalog.read_header());
    return catalog;
}

Error CompiledCatalog::damaged(std::string_view problem) const {
    return {ErrorKind::config, concat({"the compiled catalog ", quote(name_), " ", problem, kRemedy})};
}

Result<void> CompiledCatalog::read_header() {
    Window scratch;
    const auto start = TRY(part(0, std::min(size_, format::kPreamble), scratch));
    if (start.substr(0, format::kMagic.size()) != format::kMagic) return damaged("is not one: it begins with something else");
    if (start.size() < format::kPreamble) return damaged("is truncated");
    const auto version = format::load_u32(start.data() + format::kMagic.size());
    if (version != format::kVersion) return damaged("is of a version that this aa-shim does not read");
    const auto size = format::load_u32(start.data() + format::kMagic.size() + 4);
    if (size_ < size) return damaged("is truncated");
    if (size_ > size) return damaged("is longer than it says");
    Cursor cursor(TRY(block(format::kPreamble, scratch)));
    flags_ = cursor.u32();
    otherwise_ = cursor.u32();
    always_ = cursor.u32();
    for (auto& trie : tries_) trie = cursor.u32();
    decision_log_ = cursor.text();
    architectures_ = cursor.texts();
    if (!cursor.ok()) return damaged("has a damaged header");
    return {};
}

Result<void> CompiledCatalog::read_at(std::size_t offset, std::size_t size, Window& scratch) const {
    char* const bytes = scratch.make(offset, size);
    for (std::size_t done = 0; done < size;) {
        const ssize_t n = ::pread(fd_.get(), bytes + done, size - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) scratch.clear();
        if (n < 0) return errno_error("read", name_, errno);
        if (n == 0) return damaged("became shorter while it was read");
        done += static_cast<std::size_t>(n);
    }
    return {};
}

Result<std::string_view> CompiledCatalog::part(std::size_t offset, std::size_t size, Window& scratch) const {
    if (!fd_.valid()) return viewed_.substr(offset, size);
    if (head_.has(offset, size)) return head_.at(offset, size);
    if (!scratch.has(offset, size)) TRY(read_at(offset, std::max(size, std::min(kReadAhead, size_ - offset)), scratch));
    return scratch.at(offset, size);
}

Result<std::string_view> CompiledCatalog::block(std::uint32_t offset, Window& scratch) const {
    const auto outside = [this] { return damaged("is damaged: a part of it would lie outside"); };
    if (offset < format::kPreamble || offset > size_ || size_ - offset < format::kBlockHead) return outside();
    const auto start = TRY(part(offset, format::kBlockHead, scratch));
    const auto size = format::load_u32(start.data());
    const auto sum = format::load_u64(start.data() + 4);
    if (size_ - offset - format::kBlockHead < size) return outside();
    const auto payload = TRY(part(offset, format::kBlockHead + size, scratch)).substr(format::kBlockHead);
    if (format::checksum(payload, offset) != sum) return damaged("is damaged: a checksum is wrong");
    return payload;
}

Result<void> CompiledCatalog::find_in_trie(std::size_t trie, Walk text, Window& scratch, std::vector<std::uint32_t>& found) const {
    for (std::uint32_t node = tries_[trie]; node != 0;) {
        Cursor cursor(TRY(block(node, scratch)));
        if (!text.skip(cursor.text())) return {};
        for (auto n = cursor.count(); n > 0; --n) found.push_back(cursor.u32());
        const auto branches = cursor.text();
        const int branch = text.next();
        const std::size_t which = branch < 0 ? branches.npos : branches.find(static_cast<char>(branch));
        node = 0;
        for (std::size_t i = 0; which != branches.npos && i <= which; ++i) node = cursor.u32();
        if (!cursor.ok()) return damaged("is damaged: a part of its index ends too early");
    }
    return {};
}

Result<std::vector<std::uint32_t>> CompiledCatalog::candidates(const Facts& facts, Window& scratch) const {
    std::vector<std::uint32_t> found;
    const auto search = [&](Trie trie, Walk text) { return find_in_trie(static_cast<std::size_t>(trie), text, scratch, found); };
    for (std::size_t i = 0; i < format::kTextClauses; ++i) TRY(search(static_cast<Trie>(i), Walk(text_fact(i, facts))));
    TRY(search(Trie::image, Walk(facts.image_full)));
    for (const auto& [key, value] : facts.labels) TRY(search(Trie::label, Walk(key, value)));
    for (const auto& [key, value] : facts.annotations) TRY(search(Trie::annotation, Walk(key, value)));
    if (facts.user) TRY(search(Trie::user, Walk(decimal(*facts.user))));
    if (always_ != 0) {
        Cursor cursor(TRY(block(always_, scratch)));
        for (auto n = cursor.count(); n > 0; --n) found.push_back(cursor.u32());
        if (!cursor.ok()) return damaged("is damaged: a part of its index ends too early");
    }
    // Rules lie in the file in the order in which they are tried.
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

Result<std::optional<Selection>> CompiledCatalog::try_rule(std::uint32_t offset, const Facts& facts, Window& scratch) const {
    Cursor cursor(TRY(block(offset, scratch)));
    const auto clauses = cursor.u32();
    const auto user = cursor.u32();
    std::optional<Selection> selection;
    if (clauses_hold(clauses, user, cursor, facts)) selection = read_selection(cursor, "rule ");
    if (!cursor.ok()) return damaged("is damaged: a rule ends too early");
    return selection;
}

Result<Selection> CompiledCatalog::otherwise(Window& scratch) const {
    Cursor cursor(TRY(block(otherwise_, scratch)));
    cursor.u32();
    cursor.u32();
    auto selection = read_selection(cursor, "otherwise, ");
    if (!cursor.ok()) return damaged("is damaged: its \"otherwise\" ends too early");
    return selection;
}

Result<Selection> CompiledCatalog::select(const Facts& facts) const {
    Window scratch;
    for (const auto offset : TRY(candidates(facts, scratch))) {
        auto selection = TRY(try_rule(offset, facts, scratch));
        if (selection) return *std::move(selection);
    }
    if (facts.sandbox) return Selection{Pass{}, {}, "the default for a pod's sandbox"};
    return otherwise(scratch);
}

Result<Confinement> CompiledCatalog::confinement(std::string_view name) const {
    std::vector<std::uint32_t> found;
    Window scratch;
    TRY(find_in_trie(static_cast<std::size_t>(Trie::confinement), Walk(name), scratch, found));
    if (found.empty()) {
        return Error{ErrorKind::not_found, concat({"the compiled catalog ", quote(name_), " has no confinement ", quote(name)})};
    }
    Cursor cursor(TRY(block(found.front(), scratch)));
    auto confinement = read_confinement(cursor);
    if (!cursor.ok() || confinement.name != name) return damaged("is damaged: a confinement is not what it should be");
    return confinement;
}

bool CompiledCatalog::needs_engine_record() const { return (flags_ & format::kNeedsEngineRecord) != 0; }

WithoutAppArmor CompiledCatalog::without_apparmor() const {
    return (flags_ & format::kCapabilitiesOnly) != 0 ? WithoutAppArmor::capabilities_only : WithoutAppArmor::refuse;
}

}  // namespace aa::apparmor
