// SPDX-License-Identifier: Apache-2.0
#include "shared/promise_state.h"

#include <climits>
#include <stop_token>

#include "shared/futex.h"
#include "shared/helping.h"

namespace twinpool {

bool PromiseState::wait_until(std::optional<Clock::time_point> deadline) noexcept {
  // What follows from tasks may need this very worker to run them.
  const auto over = [&] { return ready() || (deadline && Clock::now() >= *deadline); };
  if (help_until(over)) return ready();
  auto word = word_.load();
  while (!is_settled(word)) {
    if ((word & kWaited) == 0) {
      if (!word_.compare_exchange_weak(word, word | kWaited)) continue;
      word |= kWaited;
    }
    if (!futex_wait(word_, word, FutexScope::kThisProcess, deadline)) return ready();
    word = word_.load();
  }
  return true;
}

std::unique_ptr<Failure> PromiseState::take(const ResultType& type, void* to) {
  wait_until(std::nullopt);
  const struct Release {
    ~Release() { state.let_go(); }
    PromiseState& state;
  } release{*this};
  if ((word_.load() & kValue) == 0) return std::make_unique<Failure>(std::move(*failure_));
  type.relocate(to, storage_);
  word_.fetch_and(~kValue);
  return nullptr;
}

bool PromiseState::cancel() noexcept {
  if (ready()) return false;
  // What on_cancel sets off may settle this state, and another thread may then take the result away.
  hold();
  on_cancel();
  let_go();
  return true;
}

void PromiseState::on_cancel() noexcept { fail(cancelled_failure()); }

void PromiseState::when_settled(Continuation& continuation) noexcept {
  continuation_ = &continuation;
  // Either this sees kSettled, or publish() sees kContinued: both are changes of one word.
  if (is_settled(word_.fetch_or(kContinued))) continuation.settled();
}

void PromiseState::publish(std::uint32_t bits) noexcept {
  const auto before = word_.fetch_or(bits);
  if ((before & kWaited) != 0) futex_wake(word_, INT_MAX, FutexScope::kThisProcess);
  if ((before & kContinued) != 0) continuation_->settled();
}

void PromiseState::publish_failure(Failure failure) noexcept {
  failure_ = std::move(failure);
  publish(kSettled);
}

bool PromiseState::fail(Failure failure) noexcept {
  if (!claim()) return false;
  publish_failure(std::move(failure));
  return true;
}

void PromiseState::let_go() noexcept {
  if (references_.fetch_sub(1) != 1) return;
  if ((word_.load() & kValue) != 0) type_.destroy(storage_);
  delete this;
}

Failure cancelled_failure() {
  return Failure{.kind = FailureKind::kCancelled, .type_name = {}, .message = "cancelled", .loss = {}};
}

namespace {

/// Memory for one value of a type that is known by its size alone.
class Block {
 public:
  Block(std::size_t bytes, std::size_t alignment)
      : alignment_{alignment}, data_(::operator new(bytes, alignment_)) {}
  Block(const Block&) = delete;
  ~Block() { ::operator delete(data_, alignment_); }
  [[nodiscard]] void* data() const { return data_; }

 private:
  const std::align_val_t alignment_;
  void* const data_;
};

/// What a submitting thread ran itself.
class OwnResult final : private Block, public PromiseState {
 public:
  explicit OwnResult(const ResultType& type) : Block(type.size, type.alignment), PromiseState(type, data()) {}
};

/// Arguments in the form in which they run.
class BuiltArguments {
 public:
  explicit BuiltArguments(const Call& call)
      : type_(*call.type), block_(type_.args_size, type_.args_alignment) {
    call.build(call.references, block_.data());
  }
  BuiltArguments(const BuiltArguments&) = delete;
  ~BuiltArguments() { type_.destroy_args(block_.data()); }
  [[nodiscard]] void* data() const { return block_.data(); }

 private:
  const TaskType& type_;
  const Block block_;
};

}  // namespace

TaskState* run_in_caller(const Call& call) {
  auto* const state = new OwnResult(*call.type->result);
  static_cast<void>(state->claim());
  try {
    // Last of all that may fail before the task runs: it takes the caller's arguments away.
    BuiltArguments arguments(call);
    try {
      call.type->run(arguments.data(), state->storage(), std::stop_token{});
      state->publish_value();
    } catch (...) {
      state->publish_failure(failure_of_current_exception());
    }
  } catch (...) {
    state->let_go();
    state->let_go();
    throw;
  }
  state->let_go();
  return state;
}

}  // namespace twinpool
