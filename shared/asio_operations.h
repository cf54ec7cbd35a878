// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "shared/awaited.h"
#include "shared/future.h"

/// What shared/asio.h is made of: handlers that wait for tasks, and the end of their execution context.
namespace twinpool::detail {

/// A handler that waits. It lies in the list of its execution context until one of both ends comes.
class AsioOperation {
 public:
  /// The context ends: destroys the handler, and this.
  virtual void abandon() noexcept = 0;
  virtual ~AsioOperation() = default;

 private:
  friend class AsioOperations;
  AsioOperation* before_ = nullptr;
  AsioOperation* after_ = nullptr;
};

/// The handlers of one execution context that wait for tasks.
///
/// Asio destroys what lies in a context's own queues when the context ends, but knows nothing of a task that
/// a pool runs. So the context has a service that ends the waiting, and tasks that settle look here before
/// they post: what this holds outlives the context. Invariant: a listed operation's executor is valid.
class AsioOperations {
 public:
  /// Gives: false when the context has ended.
  bool add(AsioOperation& operation) {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    operation.after_ = first_;
    if (first_ != nullptr) first_->before_ = &operation;
    first_ = &operation;
    return true;
  }
  /// Takes `operation` off the list and calls `complete`, which posts; nothing where the context has ended.
  template <typename Complete>
  void complete(AsioOperation& operation, Complete&& complete) {
    // The context cannot end between the look and the post: its service waits for the mutex.
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    (operation.before_ != nullptr ? operation.before_->after_ : first_) = operation.after_;
    if (operation.after_ != nullptr) operation.after_->before_ = operation.before_;
    complete();
  }
  void end() noexcept {
    AsioOperation* next = nullptr;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      next = std::exchange(first_, nullptr);
    }
    while (next != nullptr) std::exchange(next, next->after_)->abandon();
  }

 private:
  std::mutex mutex_;
  bool ended_ = false;
  AsioOperation* first_ = nullptr;
};

/// Tells AsioOperations that its context ends.
class AsioService final : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;
  explicit AsioService(boost::asio::execution_context& owner)
      : boost::asio::execution_context::service(owner) {}
  [[nodiscard]] const std::shared_ptr<AsioOperations>& operations() const { return operations_; }

 private:
  void shutdown() override { operations_->end(); }
  const std::shared_ptr<AsioOperations> operations_ = std::make_shared<AsioOperations>();
};

template <typename Executor>
std::shared_ptr<AsioOperations> asio_operations_of(const Executor& executor) {
  boost::asio::execution_context& context = [&]() -> boost::asio::execution_context& {
    if constexpr (boost::asio::can_query<const Executor&, boost::asio::execution::context_t>::value) {
      return boost::asio::query(executor, boost::asio::execution::context);
    } else {
      return executor.context();
    }
  }();
  return boost::asio::use_service<AsioService>(context).operations();
}

/// A handler for a T.
template <typename T>
class AsioHandler : public AsioOperation {
 public:
  /// Posts the handler and destroys this.
  virtual void complete(std::exception_ptr error, std::optional<T> value) = 0;
};

template <typename T, typename Handler>
class AsioHandlerOf final : public AsioHandler<T> {
  using Executor = boost::asio::associated_executor_t<Handler>;
  using Allocator = typename std::allocator_traits<
      boost::asio::associated_allocator_t<Handler>>::template rebind_alloc<AsioHandlerOf>;

 public:
  static AsioHandlerOf* make(Handler&& handler) {
    Allocator allocator(boost::asio::get_associated_allocator(handler));
    auto* const memory = std::allocator_traits<Allocator>::allocate(allocator, 1);
    try {
      return ::new (memory) AsioHandlerOf(std::move(handler));
    } catch (...) {
      std::allocator_traits<Allocator>::deallocate(allocator, memory, 1);
      throw;
    }
  }
  void abandon() noexcept override { const auto gone = leave(); }
  void complete(std::exception_ptr error, std::optional<T> value) override {
    auto [handler, work] = leave();
    const auto executor = work.get_executor();
    const auto allocator = boost::asio::get_associated_allocator(handler);
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    boost::asio::post(executor, boost::asio::bind_allocator(
                                    allocator, [handler = std::move(handler), slot, error = std::move(error),
                                                value = std::move(value)]() mutable {
                                      // Here and not where the task settled: the slot belongs to the
                                      // handler's own thread.
                                      if (slot.is_connected()) slot.clear();
                                      if constexpr (std::is_same_v<T, Unit>) {
                                        std::move(handler)(std::move(error));
                                      } else {
                                        std::move(handler)(std::move(error), value ? std::move(*value) : T());
                                      }
                                    }));
  }

 private:
  using Work = boost::asio::executor_work_guard<Executor>;
  explicit AsioHandlerOf(Handler&& handler)
      : work_(boost::asio::get_associated_executor(handler)), handler_(std::move(handler)) {}
  /// Frees the memory first, which the handler may use again (Asio's guarantee for allocators).
  std::pair<Handler, Work> leave() {
    std::pair<Handler, Work> rest(std::move(handler_), std::move(work_));
    Allocator allocator(boost::asio::get_associated_allocator(rest.first));
    this->~AsioHandlerOf();
    std::allocator_traits<Allocator>::deallocate(allocator, this, 1);
    return rest;
  }

  Work work_;
  Handler handler_;
};

/// A task that a handler waits for. Owned by itself until the task settles, and by the handler's cancellation
/// slot.
template <typename T>
class AsioWait final : public Awaited {
 public:
  AsioWait(std::shared_ptr<AsioOperations> operations, AsioHandler<T>& handler)
      : operations_(std::move(operations)), handler_(handler) {}

  static void start(std::shared_ptr<AsioWait> wait, Future<T> future) noexcept {
    AsioWait& started = *wait;
    started.self_ = std::move(wait);
    started.await(*future.detach());
  }
  void complete(std::exception_ptr error, std::optional<T> value) {
    operations_->complete(handler_, [&] { handler_.complete(std::move(error), std::move(value)); });
  }

 private:
  void arrived(TaskState& source) noexcept override {
    const auto self = std::move(self_);
    std::exception_ptr error;
    std::optional<T> value;
    try {
      value.emplace(Future<T>(&source).get());
    } catch (...) {
      error = std::current_exception();
    }
    complete(std::move(error), std::move(value));
  }

  const std::shared_ptr<AsioOperations> operations_;
  AsioHandler<T>& handler_;  // dangles once the context has ended: operations_ knows
  std::shared_ptr<AsioWait> self_;
};

/// Has `handler` wait for the Future that `make` gives; what `make` throws goes to the handler too.
template <typename T, typename Handler, typename Make>
void asio_wait(Handler&& handler, Make&& make) {
  using Operation = AsioHandlerOf<T, std::decay_t<Handler>>;
  auto slot = boost::asio::get_associated_cancellation_slot(handler);
  auto operations = asio_operations_of(boost::asio::get_associated_executor(handler));
  auto* const operation = Operation::make(std::forward<Handler>(handler));
  const auto wait = std::make_shared<AsioWait<T>>(operations, *operation);
  if (!operations->add(*operation)) return operation->abandon();
  // Before the task may settle: the handler can then run at any moment, and may use its slot anew.
  if (slot.is_connected()) {
    slot.assign([wait](boost::asio::cancellation_type type) {
      if (type != boost::asio::cancellation_type::none) wait->cancel();
    });
  }
  try {
    AsioWait<T>::start(wait, make());
  } catch (...) {
    wait->complete(std::current_exception(), std::nullopt);
  }
}

}  // namespace twinpool::detail
