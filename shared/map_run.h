// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/future.h"
#include "shared/helping.h"
#include "shared/map_options.h"
#include "shared/pool.h"

/// How a `map` keeps tasks going: chunks of elements, some ahead of who takes the results.
namespace twinpool::detail {

/// What an element threw.
struct MapThrow {
  std::uint64_t element;  ///< which of its chunk
  std::string type_name;
  std::string message;
};

/// What the task of one chunk gives: the values of those elements that have one, in order, and the rest.
template <typename R>
struct MapChunk {
  std::vector<R> values;
  std::vector<MapThrow> failures;  ///< in order
  std::int64_t ran_ns = 0;
};

/// How many elements make a chunk.
///
/// Rule: a chunk runs for about a millisecond, by the mean of what was measured (the last chunks count most).
/// The first ones have one element each, and no chunk has more than four times the elements of the largest
/// that was measured, or more than 65536. Where it is known how many elements are left, none has more than a
/// quarter of a worker's share of them, so that all workers end together.
class ChunkSizer {
 public:
  explicit ChunkSizer(std::size_t fixed) : fixed_(fixed) {}
  [[nodiscard]] std::size_t next(std::optional<std::size_t> left, std::size_t workers) const;
  void measured(std::size_t elements, std::int64_t ran_ns);

 private:
  const std::size_t fixed_;  // 0: by the rule
  std::size_t largest_ = 0;
  double ns_per_element_ = 0;
};

/// Where who waits for any of several tasks sleeps.
class Arrivals {
 public:
  void arrived() noexcept;
  /// Waits until `any()`, which is looked at again after each arrival. Helps, in a worker of the thread twin.
  template <typename Any>
  void wait(Any&& any) {
    for (;;) {
      const std::uint32_t before = word_.load();
      if (help_until(any)) return;
      sleep(before);
    }
  }

 private:
  /// Sleeps unless something has arrived since the word was read.
  void sleep(std::uint32_t before) noexcept;

  static constexpr std::uint32_t kWaited = 1;
  std::atomic<std::uint32_t> word_{0};  // kWaited, and twice the number of arrivals
};

/// The continuation of a chunk's task, in the same allocation as its Future.
class ChunkWatch final : public Continuation {
 public:
  /// `keep`: what `this` lies in; kept until the task has settled, as the contract of when_settled asks.
  void start(TaskState& task, std::shared_ptr<Arrivals> arrivals, std::shared_ptr<void> keep) noexcept;
  [[nodiscard]] bool told() const noexcept { return told_.load(); }
  void settled() noexcept override;

 private:
  std::atomic<bool> told_{false};
  std::shared_ptr<Arrivals> arrivals_;
  std::shared_ptr<void> keep_;
};

/// Waits a little before a full pool is tried again. Gives: false when `limit` has passed since the first
/// call.
class Retrying {
 public:
  explicit Retrying(std::chrono::nanoseconds limit) : limit_(limit) {}
  [[nodiscard]] bool wait();
  void reset() { deadline_.reset(); }

 private:
  const std::chrono::nanoseconds limit_;
  std::optional<Clock::time_point> deadline_;
};

/// The failure of elements about which a chunk's result says nothing.
[[nodiscard]] Failure missing_element();

/// Where a map's elements come from.
template <typename R>
class MapSource {
 public:
  virtual ~MapSource() = default;
  /// Reads until `size` elements are there, or the range ends. Gives: how many are there. Throws what the
  /// range throws; what was read before is there.
  virtual std::size_t fill(std::size_t size) = 0;
  [[nodiscard]] virtual std::size_t filled() const = 0;
  /// How many elements have not been read, where that is known.
  [[nodiscard]] virtual std::optional<std::size_t> left() = 0;
  /// Submits what is there, which is gone then; a refusal leaves it.
  [[nodiscard]] virtual Submission<MapChunk<R>> submit() = 0;
  [[nodiscard]] virtual std::size_t workers() const = 0;
};

/// Submits, waits and gives.
template <typename R>
class MapRun {
 public:
  MapRun(MapSource<R>& source, const MapOptions& options)
      : source_(source),
        ordered_(options.ordered),
        look_ahead_(options.look_ahead),
        sizer_(options.chunk),
        retrying_(options.block_limit) {}
  MapRun(const MapRun&) = delete;
  MapRun& operator=(const MapRun&) = delete;
  ~MapRun() {
    for (const auto& chunk : ahead_) chunk->future.cancel();
  }

  /// The next element's number and outcome; none: the end.
  std::optional<std::pair<std::size_t, Outcome<R>>> next() {
    while (given_ == size_) {
      top_up();
      if (ahead_.empty()) {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
        return std::nullopt;
      }
      take(ordered_ ? first() : any());
    }
    const std::size_t i = given_++;
    return std::pair{first_ + i, outcome_of(i)};
  }

 private:
  struct Chunk {
    Chunk(std::size_t from, std::size_t count, Future<MapChunk<R>> task)
        : first(from), size(count), future(std::move(task)) {}
    std::size_t first;
    std::size_t size;
    Future<MapChunk<R>> future;
    ChunkWatch watch;
  };
  using Ahead = std::deque<std::shared_ptr<Chunk>>;

  /// Keeps `look_ahead` tasks in the pool.
  void top_up() {
    try {
      while (!closed_ && (ahead_.size() < look_ahead_ || ahead_.empty())) {
        if (!read()) break;
        const auto size = source_.filled();
        auto submission = source_.submit();
        if (submission) {
          accepted(std::move(submission.future()), size);
        } else if (!try_later(submission.error())) {
          throw SubmitRefused(submission.error());
        } else if (!ahead_.empty()) {
          return;
        }
      }
    } catch (...) {
      error_ = std::current_exception();
      closed_ = true;
    }
  }
  /// Gives: whether there is something to submit.
  bool read() {
    if (source_.filled() == 0 && !ended_) {
      const auto size = sizer_.next(source_.left(), workers_);
      try {
        ended_ = source_.fill(size) < size;
      } catch (...) {
        error_ = std::current_exception();
        ended_ = true;
      }
    }
    closed_ = source_.filled() == 0;
    return !closed_;
  }
  void accepted(Future<MapChunk<R>> future, std::size_t size) {
    retrying_.reset();
    const auto chunk = std::make_shared<Chunk>(submitted_, size, std::move(future));
    if (submitted_ == 0) {
      workers_ = std::max<std::size_t>(source_.workers(), 1);
      if (look_ahead_ == 0) look_ahead_ = 4 * workers_;
    }
    submitted_ += size;
    ahead_.push_back(chunk);
    if (!ordered_) chunk->watch.start(*chunk->future.peek(), arrivals_, chunk);
  }
  /// Whether a refusal may pass: by the results of this map's tasks, or in time.
  bool try_later(SubmitError error) {
    if (error != SubmitError::kQueueFull && error != SubmitError::kOutOfMemory) return false;
    return !ahead_.empty() || retrying_.wait();
  }

  typename Ahead::iterator first() {
    ahead_.front()->future.wait();
    return ahead_.begin();
  }
  typename Ahead::iterator any() {
    auto found = ahead_.end();
    arrivals_->wait([&] {
      found =
          std::find_if(ahead_.begin(), ahead_.end(), [](const auto& chunk) { return chunk->watch.told(); });
      return found != ahead_.end();
    });
    return found;
  }
  void take(typename Ahead::iterator taken) {
    const auto chunk = std::move(*taken);
    ahead_.erase(taken);
    first_ = chunk->first;
    size_ = chunk->size;
    given_ = values_ = failures_ = 0;
    current_.emplace(chunk->future.outcome());
    if (*current_) sizer_.measured(size_, current_->value().ran_ns);
  }
  /// Each element is asked for once, in order. What a broken worker wrote is not trusted to fit.
  Outcome<R> outcome_of(std::size_t i) {
    if (!*current_) return current_->failure();
    auto& chunk = current_->value();
    if (failures_ < chunk.failures.size() && chunk.failures[failures_].element == i) {
      auto& thrown = chunk.failures[failures_++];
      return Failure{.kind = FailureKind::kThrew,
                     .type_name = std::move(thrown.type_name),
                     .message = std::move(thrown.message),
                     .loss = {}};
    }
    if (values_ == chunk.values.size()) return missing_element();
    return Outcome<R>(R(std::move(chunk.values[values_++])));
  }

  MapSource<R>& source_;
  const bool ordered_;
  std::size_t look_ahead_;  // 0 until the first task was accepted, where it is to be chosen
  std::size_t workers_ = 1;
  ChunkSizer sizer_;
  Retrying retrying_;
  std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
  std::size_t submitted_ = 0;  // elements
  bool ended_ = false;         // nothing more is read
  bool closed_ = false;        // nothing more is submitted
  std::exception_ptr error_;   // why, to be thrown once all has been given
  Ahead ahead_;

  std::optional<Outcome<MapChunk<R>>> current_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  std::size_t given_ = 0;     // of the current chunk's elements
  std::size_t values_ = 0;    // of them with a value
  std::size_t failures_ = 0;  // of them without
};

}  // namespace twinpool::detail
