// SPDX-License-Identifier: Apache-2.0
#include "shared/map_run.h"

#include <thread>

#include "shared/futex.h"

namespace twinpool::detail {

std::size_t ChunkSizer::next(std::optional<std::size_t> left, std::size_t workers) const {
  constexpr double kTargetNs = 1e6;
  constexpr std::size_t kMost = 65536;
  constexpr std::size_t kGrowth = 4;
  constexpr std::size_t kShares = 4;
  if (fixed_ != 0) return fixed_;
  if (largest_ == 0) return 1;
  std::size_t most = std::min(kGrowth * largest_, kMost);
  if (left) most = std::min(most, *left / (kShares * workers));
  const double fitting = kTargetNs / std::max(ns_per_element_, 1.0);
  return std::max<std::size_t>(fitting < static_cast<double>(most) ? static_cast<std::size_t>(fitting) : most,
                               1);
}

void ChunkSizer::measured(std::size_t elements, std::int64_t ran_ns) {
  if (elements == 0 || ran_ns < 0) return;  // a broken worker may say anything
  const double now = static_cast<double>(ran_ns) / static_cast<double>(elements);
  constexpr double kWeight = 0.25;
  ns_per_element_ = largest_ == 0 ? now : (1 - kWeight) * ns_per_element_ + kWeight * now;
  largest_ = std::max(largest_, elements);
}

void Arrivals::arrived() noexcept {
  if ((word_.fetch_add(2) & kWaited) != 0) futex_wake(word_, 1, FutexScope::kThisProcess);
}

void Arrivals::sleep(std::uint32_t before) noexcept {
  const std::uint32_t word = word_.fetch_or(kWaited);
  if (word == before) futex_wait(word_, word | kWaited, FutexScope::kThisProcess);
  word_.fetch_and(~kWaited);
}

void ChunkWatch::start(TaskState& task, std::shared_ptr<Arrivals> arrivals,
                       std::shared_ptr<void> keep) noexcept {
  arrivals_ = std::move(arrivals);
  keep_ = std::move(keep);
  task.when_settled(*this);
}

void ChunkWatch::settled() noexcept {
  // Who takes the outcome lets go of this object, once it sees told_.
  const auto keep = std::move(keep_);
  told_.store(true);
  arrivals_->arrived();
}

bool Retrying::wait() {
  constexpr std::chrono::milliseconds kPause{1};
  if (!deadline_) deadline_ = deadline_after(limit_);
  if (Clock::now() >= *deadline_) return false;
  std::this_thread::sleep_for(kPause);
  return true;
}

Failure missing_element() {
  return Failure{.kind = FailureKind::kThrew,
                 .type_name = "twinpool::DecodeError",
                 .message = "the result of a chunk lacks elements",
                 .loss = {}};
}

}  // namespace twinpool::detail
