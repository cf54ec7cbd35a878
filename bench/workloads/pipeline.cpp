// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "bench/backend.h"
#include "bench/workloads/catalogue.h"
#include "bench/workloads/intake.h"
#include "bench/workloads/mix.h"
#include "bench/workloads/serial_flow.h"
#include "bench/workloads/shared_map.h"

namespace twinpool::bench {
namespace {

constexpr std::size_t kSlots = 8;
constexpr std::size_t kNumbers = 8 * 1024;  // 64 KiB a slot

// A SharedBuffer belongs to one pool, so the two stages meet in memory that was there before both.
std::uint64_t* slots = nullptr;
void set_up(const Settings&) {
  if (slots == nullptr) slots = static_cast<std::uint64_t*>(map_shared(kSlots * kNumbers * sizeof *slots));
}

std::span<std::uint64_t> slot_at(std::uint64_t slot) { return {slots + slot * kNumbers, kNumbers}; }

std::uint64_t fill(std::uint64_t slot, std::uint64_t number) {
  for (std::uint64_t& place : slot_at(slot)) place = mix(number++);
  return slot;
}
std::uint64_t reduce(std::uint64_t slot) {
  std::uint64_t sum = 0;
  for (const std::uint64_t value : slot_at(slot)) sum += value;
  return sum;
}

class Pipeline final : public SerialFlow {
 public:
  Pipeline(Pool& first, const FlowOptions& options) : first_(first, options) {
    PoolOptions second;
    second.workers = options.workers;
    second.name = "second-stage";
    second_pool_ = make_pool(options.backend, second);
    second_.emplace(*second_pool_, options);
  }

 private:
  std::uint64_t request(std::uint64_t number) override {
    std::vector<Future<std::uint64_t>> filled, reduced;
    for (std::uint64_t slot = 0; slot < kSlots; ++slot)
      filled.push_back(first_.submit<fill>(slot, number * kSlots + slot));
    for (auto& future : filled) reduced.push_back(second_->submit<reduce>(future.get()));
    std::uint64_t sum = 0;
    for (auto& future : reduced) sum += future.get();
    return sum;
  }
  // The sum over overlapping runs of mix(): each number counts as often as slots reach it.
  [[nodiscard]] std::uint64_t right_answer(std::uint64_t number) const override {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < kNumbers + kSlots - 1; ++i) {
      const std::uint64_t reached = std::min({i + 1, std::uint64_t{kSlots}, kNumbers + kSlots - 1 - i});
      sum += reached * mix(number * kSlots + i);
    }
    return sum;
  }

  Intake first_;
  std::unique_ptr<Pool> second_pool_;
  std::optional<Intake> second_;
};

std::unique_ptr<Flow> open(Pool& pool, const FlowOptions& options) {
  return std::make_unique<Pipeline>(pool, options);
}
void shape(PoolOptions& options, const Settings&) {
  if (options.queue_capacity < kSlots) options.queue_capacity = kSlots;
}

}  // namespace

constinit const Workload kPipeline{
    .name = "pipeline",
    .family = "dispatch",
    .sentence = "is 8 blocks of 64 KiB that one pool fills and a second one sums",
    .exercises = "two pools and a hand-over without copies",
    .why = "both stages work on the same shared memory in both twins",
    .expected = Expected::kNoDifference,
    .margin = 0.15,
    .set_up = &set_up,
    .shape = &shape,
    .open = &open};

}  // namespace twinpool::bench
