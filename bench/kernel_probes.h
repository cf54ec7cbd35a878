// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace twinpool::bench {

/// What came of trying the kernel's features: 0, or the errno of the step that failed.
struct KernelProbes {
  int memfd_errno = 0;         ///< memfd_create, sizing, mapping and writing a page
  int pidfd_errno = 0;         ///< pidfd_open of this process
  int smaps_rollup_errno = 0;  ///< reading this process's own
  int ptrace_errno = 0;        ///< following a child
};

/// Tries each feature for real; takes a few milliseconds and leaves nothing behind. Forks once.
KernelProbes probe_kernel();

}  // namespace twinpool::bench
