// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value or an Error, in the shape of std::expected (which g++ 12 does not have in C++20).
// A dropped Result is a compiler warning, and warnings are errors in CI.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace aa {

// Why something failed, coarse enough to choose an exit code and to test without comparing text.
enum class ErrorKind {
    usage,      // the command line cannot be understood
    config,     // a document (catalog, bundle, profile) is wrong
    not_found,  // a file, container or profile does not exist
    system,     // the operating system refused a call
    denied,     // the operator's policy says no
    limit,      // it takes more work than a call may do on what others wrote
    bug,        // an invariant of aa-shim itself does not hold
};

// One failure. The message names the object, the problem and, where there is one, the remedy.
struct [[nodiscard]] Error {
    ErrorKind kind = ErrorKind::bug;
    std::string message;

    // The same error with "WHAT: " put in front: the caller knows why it asked.
    Error context(std::string_view what) && {
        message.insert(0, std::string(what) + ": ");
        return std::move(*this);
    }
};

// A T, or the Error that says why there is none. Reading the wrong one is undefined, as with std::expected.
template <class T = void>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    T& operator*() & { return *std::get_if<0>(&state_); }
    const T& operator*() const& { return *std::get_if<0>(&state_); }
    T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
    T* operator->() { return std::get_if<0>(&state_); }
    const T* operator->() const { return std::get_if<0>(&state_); }

    [[nodiscard]] const Error& error() const& { return *std::get_if<1>(&state_); }
    [[nodiscard]] Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

    // Success unchanged; an error with "WHAT: " in front.
    Result context(std::string_view what) && {
        if (has_value()) return std::move(*this);
        return std::move(*this).error().context(what);
    }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    [[nodiscard]] bool has_value() const { return !error_.has_value(); }
    explicit operator bool() const { return has_value(); }
    void operator*() const {}

    [[nodiscard]] const Error& error() const& { return *error_; }
    [[nodiscard]] Error&& error() && { return std::move(*error_); }

    Result context(std::string_view what) && {
        if (has_value()) return {};
        return std::move(*error_).context(what);
    }

private:
    std::optional<Error> error_;
};

}  // namespace aa

// Yields the value of a Result, or returns its error from the enclosing function. The name is numbered so that one TRY may
// stand inside another.
#define TRY(expression) AA_TRY_AS(AA_TRY_JOIN(try_result_, __COUNTER__), expression)
#define AA_TRY_JOIN(a, b) AA_TRY_JOIN_NOW(a, b)
#define AA_TRY_JOIN_NOW(a, b) a##b
#define AA_TRY_AS(name, expression)                  \
    __extension__({                                  \
        auto name = (expression);                    \
        if (!name) return ::std::move(name).error(); \
        *::std::move(name);                          \
    })
