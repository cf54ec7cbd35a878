// SPDX-License-Identifier: Apache-2.0
#include "bench/trace/traced_task.h"

#include <unistd.h>


#include "shared/future.h"

namespace twinpool::bench {
namespace {

SharedTrace* own_trace = nullptr;

}  // namespace

SharedTrace* shared_trace() { return own_trace; }
void set_shared_trace(SharedTrace* trace) { own_trace = trace; }

TaskSpan::TaskSpan(std::uint32_t number) : record_(own_trace->task(number)) {
  record_.process.store(getpid(), std::memory_order_relaxed);
  record_.thread.store(gettid(), std::memory_order_relaxed);
  record_.begun_ns.store(now_ns(), std::memory_order_relaxed);
}

TaskSpan::~TaskSpan() {
  record_.ended_ns.store(now_ns(), std::memory_order_relaxed);
  record_.end.store(std::uncaught_exceptions() > exceptions_ ? TaskEnd::kThrew : TaskEnd::kReturned,
                    std::memory_order_relaxed);
}

SubmissionSpan::SubmissionSpan(SharedTrace& trace, std::string_view name)
    : trace_(trace), number_(trace.take()) {
  if (!number_) return;
  TaskRecord& record = trace_.task(*number_);
  record.name.store(trace_.name(name), std::memory_order_relaxed);
  record.submitted_ns.store(now_ns(), std::memory_order_relaxed);
}

SubmissionSpan::~SubmissionSpan() {
  if (!number_ || refused_ || std::uncaught_exceptions() > exceptions_) return;
  trace_.task(*number_).accepted_ns.store(now_ns(), std::memory_order_relaxed);
}

std::string_view short_name(std::string_view function) {
  const auto scope = function.rfind("::");
  if (scope != std::string_view::npos) function.remove_prefix(scope + 2);
  return function;
}

}  // namespace twinpool::bench
