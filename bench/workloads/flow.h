// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/backend.h"
#include "shared/pool.h"

namespace twinpool::bench {

class SharedTrace;
struct TrialPage;
struct Workload;

/// What a workload needs to know to make its tasks. The same numbers make the same tasks in both twins.
struct FlowOptions {
  std::uint64_t seed = 42;
  std::uint64_t payload_bytes = 0;
  std::string input = {};  ///< wordcount: the file to read
  std::vector<std::uint32_t> words_in_slice =
      {};  ///< wordcount: the right answer of each slice, counted in one pass before
  std::optional<int> priority = {};            ///< of each task; none: submitted without a word
  Backend backend = Backend::kThreads;         ///< of the pool, for flows that make pools of their own
  int workers = 1;                             ///< likewise
  std::vector<std::uint64_t> parameters = {};  ///< the workload's, in its order; none: as declared
  const Workload* workload = nullptr;          ///< which one this is
  SharedTrace* trace = nullptr;                ///< where to write down each task; null: nowhere
};

/// How many tasks, and how they are pushed through the pool.
struct Stretch {
  std::uint64_t first = 0;  ///< number of the first task; numbers decide what a task does
  std::uint64_t tasks = 0;
  std::uint64_t window =
      64;  ///< at most this many unsettled or untaken at a time: closed loop, the next one follows a result
  bool keep_latency = false;  ///< needs a pool with Timing::kEvery
};

/// What came of a stretch. Every result has been checked.
struct Tally {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;
  std::uint64_t checksum =
      0;                      ///< over all results and their numbers, whatever the order: equal in both twins
  std::string first_mistake;  ///< one sentence about the first result that was wrong or missing
  std::vector<std::int64_t> latency_ns;  ///< submitted until settled, in the order of the tasks
};

/// Adds up what came of two stretches.
inline void add(Tally& to, const Tally& more) {
  to.delivered += more.delivered;
  to.failed += more.failed;
  to.lost += more.lost;
  to.wrong += more.wrong;
  to.checksum += more.checksum;
  if (to.first_mistake.empty()) to.first_mistake = more.first_mistake;
}

/// One task of a generator that decides itself when to submit, after its result was taken.
struct Taken {
  TaskTiming timing;
  bool cancelled = false;  ///< it never ran; such a task is in no Tally
};

/// One workload, set up on one pool.
class Flow {
 public:
  virtual ~Flow() = default;
  /// Pushes the tasks through and takes all results. `page`, where given, counts along.
  ///
  /// Errors: SubmitRefused when the pool takes no more.
  virtual Tally run(const Stretch& stretch, TrialPage* page) = 0;
  /// Submits `tasks` tasks, waits until all have settled and holds their results until `held` was told: the
  /// most that the workload ever has in memory.
  virtual Tally hold(std::uint64_t tasks, void (*held)(void*), void* argument) = 0;
  /// Submits task `number`; its result is to be taken by take_one(). Needs a pool with Timing::kEvery.
  ///
  /// Errors: SubmitRefused, and nothing was submitted then.
  virtual void submit_one(std::uint64_t number) = 0;
  /// Takes the oldest result that submit_one() has due, waiting for it until `until` (none: not at all).
  ///
  /// Gives: nothing when it has not settled by then, or none is due.
  virtual std::optional<Taken> take_one(std::optional<Clock::time_point> until, Tally& tally) = 0;
};

}  // namespace twinpool::bench
