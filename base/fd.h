// SPDX-License-Identifier: Apache-2.0
//
// Fd: the one owner of a file descriptor. Functions that only use a descriptor take an int;
// functions that keep it take an Fd.
#pragma once

#include <unistd.h>

#include <utility>

namespace aa {

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    [[nodiscard]] int get() const { return fd_; }

    // Gives the descriptor away; it stays open.
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }

    // Closes the descriptor, if any. An error of close(2) is ignored on purpose: nothing can be done about it,
    // and data that must be safe was fsynced before.
    void reset() {
        if (fd_ >= 0) (void)::close(fd_);
        fd_ = -1;
    }

private:
    int fd_ = -1;
};

}  // namespace aa
