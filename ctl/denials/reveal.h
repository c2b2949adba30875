// SPDX-License-Identifier: Apache-2.0
//
// `aa-shimctl denials --reveal`: for as long as it lasts, the kernel has the profiles of a confinement as their sources are but for one thing:
// what a `deny` rule denies is on record. They allow nothing more and nothing less.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::ctl {

class Revealing {
public:
    // Of CONFINEMENT in the catalog in force, whose sources are looked for in DIRECTORIES. Nothing is changed after an error: where a source is
    // not what the kernel has, putting it there would change more.
    static Result<Revealing> begin(const std::string& confinement, const std::vector<std::string>& directories);

    // Puts back what was there before, but for what was loaded meanwhile: what is said of that.
    Result<std::vector<std::string>> end();

    // How many rules deny with a record now.
    [[nodiscard]] std::size_t rules() const { return rules_; }

private:
    // What one file of profiles became, in one piece.
    struct Piece {
        std::string file;
        std::vector<std::string> profiles;
        std::string before, now;  // binary
    };
    Result<void> prepare(const std::string& file, std::vector<std::string> profiles);
    Result<void> put_in_place();

    apparmor::Kernel kernel_;
    std::vector<Piece> pieces_;
    std::size_t rules_ = 0;
};

}  // namespace aa::ctl
