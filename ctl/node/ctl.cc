// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/ctl.h"

#include "base/text.h"

namespace aa::ctl::node {

Result<Json> run_ctl(Command command) {
    command.words.insert(command.words.begin() + 1, "--json");
    const auto outcome = TRY(run_command(command));
    auto document = Json::parse(outcome.output, nullptr, false);
    if (document.is_object()) return document;
    return Error{ErrorKind::system, concat({quote(command.words.front()), " ", command.words[2], ": ", last_words(outcome)})};
}

std::string error_message(const Json& document) {
    const auto error = document.find("error");
    if (error == document.end() || !error->is_object()) return {};
    return error->value("message", std::string());
}

}  // namespace aa::ctl::node
