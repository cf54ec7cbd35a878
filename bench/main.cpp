// SPDX-License-Identifier: Apache-2.0
#include "bench/twinpool_main.h"

// Defined by whoever links twinpool::main and registers workloads; null in the command itself.
extern "C" __attribute__((weak)) twinpool::bench::WorkloadTable twinpool_workloads;

int main(int argc, char** argv) { return twinpool::bench::twinpool_main(argc, argv, &twinpool_workloads); }
