// SPDX-License-Identifier: Apache-2.0
#include "shared/event_queue.h"

#include <utility>

#include "shared/quiet_thread.h"

namespace twinpool {

EventQueue::EventQueue(EventCallback callback) : callback_(std::move(callback)) {
  if (callback_) {
    thread_ = start_quiet_thread("twinpool-event", [this] { run(); });
  }
}

EventQueue::~EventQueue() { stop(); }

void EventQueue::tell(Event event) noexcept {
  if (!callback_) return;
  if (event.when == decltype(event.when){}) event.when = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (stopping_ || waiting_.size() >= kCapacity) {
    ++dropped_;
    return;
  }
  try {
    waiting_.push_back(std::move(event));
  } catch (const std::bad_alloc&) {
    ++dropped_;
    return;
  }
  changed_.notify_one();
}

void EventQueue::run() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Event event = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    bool failed = false;
    try {
      callback_(event);
    } catch (...) {
      failed = true;
    }
    lock.lock();
    if (failed) ++failures_;
  }
}

void EventQueue::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

std::uint64_t EventQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

std::uint64_t EventQueue::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

}  // namespace twinpool
