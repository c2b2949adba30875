// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/kept_load.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace aa::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

Json to_json(const std::vector<KeptFile>& files) {
    Json result = Json::array();
    for (const auto& file : files) result.push_back({{"path", file.path}, {"sha256", file.hash}});
    return result;
}

std::vector<KeptFile> files_of(const Json& list) {
    std::vector<KeptFile> result;
    for (const auto& file : list) result.push_back({file.at("path").get<std::string>(), file.at("sha256").get<std::string>()});
    return result;
}

}  // namespace

bool KeptLoad::same_policy(const KeptLoad& other) const {
    return kernel.empty() == other.kernel.empty() && missing == other.missing && catalog == other.catalog && sources == other.sources &&
           policies == other.policies;
}

std::vector<std::string> KeptLoad::contents() const {
    std::vector<std::string> result{compiled};
    for (const auto& file : catalog) result.push_back(file.hash);
    for (const auto& file : sources) result.push_back(file.hash);
    for (const auto& policy : policies) result.push_back(policy.hash);
    return result;
}

bool KeptLoad::brought(std::string_view profile) const {
    return std::any_of(policies.begin(), policies.end(), [&](const KeptPolicy& policy) {
        return std::find(policy.profiles.begin(), policy.profiles.end(), profile) != policy.profiles.end();
    });
}

std::string to_text(const KeptLoad& load) {
    Json policies = Json::array();
    for (const auto& policy : load.policies) policies.push_back({{"profiles", policy.profiles}, {"sha256", policy.hash}});
    const Json document{{"format", kFormat},
                        {"number", load.number},
                        {"time", load.time},
                        {"restores", load.restores ? Json(*load.restores) : Json()},
                        {"kernel", load.kernel},
                        {"catalog", to_json(load.catalog)},
                        {"sources", to_json(load.sources)},
                        {"policies", std::move(policies)},
                        {"compiled", load.compiled},
                        {"missing", load.missing}};
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<KeptLoad> read_kept_load(std::string_view text) {
    try {
        const Json document = Json::parse(text);
        if (document.at("format") != kFormat) return Error{ErrorKind::config, "it is of a form that this aa-shimctl does not know"};
        KeptLoad load;
        load.number = document.at("number").get<unsigned long long>();
        load.time = document.at("time").get<long long>();
        if (!document.at("restores").is_null()) load.restores = document.at("restores").get<unsigned long long>();
        load.kernel = document.at("kernel").get<std::string>();
        load.catalog = files_of(document.at("catalog"));
        load.sources = files_of(document.at("sources"));
        for (const auto& policy : document.at("policies")) {
            load.policies.push_back({policy.at("profiles").get<std::vector<std::string>>(), policy.at("sha256").get<std::string>()});
        }
        load.compiled = document.at("compiled").get<std::string>();
        load.missing = document.at("missing").get<std::string>();
        return load;
    } catch (const Json::exception&) {
        return Error{ErrorKind::config, "it does not say what a load says"};
    }
}

}  // namespace aa::ctl
