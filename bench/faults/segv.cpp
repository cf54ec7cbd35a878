// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

/// Where nothing is ever mapped, as a member of an object at null; volatile, or the compiler would see
/// through it.
volatile std::uintptr_t nowhere = 64;

__attribute__((no_sanitize("undefined", "address"))) void strike() {
  *reinterpret_cast<volatile int*>(nowhere) = 1;
}

}  // namespace

const Fault kSegv{"segv", "writes through a null pointer", true, strike};

}  // namespace twinpool::bench
