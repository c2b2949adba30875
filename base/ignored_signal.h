// SPDX-License-Identifier: Apache-2.0
//
// A signal that the process ignores for as long as this lives, so that the call that would bring it fails instead. What the signal did before,
// it does again afterwards: a program that is executed inherits that.
#pragma once

#include <csignal>

namespace aa {

class IgnoredSignal {
public:
    explicit IgnoredSignal(int signal) : signal_(signal), before_(::signal(signal, SIG_IGN)) {}
    IgnoredSignal(const IgnoredSignal&) = delete;
    IgnoredSignal& operator=(const IgnoredSignal&) = delete;
    ~IgnoredSignal() { (void)::signal(signal_, before_); }

private:
    int signal_;
    sighandler_t before_;
};

}  // namespace aa
