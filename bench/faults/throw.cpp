// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike() { throw std::runtime_error("this task was made to fail"); }

}  // namespace

/// The one fault that both twins promise to contain in the same way (C15).
const Fault kThrow{"throw", "throws an exception", true, strike};

}  // namespace twinpool::bench
