// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

[[noreturn]] void strike(const Scene& /*scene*/) { throw std::runtime_error("this task was made to fail"); }

}  // namespace

/// The one fault that both twins promise to contain in the same way (C15).
constinit const Fault kThrow{
    .name = "throw",
    .sentence = "throws an exception",
    .strike = strike,
    .threads = expect(Answer::kContained, "the worker catches what a task throws"),
    .processes = expect(Answer::kContained, "the worker catches it and sends type and text"),
    .standard = true};

}  // namespace twinpool::bench
