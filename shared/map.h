// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>

#include "shared/map_chunk.h"
#include "shared/map_options.h"
#include "shared/pool.h"

/// One function over a range: `for (auto& [index, outcome] : map<score>(pool, rows)) ...`
namespace twinpool {

/// What became of one element.
template <typename R>
struct Mapped {
  std::size_t index = 0;  ///< which element of the range, from 0
  Outcome<R> outcome;

  /// Errors: throws TaskError when the element failed.
  [[nodiscard]] R& value() {
    if (!outcome) throw TaskError(outcome.failure());
    return outcome.value();
  }
};

/// The results of a `map`, an input range; move-only. Going away, it cancels what it has submitted.
///
/// Errors: `begin` and `++` throw, once what was accepted has been given: SubmitRefused when a chunk was
///         refused; what reading the range threw. Then the range is at its end.
/// Threads: one at a time.
template <typename R>
class MapResults {
 public:
  class Iterator {
   public:
    using value_type = Mapped<R>;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    explicit Iterator(MapResults& results) : results_(&results) {}
    Mapped<R>& operator*() const { return *results_->current_; }
    Mapped<R>* operator->() const { return &*results_->current_; }
    Iterator& operator++() {
      results_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !results_->current_.has_value(); }

   private:
    MapResults* results_;
  };

  explicit MapResults(std::unique_ptr<detail::MapSource<R>> source, MapOptions options)
      : source_(std::move(source)), run_(std::make_unique<detail::MapRun<R>>(*source_, options)) {}

  /// Waits for the first result. Requires: called once.
  [[nodiscard]] Iterator begin() {
    advance();
    return Iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  void advance() {
    current_.reset();
    if (auto next = run_->next()) current_.emplace(Mapped<R>{next->first, std::move(next->second)});
  }

  std::unique_ptr<detail::MapSource<R>> source_;
  std::unique_ptr<detail::MapRun<R>> run_;  // after the source, which it uses
  std::optional<Mapped<R>> current_;
};

/// Runs `Fn` on every element of `range`, several elements a task, with a bounded look-ahead.
///
/// Takes:   a function as for submit, of one parameter (and a std::stop_token before it, if wanted); any
///          input range, also an endless one, of what the parameter can be made of. A range given as an
///          lvalue (a view too), and the pool, have to be there as long as the results. The range is read in
///          the caller's thread, while it waits for results.
/// Gives:   the results as an input range of Mapped.
/// Errors:  an element that throws fails alone. Whatever else befalls a task (its worker is lost, a limit is
///          passed, it is cancelled) is the outcome of all elements of its chunk: `chunk = 1` has none share
///          another's fate. A retry (MapOptions::task) runs the chunk again.
/// Threads: nothing is submitted before the results are asked for; in a task of the thread twin it helps.
template <auto Fn, std::ranges::input_range Range>
[[nodiscard]] MapResults<ResultOf<Fn>> map(Pool& pool, Range&& range, MapOptions options = {}) {
  validate(options.task);
  using Source = detail::RangeSource<Fn, Range>;
  return MapResults<ResultOf<Fn>>(std::make_unique<Source>(pool, std::forward<Range>(range), options.task),
                                  options);
}

}  // namespace twinpool
