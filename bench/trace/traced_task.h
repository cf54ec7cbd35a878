// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "bench/trace/shared_trace.h"

/// How tasks come to be recorded: the submitter submits Traced<fn>::run in the place of fn, with the number
/// of a record as first argument, and the worker writes its side of that record.
namespace twinpool::bench {

/// The trace of the trial that this process is, or is a fork of; null where none is taken.
[[nodiscard]] SharedTrace* shared_trace();
void set_shared_trace(SharedTrace* trace);

/// A task of this process while it runs.
class TaskSpan {
 public:
  /// Requires: shared_trace().
  explicit TaskSpan(std::uint32_t number);
  TaskSpan(const TaskSpan&) = delete;
  TaskSpan& operator=(const TaskSpan&) = delete;
  ~TaskSpan();

 private:
  TaskRecord& record_;
  int exceptions_ = std::uncaught_exceptions();
};

/// A call of submit while it goes on; a call that throws is not recorded as accepted.
class SubmissionSpan {
 public:
  SubmissionSpan(SharedTrace& trace, std::string_view name);
  SubmissionSpan(const SubmissionSpan&) = delete;
  SubmissionSpan& operator=(const SubmissionSpan&) = delete;
  ~SubmissionSpan();

  /// The record's number; nothing: the task goes untraced.
  [[nodiscard]] std::optional<std::uint32_t> number() const { return number_; }
  /// The pool has refused the task.
  void refuse() { refused_ = true; }

 private:
  SharedTrace& trace_;
  std::optional<std::uint32_t> number_;
  bool refused_ = false;
  int exceptions_ = std::uncaught_exceptions();
};

template <auto Fn, typename F = decltype(Fn)>
struct Traced;
template <auto Fn, typename R, typename... P>
struct Traced<Fn, R (*)(P...)> {
  static R run(std::uint32_t number, P... arguments) {
    const TaskSpan span(number);
    return Fn(std::forward<P>(arguments)...);
  }
};

/// The last part of a function's name: "sort" of "app::sort".
[[nodiscard]] std::string_view short_name(std::string_view function);

}  // namespace twinpool::bench
