// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/in_force.h"

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/kernel.h"
#include "base/text.h"
#include "ctl/node/ctl.h"
#include "ctl/node/programs.h"

namespace aa::ctl::node {

namespace {

constexpr const char* kRecord = "/run/aa-shim/node-loaded";
constexpr int kLoadSeconds = 300;

// Which file the compiled catalog is: every load makes another one.
std::string identity(const Host& host) {
    const auto st = host.status(std::string(apparmor::kCatalogPath));
    if (!st) return {};
    return concat({decimal(static_cast<long long>(st->st_ino)), " ", decimal(st->st_size), " ", decimal(st->st_mtim.tv_sec), " ",
                   decimal(st->st_mtim.tv_nsec)});
}

bool are_loaded(const Host& host, const Json& profiles) {
    const apparmor::Kernel kernel(host.place("/sys/kernel/security"), host.place("/sys/module/apparmor"), host.place("/proc"));
    if (!kernel.require_enabled()) return true;  // then it was loaded because the catalog does without AppArmor
    for (const auto& profile : profiles) {
        const auto loaded = kernel.is_loaded(profile.get<std::string>());
        if (!loaded || !*loaded) return false;
    }
    return true;
}

Error load_error(const Json& document) {
    if (const std::string message = error_message(document); !message.empty()) return {ErrorKind::system, message};
    for (const auto& error : document.value("errors", Json::array())) {
        return {ErrorKind::config, concat({"aa-shimctl load: ", error.value("problem", std::string())})};
    }
    return {ErrorKind::system, "aa-shimctl load failed and did not say why"};
}

}  // namespace

bool is_in_force(const Host& host, const std::string& hash) {
    const auto file = host.read(kRecord);
    if (!file || !*file) return false;
    const auto record = Json::parse((*file)->text, nullptr, false);
    if (!record.is_object() || record.value("hash", std::string()) != hash) return false;
    const std::string now = identity(host);
    return !now.empty() && record.value("file", std::string()) == now && are_loaded(host, record.value("profiles", Json::array()));
}

Result<void> put_in_force(const Host& host, const std::string& hash) {
    const auto document = TRY(run_ctl({{kCtl, "load"}, host.root(), {}, kLoadSeconds}));
    if (!document.value("ok", false)) return load_error(document);
    Json profiles = Json::array();
    for (const auto& profile : document.value("profiles", Json::array())) profiles.push_back(profile.value("name", std::string()));
    const Json record = {{"hash", hash}, {"file", identity(host)}, {"profiles", profiles}};
    return host.write(kRecord, {record.dump() + "\n"});
}

}  // namespace aa::ctl::node
