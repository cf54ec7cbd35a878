// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "shared/map_run.h"
#include "shared/pool.h"

/// The task that a `map` is made of, and where its elements come from.
namespace twinpool::detail {

template <typename Parameters>
struct OneParameter {
  static_assert(
      std::tuple_size_v<Parameters> == 1,
      "twinpool: map<fn> needs an fn of one parameter (a std::stop_token before it does not count)");
  using Type = std::tuple_element_t<0, Parameters>;
};
template <auto Fn>
using ElementParameter = typename OneParameter<typename ParametersOf<Fn>::Rest>::Type;
template <auto Fn>
using Element = HeldType<ElementParameter<Fn>>;

template <auto Fn>
ResultOf<Fn> run_element(const std::stop_token& stop, std::vector<Element<Fn>>& elements, std::size_t i) {
  using ElementTask = TaskOf<Fn>;
  if constexpr (std::is_same_v<Element<Fn>, bool>) {
    return ElementTask::invoke(stop, static_cast<bool>(elements[i]));
  } else {
    return ElementTask::invoke(stop, pass<ElementParameter<Fn>>(elements[i]));
  }
}

/// Runs `Fn` on each element; one that throws fails alone.
template <auto Fn>
MapChunk<ResultOf<Fn>> run_chunk(std::stop_token stop, std::vector<Element<Fn>> elements) {
  const auto begin = Clock::now();
  MapChunk<ResultOf<Fn>> results;
  results.values.reserve(elements.size());
  // A chunk that is asked to stop has no value, whatever it returns.
  for (std::size_t i = 0; i < elements.size() && !stop.stop_requested(); ++i) {
    try {
      results.values.push_back(run_element<Fn>(stop, elements, i));
    } catch (...) {
      auto failure = failure_of_current_exception();
      results.failures.push_back({i, std::move(failure.type_name), std::move(failure.message)});
    }
  }
  results.ran_ns = std::chrono::nanoseconds(Clock::now() - begin).count();
  return results;
}

/// Reads a range, and submits what it has read. `Range` is a reference where the range was given as an
/// lvalue.
///
/// No view of the standard library: clang 14 cannot compile those of libstdc++ 12.
template <auto Fn, typename Range>
class RangeSource final : public MapSource<ResultOf<Fn>> {
  using Chunk = MapChunk<ResultOf<Fn>>;
  static_assert(TaskOf<Fn>::check());
  static_assert(std::constructible_from<Element<Fn>, std::ranges::range_reference_t<Range>>,
                "twinpool: an element of the range cannot become the parameter of fn");

 public:
  RangeSource(Pool& pool, Range&& range, const with& options)
      : pool_(pool), options_(options), range_(std::forward<Range>(range)) {}

  std::size_t fill(std::size_t size) override {
    // The next element is asked for when it is needed, not when the one before was read: it may be slow to
    // come.
    while (elements_.size() < size) {
      if (!at_) {
        at_.emplace(std::ranges::begin(range_));
      } else {
        ++*at_;
      }
      if (*at_ == std::ranges::end(range_)) break;
      elements_.emplace_back(**at_);
      ++read_;
    }
    return elements_.size();
  }
  [[nodiscard]] std::size_t filled() const override { return elements_.size(); }
  [[nodiscard]] std::optional<std::size_t> left() override {
    if constexpr (std::ranges::sized_range<Range> && std::ranges::forward_range<Range>) {
      return static_cast<std::size_t>(std::ranges::size(range_)) - read_;
    } else {
      return std::nullopt;
    }
  }
  [[nodiscard]] Submission<Chunk> submit() override {
    auto submission = pool_.try_submit<&run_chunk<Fn>>(options_, std::move(elements_));
    if (submission) elements_ = {};  // a refusal has touched nothing (C2)
    return submission;
  }
  [[nodiscard]] std::size_t workers() const override { return pool_.stats().workers.size(); }

 private:
  Pool& pool_;
  const with options_;
  Range range_;
  std::optional<std::ranges::iterator_t<Range>> at_;  // at the element that was read last
  std::size_t read_ = 0;
  std::vector<Element<Fn>> elements_;
};

}  // namespace twinpool::detail
