// SPDX-License-Identifier: Apache-2.0
//
// The shape of a path's end. Engines put their directories in places of their own, in the same order everywhere: what
// comes before may be configured, the last components may not.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

namespace aa::oci {

// What of the absolute PATH comes before the components TAIL, if it ends in them: "/a/b" for "/a/b/c/d" and {"c", "d"}.
// "*" stands for any one component. A trailing slash counts for nothing; an empty, "." or ".." component matches nothing.
std::optional<std::string_view> before_tail(std::string_view path, std::span<const std::string_view> tail);
std::optional<std::string_view> before_tail(std::string_view path, std::initializer_list<std::string_view> tail);

// The last component of PATH; empty if there is none.
std::string_view last_component(std::string_view path);

}  // namespace aa::oci
