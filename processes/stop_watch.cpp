// SPDX-License-Identifier: Apache-2.0
#include "processes/stop_watch.h"

#include <utility>

#include "shared/futex.h"
#include "shared/quiet_thread.h"

namespace twinpool::processes {

std::stop_token StopWatch::begin(std::uint32_t index, std::uint32_t generation) {
  std::stop_token token;
  {
    const std::lock_guard lock(mutex_);
    try {
      // It ends with the process: a worker leaves by _exit.
      if (!started_) start_quiet_thread("twinpool-stop", [this] { run(); }).detach();
      started_ = true;
      source_ = std::stop_source();
    } catch (...) {  // NOLINT: no thread or no memory: the task ends when it ends
      return {};
    }
    current_ = make_ref(generation, index);
    token = source_.get_token();
  }
  look();  // it may have been asked before it began
  return token;
}

void StopWatch::end() {
  std::stop_source gone(std::nostopstate);
  const std::lock_guard lock(mutex_);
  current_ = 0;
  std::swap(gone, source_);
}

void StopWatch::look() {
  std::unique_lock lock(mutex_);
  if (current_ == 0) return;
  const SlotWord word{segment_.slot(ref_index(current_)).word.load(std::memory_order_acquire)};
  if (word.generation() != ref_generation(current_) || word.ending() == Ending::kNone) return;
  std::stop_source source = source_;
  lock.unlock();  // what the user wants called may take its time
  source.request_stop();
}

void StopWatch::run() {
  for (;;) {
    const std::uint32_t bell = record_.stop_bell.load(std::memory_order_seq_cst);
    look();
    futex_wait(record_.stop_bell, bell, FutexScope::kAllProcesses);
  }
}

}  // namespace twinpool::processes
