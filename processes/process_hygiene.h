// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

/// What a fork has to shed of its parent before it can serve.
namespace twinpool::processes {

/// Closes every descriptor but 0, 1, 2 and those in `keep`. Close-on-exec does nothing where nobody calls
/// exec, and a forgotten copy of a socket keeps its other end from ever seeing the end.
void close_descriptors_except(std::vector<int> keep);

/// All signals back to their defaults, none blocked; the terminal's SIGINT ignored: the owner decides what it
/// means.
void reset_signals();

/// This process is killed when its parent, `parent`, ends. Requires: the parent has one thread, for
/// PR_SET_PDEATHSIG follows the thread that forked, and that thread is the process. Ends at once when the
/// parent has ended already.
void die_with_parent(int parent);

/// The name that top shows, at most 15 bytes of it.
void set_process_name(const std::string& name);

/// The command line that ps shows, as much of it as the program's own was long. Nothing happens where /proc is
/// not there.
///
/// Overwrites the strings of argv, in this process only; the environment behind them stays.
void set_process_title(const std::string& title);

}  // namespace twinpool::processes
