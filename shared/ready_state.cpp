// SPDX-License-Identifier: Apache-2.0
#include "shared/ready_state.h"

#include <algorithm>
#include <memory>
#include <new>

namespace twinpool {
namespace {

/// A call's arguments, held for one run.
class HeldArguments {
 public:
  explicit HeldArguments(const Call& call)
      : type_(*call.type),
        memory_(::operator new(std::max<std::size_t>(type_.args_size, 1), std::align_val_t{type_.args_alignment})) {
    try {
      call.build(call.references, memory_);
    } catch (...) {
      free();
      throw;
    }
  }
  HeldArguments(const HeldArguments&) = delete;
  HeldArguments& operator=(const HeldArguments&) = delete;
  ~HeldArguments() {
    type_.destroy_args(memory_);
    free();
  }
  [[nodiscard]] void* get() const { return memory_; }

 private:
  void free() { ::operator delete(memory_, std::align_val_t{type_.args_alignment}); }

  const TaskType& type_;
  void* memory_;
};

}  // namespace

ReadyState::ReadyState(const ResultType& type)
    : type_(type), value_(::operator new(std::max<std::size_t>(type.size, 1), std::align_val_t{type.alignment})) {}

ReadyState::~ReadyState() {
  if (constructed_) type_.destroy(value_);
  ::operator delete(value_, std::align_val_t{type_.alignment});
}

ReadyState* ReadyState::run(const Call& call, bool timed) {
  struct Delete {
    void operator()(ReadyState* state) const { delete state; }
  };
  std::unique_ptr<ReadyState, Delete> state(new ReadyState(*call.type->result));
  const HeldArguments arguments(call);
  TaskTiming timing;
  if (timed) timing.submitted_ns = timing.started_ns = now_ns();
  try {
    call.type->run(arguments.get(), state->value_, {});
    state->constructed_ = true;
  } catch (...) {
    state->failure_ = failure_of_current_exception();
  }
  if (timed) {
    timing.settled_ns = now_ns();
    state->timing_ = timing;
  }
  return state.release();
}

std::unique_ptr<Failure> ReadyState::take(const ResultType& type, void* to) {
  const struct Release {
    ~Release() { state->release(); }
    ReadyState* state;
  } release{this};
  if (failure_) return std::make_unique<Failure>(std::move(*failure_));
  if (constructed_) {
    constructed_ = false;
    type.relocate(to, value_);
  }
  return nullptr;
}

}  // namespace twinpool
