// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <span>
#include <tuple>
#include <utility>

#include "processes/recovery.h"
#include "processes/task_books.h"
#include "processes/task_queue.h"
#include "shared/pool.h"

namespace twinpool::processes {

/// The owner's books over a real segment, with nobody else there: no launcher, no supervisor, no monitor, no
/// worker. Tests decide what happens next, and in what order. Submits as ProcessPool's owner does.
class BareOwner {
 public:
  explicit BareOwner(const SegmentShape& shape)
      : books_(TaskBooks::create(shape, TaskRegistry::count())),
        bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  BareOwner(const BareOwner&) = delete;
  BareOwner& operator=(const BareOwner&) = delete;
  ~BareOwner() {
    settle_all();
    books_->orphan();
  }

  [[nodiscard]] TaskBooks& books() const { return *books_; }
  [[nodiscard]] const Segment& segment() const { return books_->segment(); }
  [[nodiscard]] int bell() const { return bell_.get(); }
  /// The slot of the task that was submitted last.
  [[nodiscard]] SlotRef last() const { return last_; }

  /// Queues a task and wakes nobody. Gives: a Future that is not valid when no slot or no memory is left.
  template <auto Fn, typename... Args>
  Future<ResultOf<Fn>> submit(Args&&... args) {
    std::tuple<Args&&...> references(std::forward<Args>(args)...);
    return Future<ResultOf<Fn>>(queue(twinpool::detail::CallOf<Fn, Args...>::call(references)));
  }

  /// What the owner's monitor does when a worker has rung.
  void serve_bell() const {
    for (int worker = 0; worker < segment().place_count(); ++worker) {
      const SlotRef intent = segment().worker(worker).intent.load(std::memory_order_acquire);
      if (intent != 0 && ref_index(intent) < segment().slot_count())
        books_->attach_result_memory(ref_index(intent));
    }
  }

  /// Ends what has not ended. Requires: no worker is left.
  void settle_all() const {
    for (std::uint32_t i = 0; i < segment().slot_count(); ++i) {
      Slot& slot = segment().slot(i);
      settle_slot(slot, SlotWord{slot.word.load()}.generation(), SlotState::kClosed);
    }
  }

 private:
  TaskRecord* queue(const Call& call) {
    Writer count;
    call.encode(call.references, count);
    const std::size_t bytes = count.size();
    TaskRecord* const record = books_->acquire(call.type, call.sequence);
    if (record == nullptr) return nullptr;
    Extent arguments;
    if (bytes > kInlineArguments) {
      const auto extent = books_->allocate(bytes);
      if (!extent) {
        books_->abandon(record);
        return nullptr;
      }
      arguments = *extent;
    }
    books_->attach(*record, arguments, Extent{}, std::move(count.attached()));
    const std::uint32_t index = TaskBooks::index_of(*record);
    const std::uint32_t generation = TaskBooks::generation_of(*record);
    Slot& slot = segment().slot(index);
    slot.type = call.type;
    slot.arguments_bytes = bytes;
    slot.control.store(arguments.empty() ? kSampled : kSampled | kArgumentsApart, std::memory_order_relaxed);
    slot.arguments_offset = arguments.offset;
    slot.submitted_ns = Clock::now().time_since_epoch().count();
    Writer writer(arguments.empty() ? std::span<std::byte>(slot.arguments, bytes)
                                    : segment().payload().subspan(arguments.offset, bytes));
    call.encode(call.references, writer);
    slot.word.store(SlotWord::make(generation, 0, SlotState::kQueued).bits, std::memory_order_release);
    last_ = make_ref(generation, index);
    push_entry(segment(), last_);
    return record;
  }

  TaskBooks* books_;  // ends itself when the last Future is gone
  Descriptor bell_;
  SlotRef last_ = 0;
};

}  // namespace twinpool::processes
