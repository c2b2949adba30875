// SPDX-License-Identifier: Apache-2.0
#include "ctl/verify/report.h"

#include "base/text.h"

namespace aa::ctl::verify {

namespace {

std::string label_of(const status::ContainerReport& report) {
    return report.processes.empty() ? std::string() : report.processes.front().label;
}

std::string standing_in_words(const status::ContainerReport& report) {
    std::string text = status::name_of(report.standing);
    if (report.decision && !report.decision->confinement.empty())
        text += concat({", confinement ", quote(report.decision->confinement), ", ", report.decision->rule});
    const auto label = label_of(report);
    return text + (label.empty() ? std::string(", without a label") : concat({", label ", quote(label)}));
}

}  // namespace

std::string in_words(const Trial& trial) {
    std::string text = trial.good() ? concat({"Verified: ", trial.through, " started a container by aa-shim (",
                                              standing_in_words(*trial.report), "), and it is gone again"})
                                    : concat({"not verified: ", trial.problem});
    for (const auto& left : trial.left) text += concat({trial.problem.empty() ? "" : "; ", "left behind: ", left});
    if (!trial.problem.empty())
        text += "; what was installed stays: if the engine was not restarted since, do that, and say the same again";
    return trial.note.empty() ? text : concat({text, "; ", trial.note});
}

Json to_json(const Trial& trial) {
    Json document = {{"ok", trial.good()}, {"through", trial.through}, {"container", trial.name}};
    document["standing"] = trial.report ? Json(status::name_of(trial.report->standing)) : Json();
    const auto* decision = trial.report && trial.report->decision ? &*trial.report->decision : nullptr;
    document["confinement"] = decision != nullptr && !decision->confinement.empty() ? Json(decision->confinement) : Json();
    document["rule"] = decision != nullptr ? Json(decision->rule) : Json();
    const auto label = trial.report ? label_of(*trial.report) : std::string();
    document["label"] = label.empty() ? Json() : Json(label);
    document["problem"] = trial.problem.empty() ? Json() : Json(trial.problem);
    document["left"] = trial.left;
    document["note"] = trial.note.empty() ? Json() : Json(trial.note);
    return document;
}

}  // namespace aa::ctl::verify
