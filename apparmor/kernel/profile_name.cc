// SPDX-License-Identifier: Apache-2.0
#include "apparmor/kernel/profile_name.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::string_view kStackSeparator = "//&";
constexpr std::string_view kChildSeparator = "//";

Error refused(std::string_view label, std::string_view problem) {
    return {ErrorKind::config, concat({"profile name ", quote(label), " ", problem})};
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The C1 controls (U+0080 to U+009F) drive terminals just as the C0 ones do.
bool is_control(std::string_view sequence) {
    const auto first = static_cast<unsigned char>(sequence[0]);
    if (sequence.size() == 2) return first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
    return first < 0x20 || first == 0x7F;
}

Result<void> check_bytes(std::string_view label) {
    for (std::string_view rest = label; !rest.empty();) {
        const std::size_t length = utf8_length(rest);
        if (length == 0) return refused(label, "is not valid UTF-8");
        if (is_space(rest[0])) return refused(label, "contains white space; an engine cannot pass such a name on, rename the profile");
        if (is_control(rest.substr(0, length))) return refused(label, "contains a control character");
        rest.remove_prefix(length);
    }
    // The kernel trims what is written to attr/exec with a table in which 0xA0 is white space (lib/ctype.c): the last byte
    // of "à" would be cut off.
    if (label.back() == '\xA0') return refused(label, "ends in the byte 0xA0, which the kernel takes for white space");
    return {};
}

// One profile of a stack: "A", or "A//child" as the kernel splits it, at the leftmost "//".
Result<void> check_component(std::string_view label, std::string_view component) {
    if (component.empty()) return refused(label, "has an empty component, which the kernel takes for no confinement");
    if (kUnconfined.starts_with(component)) {
        return refused(label, concat({"has ", quote(component), " where a profile belongs; the kernel takes ",
                                      component == kUnconfined ? "that word" : "every beginning of 'unconfined'", " for no confinement"}));
    }
    for (std::string_view rest = component;;) {
        const std::size_t end = rest.find(kChildSeparator);
        const std::string_view part = rest.substr(0, end);
        if (part.empty()) return refused(label, "has an empty profile name before or after '//'");
        if (part.front() == ':') return refused(label, "names a policy namespace; only profiles of the root namespace can be used");
        if (part.front() == '&') return refused(label, "has a '&' that does not follow the first profile of a stack");
        if (part.front() == '=') return refused(label, "begins a profile name with '=', which the kernel reserves");
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + kChildSeparator.size());
    }
    if (component.back() == '/') return refused(label, "has a profile name that ends in '/'");
    return {};
}

// Calls VISIT with each component of LABEL, until it says false.
template <class Visit>
void for_each_component(std::string_view label, Visit visit) {
    for (;;) {
        const std::size_t end = label.find(kStackSeparator);
        if (!visit(label.substr(0, end)) || end == std::string_view::npos) return;
        label.remove_prefix(end + kStackSeparator.size());
    }
}

bool has_component(std::string_view label, std::string_view wanted) {
    bool found = false;
    for_each_component(label, [&](std::string_view component) {
        found = component == wanted;
        return !found;
    });
    return found;
}

bool covers(std::string_view a, std::string_view b) {
    bool all = true;
    for_each_component(b, [&](std::string_view component) {
        all = has_component(a, component);
        return all;
    });
    return all;
}

}  // namespace

Result<void> check_label(std::string_view label) {
    if (label.empty()) return Error{ErrorKind::config, "a profile name is empty"};
    if (label.size() > kMaxLabel) {
        return refused(label, concat({"is ", decimal(static_cast<long long>(label.size())), " bytes long; the kernel's limit is ",
                                      decimal(static_cast<long long>(kMaxLabel))}));
    }
    TRY(check_bytes(label));
    Result<void> judged;
    for_each_component(label, [&](std::string_view component) {
        judged = check_component(label, component);
        return judged.has_value();
    });
    return judged;
}

std::vector<std::string_view> components(std::string_view label) {
    std::vector<std::string_view> result;
    for_each_component(label, [&](std::string_view component) {
        result.push_back(component);
        return true;
    });
    return result;
}

std::string_view top_level(std::string_view profile) { return profile.substr(0, profile.find(kChildSeparator)); }

bool is_under(std::string_view label, std::string_view profile) {
    const auto parts = components(label);
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
        return part == profile || (part.starts_with(profile) && part.substr(profile.size()).starts_with(kChildSeparator));
    });
}

std::string stack(std::string_view a, std::string_view b) {
    std::string result(a);
    for_each_component(b, [&](std::string_view component) {
        if (!has_component(result, component)) result.append(kStackSeparator).append(component);
        return true;
    });
    return result;
}

bool same_label(std::string_view a, std::string_view b) { return a == b || (covers(a, b) && covers(b, a)); }

bool is_engine_default(std::string_view profile) {
    static constexpr std::array<std::string_view, 4> kDefaults = {"docker-default", "cri-containerd.apparmor.d", "crio-default",
                                                                  "nerdctl-default"};
    return std::find(kDefaults.begin(), kDefaults.end(), profile) != kDefaults.end() || profile.starts_with("containers-default-");
}

}  // namespace aa::apparmor
