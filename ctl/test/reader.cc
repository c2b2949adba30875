// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "apparmor/catalog/document.h"
#include "apparmor/catalog/values.h"
#include "apparmor/kernel/profile_name.h"
#include "base/text.h"
#include "ctl/test/cases.h"

namespace aa::ctl::test {

namespace {

using apparmor::Node;
using Kind = Node::Kind;

constexpr std::array<std::string_view, 4> kFileKeys{"containers", "commands", "profiles", "$schema"};
constexpr std::array<std::string_view, 4> kContainerKeys{"name", "container", "bundle", "expect"};
constexpr std::array<std::string_view, 10> kCommandKeys{"name",    "confinement", "container", "bundle", "base",
                                                        "command", "user",        "cwd",       "owned",  "expect"};
constexpr std::array<std::string_view, 6> kProfileKeys{"name", "label", "may", "mayNot", "within", "alone"};
constexpr std::array<std::string_view, 8> kExpectKeys{"confinement",     "rule", "label",  "base", "ceiling",
                                                      "noNewPrivileges", "pass", "refused"};
constexpr std::array<std::string_view, 2> kCommandExpectKeys{"label", "refused"};
constexpr std::array<std::string_view, 4> kBundleKeys{"path", "id", "root", "handler"};
constexpr std::array<std::string_view, 19> kFactKeys{
    "engine",     "handler", "namespace", "pod",          "name",      "image",   "labels",         "annotations", "entrypoint", "user",
    "privileged", "sandbox", "profile",   "capabilities", "hostPaths", "devices", "hostNamespaces", "unmasked",    "hooks"};
constexpr std::array<apparmor::Word<std::string_view>, 6> kEngines{{{"docker", "docker"},
                                                                    {"cri-containerd", "cri-containerd"},
                                                                    {"cri-o", "cri-o"},
                                                                    {"podman", "podman"},
                                                                    {"nerdctl", "nerdctl"},
                                                                    {"other", "other"}}};

std::string number(std::size_t value) { return decimal(static_cast<long long>(value)); }

// Reads documents into CASES, complaining about whatever cannot be read.
class Reader : private apparmor::Values {
public:
    Reader(apparmor::CatalogReading& reading, std::vector<Case>& cases) : Values(reading), cases_(cases) {}

    void read(const std::string& file, const Node& root) {
        enter(file);
        const std::size_t before = cases_.size();
        if (!expect(root, Kind::object, "a file of policy tests")) return;
        check_keys(root, kFileKeys, "a file of policy tests");
        if (const Node* schema = root.find("$schema")) expect(*schema, Kind::text, "\"$schema\"");
        each(root, "containers", [this](const Node& node, const std::string& fallback) { read_container(node, fallback); });
        each(root, "commands", [this](const Node& node, const std::string& fallback) { read_command(node, fallback); });
        each(root, "profiles", [this](const Node& node, const std::string&) { read_profile(node); });
        if (cases_.size() == before) complain(root.place, "holds no case: write one under \"containers\", \"commands\" or \"profiles\"");
    }

private:
    // Calls READ for every object of the list KEY, with a name for one that has none.
    template <class Read>
    void each(const Node& root, std::string_view key, Read read) {
        const Node* list = get(root, key, Kind::list);
        for (std::size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
            const auto& item = list->items[i];
            if (expect(item, Kind::object, concat({"each of \"", key, "\""}))) read(item, concat({key, " ", number(i + 1)}));
        }
    }

    // The member KEY as a text that is not empty; empty if it is not there.
    std::string text(const Node& node, std::string_view key) {
        const Node* value = get(node, key, Kind::text);
        if (value == nullptr) return {};
        if (value->text.empty()) complain(value->place, concat({"\"", key, "\" is empty: leave it out"}));
        return value->text;
    }

    std::optional<std::string> optional_text(const Node& node, std::string_view key) {
        auto value = text(node, key);
        return value.empty() ? std::nullopt : std::optional(std::move(value));
    }

    std::string label(const Node& node, std::string_view key) {
        auto name = text(node, key);
        if (name.empty() || name == apparmor::kUnconfined) return name;
        if (const auto checked = apparmor::check_label(name); !checked)
            complain(node.find(key)->place, concat({"\"", key, "\": ", checked.error().message}));
        return name;
    }

    std::optional<bool> flag(const Node& node, std::string_view key) {
        const Node* value = get(node, key, Kind::boolean);
        return value != nullptr ? std::optional(value->boolean) : std::nullopt;
    }

    std::optional<std::uint32_t> user(const Node& node) {
        const Node* value = get(node, "user", Kind::integer);
        if (value == nullptr) return std::nullopt;
        if (value->integer > UINT32_MAX) complain(value->place, concat({"\"user\" is no user ID"}));
        return static_cast<std::uint32_t>(value->integer);
    }

    // Exactly one of KEYS is there: the first that is.
    std::string_view one_of(const Node& node, std::span<const std::string_view> keys) {
        std::string_view found;
        std::string names;
        for (const auto key : keys) {
            names += concat({names.empty() ? "" : key == keys.back() ? " or " : ", ", "\"", key, "\""});
            const Node* value = node.find(key);
            if (value == nullptr) continue;
            if (!found.empty()) complain(value->place, concat({"\"", found, "\" and \"", key, "\" exclude each other"}));
            if (found.empty()) found = key;
        }
        if (found.empty()) complain(node.place, concat({"needs ", names}));
        return found;
    }

    std::string name_of(const Node& node, std::string fallback) {
        auto name = text(node, "name");
        return name.empty() ? std::move(fallback) : name;
    }

    // -- containers

    void pairs(const Node& node, std::string_view key, std::vector<std::string>& list) {
        const Node* object = get(node, key, Kind::object);
        if (object == nullptr) return;
        for (const auto& [name, place, value] : object->members) {
            if (name.empty() || name.find('=') != std::string::npos)
                complain(place, concat({quote(name), " is no key of \"", key, "\": it is empty, or holds '='"}));
            if (expect(value, Kind::text, concat({"each of \"", key, "\""}))) list.push_back(concat({name, "=", value.text}));
        }
    }

    void texts(const Node& node, std::string_view key, std::vector<std::string>& list) {
        if (const Node* value = node.find(key)) each_text(*value, key, [&](const Node& item) { list.push_back(item.text); });
    }

    ExplainOptions facts(const Node& node) {
        ExplainOptions container;
        container.host_paths_as_named = true;
        check_keys(node, kFactKeys, "the facts of a container");
        if (const Node* engine = node.find("engine")) {
            std::string_view name;
            read_word(*engine, "engine", kEngines, name);
            container.engine = name;
        }
        container.handler = text(node, "handler");
        container.kubernetes_namespace = text(node, "namespace");
        container.pod = text(node, "pod");
        container.name = text(node, "name");
        container.image = text(node, "image");
        pairs(node, "labels", container.labels);
        pairs(node, "annotations", container.annotations);
        if (const Node* entrypoint = get(node, "entrypoint", Kind::text)) container.entrypoint = read_absolute(*entrypoint, "entrypoint");
        container.user = user(node);
        container.privileged = flag(node, "privileged");
        container.sandbox = read_true(node, "sandbox");
        container.profile = text(node, "profile");
        asked_of_host(node, container);
        return container;
    }

    void asked_of_host(const Node& node, ExplainOptions& container) {
        CapabilitySet asked;
        if (const Node* list = node.find("capabilities")) {
            each_text(*list, "capabilities", [&](const Node& item) { read_capability(item, asked); });
            texts(node, "capabilities", container.capabilities);
        }
        if (const Node* list = node.find("hostPaths")) {
            each_text(*list, "hostPaths", [&](const Node& item) {
                container.host_paths.push_back(item.text == "/" ? item.text : read_absolute(item, "hostPaths"));
            });
        }
        if (const Node* list = node.find("devices")) {
            each_text(*list, "devices", [&](const Node& item) { (void)read_device(item); });
            texts(node, "devices", container.devices);
        }
        if (const Node* list = node.find("hostNamespaces")) {
            each_text(*list, "hostNamespaces", [&](const Node& item) { (void)read_host_namespace(item); });
            texts(node, "hostNamespaces", container.host_namespaces);
        }
        container.unmasked = read_true(node, "unmasked");
        container.hooks = read_true(node, "hooks");
    }

    ExplainOptions bundle(const Node& node) {
        ExplainOptions container;
        if (!expect_text_or_object(node, "\"bundle\"", "the path of a bundle")) return container;
        if (node.kind == Kind::object) {
            check_keys(node, kBundleKeys, "\"bundle\"");
            container.bundle = text(node, "path");
            container.id = text(node, "id");
            container.root = text(node, "root");
            container.handler = text(node, "handler");
        } else {
            container.bundle = node.text;
        }
        if (container.bundle.empty()) complain(node.place, "\"bundle\" needs the path of a bundle");
        // It lies beside the tests.
        const auto slash = file().rfind('/');
        if (!container.bundle.starts_with('/') && slash != std::string::npos)
            container.bundle = file().substr(0, slash + 1) + container.bundle;
        return container;
    }

    // The container of NODE, by its facts or its bundle, whichever is there.
    ExplainOptions container_of(const Node& node) {
        if (const Node* value = node.find("bundle")) return bundle(*value);
        if (const Node* value = get(node, "container", Kind::object)) return facts(*value);
        return {};
    }

    void read_container(const Node& node, const std::string& fallback) {
        check_keys(node, kContainerKeys, "a case of a container");
        (void)one_of(node, std::array<std::string_view, 2>{"container", "bundle"});
        cases_.push_back({origin(node.place), name_of(node, fallback), ContainerCase{container_of(node), expectation(node, kExpectKeys)}});
    }

    // -- what is expected

    Expected expectation(const Node& node, Words keys) {
        Expected expected;
        const Node* expect = get(node, "expect", Kind::object);
        if (node.find("expect") == nullptr) complain(node.place, "needs \"expect\": without it, nothing is tested");
        if (expect == nullptr) return expected;
        check_keys(*expect, keys, "\"expect\"");
        if (expect->members.empty()) complain(expect->place, "\"expect\" is empty: nothing is tested");
        expected.confinement = optional_text(*expect, "confinement");
        expected.rule = optional_text(*expect, "rule");
        if (auto name = label(*expect, "label"); !name.empty()) expected.label = std::move(name);
        if (auto name = label(*expect, "base"); !name.empty()) expected.base = std::move(name);
        expected.refused = optional_text(*expect, "refused");
        expected.no_new_privileges = flag(*expect, "noNewPrivileges");
        expected.pass = read_true(*expect, "pass");
        if (const Node* ceiling = expect->find("ceiling")) read_ceiling(*ceiling, expected);
        exclude(*expect, "refused", {});
        exclude(*expect, "pass", "rule");
        return expected;
    }

    // Beside KEY nothing else can come out, but for ALSO.
    void exclude(const Node& expect, std::string_view key, std::string_view also) {
        if (expect.find(key) == nullptr) return;
        for (const auto& member : expect.members) {
            if (member.key != key && member.key != also)
                complain(member.place, concat({"\"", key, "\" and \"", member.key, "\" exclude each other"}));
        }
    }

    void read_ceiling(const Node& node, Expected& expected) {
        if (node.kind == Kind::text && node.text == "all") {
            expected.ceiling.emplace(std::nullopt);
            return;
        }
        CapabilitySet set;
        each_text(node, "ceiling", [&](const Node& item) { read_capability(item, set); });
        expected.ceiling.emplace(set);
    }

    // -- commands

    void read_command(const Node& node, const std::string& fallback) {
        check_keys(node, kCommandKeys, "a case of a command");
        CommandCase command;
        (void)one_of(node, std::array<std::string_view, 3>{"confinement", "container", "bundle"});
        command.confinement = text(node, "confinement");
        command.container = container_of(node);
        command.base = label(node, "base");
        command.user = user(node);
        command.owned = flag(node, "owned");
        if (const Node* cwd = get(node, "cwd", Kind::text)) command.cwd = cwd->text == "/" ? cwd->text : read_absolute(*cwd, "cwd");
        read_words(node, command);
        command.expected = expectation(node, kCommandExpectKeys);
        const auto named = join(command.command, " ");
        cases_.push_back({origin(node.place), name_of(node, named.empty() ? fallback : named), std::move(command)});
    }

    void read_words(const Node& node, CommandCase& command) {
        const Node* list = get(node, "command", Kind::list);
        if (node.find("command") == nullptr) complain(node.place, "needs \"command\": the program and its arguments");
        if (list == nullptr) return;
        for (const auto& item : list->items) {
            if (expect(item, Kind::text, "each of \"command\"")) command.command.push_back(item.text);
        }
        const bool in_bundle = !command.container.bundle.empty();
        if (list->items.empty()) {
            complain(list->place, "\"command\" is empty: name a program");
        } else if (!in_bundle && !command.command.empty() && list->items.front().kind == Kind::text) {
            (void)read_absolute(list->items.front(), "command");
        }
        if (in_bundle && command.owned) complain(node.find("owned")->place, "\"owned\" is told by the bundle: leave it out");
        if (!in_bundle && !command.cwd.empty())
            complain(node.find("cwd")->place, "\"cwd\" goes with \"bundle\", in which the program is looked for: name the program in full");
    }

    // -- profiles

    void read_profile(const Node& node) {
        check_keys(node, kProfileKeys, "a case of a profile");
        const auto name = label(node, "label");
        if (node.find("label") == nullptr) complain(node.place, "needs \"label\": a profile, a child (A//B) or a stack (A//&B)");
        const bool alone = read_true(node, "alone");
        const std::string prefix = name_of(node, name);
        const auto ask = [&](const Node& item, Question question, std::string_view verb) {
            cases_.push_back({origin(item.place), concat({prefix, verb, item.text}), ProfileCase{name, question, item.text, alone}});
        };
        if (const Node* list = node.find("may")) each_text(*list, "may", [&](const Node& item) { ask(item, Question::may, " may "); });
        if (const Node* list = node.find("mayNot"))
            each_text(*list, "mayNot", [&](const Node& item) { ask(item, Question::may_not, " may not "); });
        if (const auto other = label(node, "within"); !other.empty()) ask(*node.find("within"), Question::within, " within ");
        const bool asks = node.find("may") != nullptr || node.find("mayNot") != nullptr || node.find("within") != nullptr;
        if (!asks) complain(node.place, "needs \"may\", \"mayNot\" or \"within\": without them, nothing is tested");
        if (alone && node.find("mayNot") == nullptr)
            complain(node.find("alone")->place, "\"alone\" goes with \"mayNot\": \"may\" is about the label alone, \"within\" never is");
    }

    std::vector<Case>& cases_;
};

}  // namespace

std::string_view Case::kind() const {
    constexpr std::array<std::string_view, 3> kKinds{"container", "command", "profile"};
    return kKinds[what.index()];
}

Reading read_cases(const std::vector<apparmor::CatalogSource>& sources) {
    Reading result;
    apparmor::CatalogReading reading;
    Reader reader(reading, result.cases);
    for (const auto& source : sources) {
        if (const auto root = apparmor::parse_document(source, reading.errors)) reader.read(source.name, *root);
    }
    result.errors = std::move(reading.errors);
    return result;
}

}  // namespace aa::ctl::test
