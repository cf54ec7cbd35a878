// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "processes/slot.h"

namespace twinpool::processes {

/// Has this process note where it was when SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT kills it.
///
/// The handler runs on a stack of its own, stores signal, address and return addresses into `record`, restores
/// the default and lets the signal happen again, so wait status and core file stay true. A handler that a task
/// installs later replaces it. It calls nothing but backtrace(3), which is no async-signal-safe function by any
/// standard; glibc's takes no lock and no memory once it has been called before, which happens here. Should it
/// crash, the kernel ends the process at once.
/// Requires: a worker process with one thread; `record` outlives it.
void install_fault_handler(FaultRecord& record);

/// Has the handler store into another record from now on. Requires: install_fault_handler was called.
void note_faults_in(FaultRecord& record);

}  // namespace twinpool::processes
