// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike() { std::abort(); }

}  // namespace

/// What a failed assertion, a corrupted heap and an exception out of a noexcept function end in.
const Fault kAbort{"abort", "calls abort()", true, strike};

}  // namespace twinpool::bench
