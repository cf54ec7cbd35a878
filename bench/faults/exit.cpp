// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

/// As a library does that thinks it is the whole program: with destructors of statics, in a program whose
/// other threads still run.
void strike() { std::exit(3); }

}  // namespace

const Fault kExit{"exit", "calls exit(3)", true, strike};

}  // namespace twinpool::bench
