// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/backend.h"
#include "bench/trace/shared_trace.h"
#include "bench/trial.h"

namespace twinpool::bench {

/// What one traced trial showed. Times are nanoseconds of the steady clock, 0: has not happened.
struct TrialTrace {
  struct Task {
    std::int64_t submitted_ns = 0;
    std::int64_t accepted_ns = 0;  ///< when submit returned
    std::int64_t begun_ns = 0;
    std::int64_t ended_ns = 0;  ///< 0 although it began: its worker or its program was gone, or it hangs
    std::uint32_t name = 0;     ///< place in `names`
    int process = 0;
    int thread = 0;
    bool threw = false;
  };
  struct WorkerEvent {
    std::int64_t when_ns = 0;
    EventKind kind{};
    int worker = -1;
    int id = 0;  ///< process id or thread id
    int signal = 0;
    int exit_status = 0;
  };
  struct Memory {
    std::int64_t when_ns = 0;
    std::uint64_t pss_bytes = 0;
  };
  struct Strike {
    std::string fault;
    std::int64_t when_ns = 0;
    int thread = 0;
  };

  std::string title;  ///< what ran: a cell's name, or a fault's
  Backend backend = Backend::kThreads;
  int owner = 0;                         ///< process id of the program
  std::vector<std::string> names = {};   ///< of functions
  std::vector<Task> tasks = {};          ///< in the order of submission
  std::vector<WorkerEvent> events = {};  ///< in the order of their times
  std::vector<Memory> memory = {};       ///< PSS of the whole tree, without the trace's own memory
  std::uint64_t left_out = 0;            ///< tasks for which there was no room
  std::int64_t ended_ns = 0;             ///< when the program was gone
  std::string end = {};                  ///< how it ended, where that is not by itself with 0
  std::optional<Strike> strike = {};
};

/// Waits for the end of a trial that records into `shared`, and lets it go on at each mark; kills it when it
/// stands still. Looks at its memory meanwhile, which holds its processes up for a moment each time.
///
/// Gives: what it showed, without `title`, `backend` and `strike`. Records that make no sense are left out.
[[nodiscard]] TrialTrace watch_trial(Trial& trial, const SharedTrace& shared);

/// Gives: the tasks and events of `shared` whose times lie in [begin_ns, end_ns] and do not contradict each
/// other.
[[nodiscard]] TrialTrace read_trace(const SharedTrace& shared, std::int64_t begin_ns, std::int64_t end_ns);

}  // namespace twinpool::bench
