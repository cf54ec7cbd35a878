// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace twinpool::bench {

struct WorkloadTable;

/// The command `twinpool`: its trials and its subcommands.
///
/// Takes: the program's arguments, and workloads of the program's own or null.
/// Gives: the exit code.
int twinpool_main(int argc, char** argv, const WorkloadTable* own);

}  // namespace twinpool::bench
