// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "shared/future.h"

namespace twinpool {

/// One task that something waits for without a thread, and that any thread may ask to cancel meanwhile.
///
/// Invariant: `arrived` is called once for each `await`, when the task has settled and no cancel() is inside
/// it any more; so the state can be taken there, and this object may end there.
/// Threads: cancel() from any thread that keeps the object alive; `arrived` comes in the thread that settled
/// the task, in one that cancels, or in the one that calls `await`.
class Awaited : private Continuation {
 public:
  Awaited() = default;
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;

  /// Takes: a state to own until it is handed to `arrived`; never while another one is awaited.
  void await(TaskState& source) noexcept;
  /// Asks the awaited task to end; where none is awaited yet, the next one is asked as soon as it is.
  void cancel() noexcept;
  /// Whether cancel() has been called.
  [[nodiscard]] bool cancel_asked() const noexcept { return (word_.load() & kAsked) != 0; }

 protected:
  ~Awaited() = default;
  /// `source` has settled; it has to be taken or released.
  virtual void arrived(TaskState& source) noexcept = 0;

 private:
  static constexpr std::uint32_t kClosed = 1;  // nothing is awaited: the source must not be touched
  static constexpr std::uint32_t kAsked = 2;
  static constexpr std::uint32_t kInside = 4;  // times the number of threads inside source_->cancel()

  void settled() noexcept override;

  std::atomic<std::uint32_t> word_{kClosed};
  TaskState* source_ = nullptr;  // written while kClosed is set and nobody is inside
};

}  // namespace twinpool
