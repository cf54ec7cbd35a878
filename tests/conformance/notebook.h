// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdint>
#include <vector>

#include "tests/conformance/gate.h"

/// What tasks leave behind about the order they ran in and the worker they ran on, in both twins.
namespace twinpool::conformance {

/// Adds `what` to a notebook.
inline void note(Words notes, std::uint32_t what) {
  const auto at = atomic_at(notes, 0).fetch_add(1);
  atomic_at(notes, 1 + at).store(what);
}

/// A list in shared memory: how many notes there are, then the notes in the order in which tasks wrote them.
class Notebook {
 public:
  Notebook(Pool& pool, std::size_t room) : words_(pool.make_shared_buffer<std::uint32_t>(1 + room)) {}

  [[nodiscard]] const Words& words() const { return words_; }
  [[nodiscard]] std::size_t size() const { return atomic_at(words_, 0).load(); }
  [[nodiscard]] std::vector<std::uint32_t> read() const {
    std::vector<std::uint32_t> notes;
    for (std::size_t i = 0; i < size(); ++i) notes.push_back(atomic_at(words_, 1 + i).load());
    return notes;
  }

 private:
  Words words_;
};

/// The id that WorkerStats::id has for the worker that runs this.
inline int worker_id() { return static_cast<int>(gettid()); }
/// Waits at the gate first.
inline int worker_id_past_gate(Words gate) {
  pass_gate(std::move(gate));
  return worker_id();
}

/// Counts itself in, then runs until it is asked to stop or the gate opens. Gives: whether it was asked.
inline bool run_until_asked(std::stop_token stop, Words gate) {
  atomic_at(gate, kEntered).fetch_add(1);
  const auto deadline = Clock::now() + kPatience;
  while (!stop.stop_requested() && atomic_at(gate, kOpened).load() == 0) {
    if (Clock::now() >= deadline) throw std::runtime_error("the gate was never opened");
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  atomic_at(gate, kLeft).fetch_add(1);
  return stop.stop_requested();
}
/// Whether its token had been asked to stop before it began.
inline bool begins_stopped(std::stop_token stop) { return stop.stop_requested(); }

}  // namespace twinpool::conformance
