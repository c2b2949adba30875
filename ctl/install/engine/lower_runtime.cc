// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/engine/lower_runtime.h"

#include <array>

#include "base/text.h"
#include "ctl/install/engine/nvidia.h"
#include "shim/runtime.h"

namespace aa::ctl::install {

namespace {

// Where a runtime may be that no package of a distribution placed: containerd's own installation guide, kubespray, CRI-O's packages
// (those of Kubernetes and of openSUSE).
constexpr std::array<std::string_view, 6> kElsewhere = {"/usr/local/sbin/runc",   "/usr/local/bin/runc",
                                                        "/usr/local/bin/crun",    "/usr/libexec/crio/crun",
                                                        "/usr/libexec/crio/runc", "/usr/lib/cri-o-runc/sbin/runc"};

// An error unless aa-shim can become PATH.
Result<oci::RuntimeKind> usable(const Host& host, const std::string& path, const std::string& shim) {
    if (!host.is_program(path)) return Error{ErrorKind::not_found, concat({"there is no program ", quote(host.place(path))})};
    if (host.is_same_file(path, shim)) return Error{ErrorKind::config, concat({quote(host.place(path)), " is aa-shim itself"})};
    const auto kind = TRY(shim::runtime_kind(path));
    TRY(host.require_trusted_program(path));
    return kind;
}

std::string_view name_of(oci::RuntimeKind kind) { return kind == oci::RuntimeKind::crun ? "crun" : "runc"; }

std::optional<std::string> program_of(const Host& host, const UsualRuntime& runtime, const std::string& shim) {
    for (const auto& candidate : runtime.candidates) {
        if (host.is_program(candidate) && !host.is_same_file(candidate, shim)) return candidate;
    }
    return std::nullopt;
}

class Choice {
public:
    Choice(Draft& draft, const Wanted& wanted, const UsualRuntime& usual) : draft_(draft), wanted_(wanted), usual_(usual) {}

    Result<std::string> make() {
        program_ = program_of(host(), usual_, wanted_.shim);
        lower_ = TRY(choose());
        kind_ = TRY(usable(host(), lower_, wanted_.shim)
                        .context(concat({"the runtime that aa-shim becomes (", host().place(shim::kRuntimeChoice), ")"})));
        return lower_;
    }

    // Containers of the usual runtime get aa-shim.
    [[nodiscard]] Result<void> judge_usual() const {
        if (!wanted_.make_default) {
            if (is_replaced(usual_)) draft_.plan().notes.push_back(concat({"aa-shim becomes ", lower_text(), ", while ", reason(usual_)}));
            return {};
        }
        return judge(usual_, concat({"--default: ", place_text(usual_), reason(usual_), "; containers that ask for no runtime"}),
                     "install without --default and let containers ask for aa-shim");
    }

    // So do those of RUNTIME.
    [[nodiscard]] Result<void> judge_taken(const UsualRuntime& runtime) const {
        return judge(runtime, concat({"--mandatory: ", place_text(runtime), reason(runtime), "; its containers"}),
                     "install without --mandatory");
    }

private:
    [[nodiscard]] const Host& host() const { return draft_.host(); }

    // The program that aa-shim is to become. One that the engine uses comes first, as long as no other choice is in its way.
    Result<std::string> choose() {
        const auto chosen = TRY(host().read_link(shim::kRuntimeChoice));
        if (chosen && !draft_.made_by_us_alone(shim::kRuntimeChoice, *chosen)) {
            if (!chosen->starts_with('/'))
                return Error{ErrorKind::config, concat({quote(host().place(shim::kRuntimeChoice)), " leads to ", quote(*chosen),
                                                        ", which is not an absolute path"})};
            if (draft_.made_by_others({shim::kRuntimeChoice, *chosen})) want_link(*chosen);
            return *chosen;
        }
        const auto packaged = first_of(shim::kPackagedRuntimes);
        const bool keeps = program_ && usual_.other_shim.empty() && usable(host(), *program_, wanted_.shim);
        if (keeps && packaged && host().is_same_file(*program_, *packaged)) return *packaged;
        // What others have been installed for stays theirs.
        if (keeps && (!packaged || draft_.other_engines().empty())) return want_link(*program_);
        if (packaged) return *packaged;
        if (const auto elsewhere = first_usable()) return want_link(*elsewhere);
        return no_runtime();
    }

    std::string want_link(const std::string& target) {
        draft_.want_link(shim::kRuntimeChoice, target);
        return target;
    }

    template <class Paths>
    [[nodiscard]] std::optional<std::string> first_of(const Paths& paths) const {
        for (const auto& path : paths) {
            if (host().is_program(std::string(path))) return std::string(path);
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<std::string> first_usable() const {
        for (const auto path : kElsewhere) {
            if (usable(host(), std::string(path), wanted_.shim)) return std::string(path);
        }
        return std::nullopt;
    }

    [[nodiscard]] Error no_runtime() const {
        const auto remedy =
            concat({": install runc or crun, or let ", quote(host().place(shim::kRuntimeChoice)), " lead to the one to use"});
        if (program_) {
            const auto why = usable(host(), *program_, wanted_.shim);
            return {ErrorKind::config, concat({"aa-shim cannot become the runtime ", quote(usual_.name), " of ", draft_.plan().engine, ": ",
                                               why ? usual_.other_shim : why.error().message, remedy})};
        }
        return {ErrorKind::not_found,
                concat({"no container could start: there is no runtime that aa-shim could become, and ",
                        usual_.candidates.empty() ? concat({quote(usual_.name), " is none"})
                                                  : concat({"none where ", draft_.plan().engine, " looks for ", quote(usual_.name)}),
                        remedy})};
    }

    // Whether a container of RUNTIME would be started by another program than now, as far as that makes a difference: neither runc nor
    // crun, or the other one of the two. Another build of the same is none.
    [[nodiscard]] bool is_replaced(const UsualRuntime& runtime) const {
        if (!runtime.other_shim.empty()) return true;
        const auto program = program_of(host(), runtime, wanted_.shim);
        if (!program) return false;  // nothing could be started by it
        const auto kind = usable(host(), *program, wanted_.shim);
        return !kind || *kind != kind_;
    }

    [[nodiscard]] std::string reason(const UsualRuntime& runtime) const {
        auto name = concat({draft_.plan().engine, "'s runtime ", quote(runtime.name)});
        if (!runtime.other_shim.empty()) return concat({name, " is run by the shim ", quote(runtime.other_shim), ", not by runc or crun"});
        const auto program = program_of(host(), runtime, wanted_.shim);
        if (!program) return name;
        const auto kind = usable(host(), *program, wanted_.shim);
        if (kind) return concat({name, " is ", name_of(*kind), " (", quote(*program), ")"});
        if (!shim::runtime_kind(*program)) return concat({name, " is ", quote(*program), ", neither runc nor crun"});
        return concat({name, " is not to be trusted: ", kind.error().message});
    }

    [[nodiscard]] std::string lower_text() const { return concat({name_of(kind_), " (", quote(lower_), ")"}); }
    static std::string place_text(const UsualRuntime& runtime) { return runtime.place.empty() ? "" : concat({runtime.place, ": "}); }

    [[nodiscard]] Result<void> judge(const UsualRuntime& runtime, const std::string& what, std::string_view instead) const {
        if (!is_replaced(runtime)) return {};
        const auto problem = concat({what, " would be started by ", lower_text()});
        if (wanted_.replace_runtime) {
            draft_.plan().notes.push_back(concat({problem, " (--replace-runtime)"}));
            return {};
        }
        const auto others = draft_.other_engines();
        const auto program = program_of(host(), runtime, wanted_.shim).value_or("");
        if (nvidia_leads_to(host(), program, wanted_.shim))
            return Error{ErrorKind::config, concat({what, " get aa-shim from it already, as its configuration says: ", instead})};
        const auto chain = nvidia_remedy(host(), program, wanted_.shim);
        return Error{ErrorKind::config, concat({problem, others.empty() ? "" : concat({", which it is for ", join(others, ", "), ", too"}),
                                                ": ", chain, instead, ", or add --replace-runtime if that is meant"})};
    }

    Draft& draft_;
    const Wanted& wanted_;
    const UsualRuntime& usual_;
    std::optional<std::string> program_;
    std::string lower_;
    oci::RuntimeKind kind_ = oci::RuntimeKind::runc;
};

}  // namespace

Result<std::string> want_runtime(Draft& draft, const Wanted& wanted, const UsualRuntime& usual, const std::vector<UsualRuntime>& taken) {
    Choice choice(draft, wanted, usual);
    auto lower = TRY(choice.make());
    TRY(choice.judge_usual());
    for (const auto& runtime : taken) TRY(choice.judge_taken(runtime));
    return lower;
}

std::vector<std::string> places_of(const std::string& name, const std::vector<std::string>& directories) {
    if (name.find('/') != std::string::npos) return {name};
    std::vector<std::string> places;
    places.reserve(directories.size());
    for (const auto& directory : directories) places.push_back(concat({directory, "/", name}));
    return places;
}

}  // namespace aa::ctl::install
