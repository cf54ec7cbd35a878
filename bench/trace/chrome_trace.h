// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "bench/trace/trial_trace.h"

namespace twinpool::bench {

inline constexpr std::uint64_t kDefaultTraceBytes = 64 << 20;
/// The least that a trial's share of the file has to be.
inline constexpr std::uint64_t kLeastTraceShare = 64 << 10;

/// Traced trials as one file for ui.perfetto.dev, in Chrome's trace event format.
///
/// A program of threads is one process with a row a worker; of the process twin each worker is a process, and
/// a replaced one a process more. All trials begin at 0, so that the twins lie below each other. The file is
/// never longer than its limit: what does not fit is left out and counted, tasks as a whole (submission,
/// arrow, slice).
///
/// Source: the Trace Event Format,
/// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
class ChromeTrace {
 public:
  /// Takes: the longest that the file may become, and how many trials will be added.
  /// Requires: kLeastTraceShare for each.
  ChromeTrace(std::uint64_t limit_bytes, std::size_t trials);

  /// Room for how many tasks the next trial should have.
  [[nodiscard]] std::uint32_t tasks_of_next() const;
  void add(const TrialTrace& trial);

  [[nodiscard]] std::size_t trials() const { return added_; }
  [[nodiscard]] std::uint64_t shown() const { return shown_; }
  /// Tasks for which there was no room.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }
  /// The file, in the order of time.
  [[nodiscard]] std::string text() const;

 private:
  friend class TrialRows;
  struct Line {
    std::int64_t when_ns;
    std::size_t offset;
    std::size_t size;
  };
  /// Lines that are kept all or not at all.
  class Group;
  [[nodiscard]] std::uint64_t share() const;

  const std::uint64_t limit_bytes_;
  const std::size_t expected_;
  std::size_t added_ = 0;
  std::uint64_t shown_ = 0;
  std::uint64_t left_out_ = 0;
  std::uint64_t flows_ = 0;
  std::size_t room_ = 0;  // for the trial that is added now: how long text_ may become
  std::string text_;
  std::vector<Line> lines_;
  std::set<int> ids_;  // process and thread ids that the file uses
};

}  // namespace twinpool::bench
