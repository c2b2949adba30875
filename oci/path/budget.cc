// SPDX-License-Identifier: Apache-2.0
#include "oci/path/budget.h"

#include "base/text.h"

namespace aa::oci {

Error Budget::exhausted() {
    steps_ = 0;
    return {ErrorKind::limit, concat({"finding it takes more than ", decimal(static_cast<long long>(kMaxPathSteps)),
                                      " steps: shorten PATH, or have fewer links and mounts on the way"})};
}

}  // namespace aa::oci
