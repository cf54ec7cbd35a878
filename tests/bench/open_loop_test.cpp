// SPDX-License-Identifier: Apache-2.0
#include "bench/open_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/absolute_sleep.h"
#include "bench/arrivals.h"
#include "bench/backend.h"
#include "bench/checkpoint.h"
#include "bench/stalls.h"
#include "bench/trial.h"
#include "bench/workloads/registry.h"

namespace twinpool::bench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Lt;

std::vector<std::int64_t> times(Arrivals arrivals, double rate, std::uint64_t seed, int count) {
  ArrivalTimes schedule(arrivals, {.begin_per_s = rate, .end_per_s = rate}, seed);
  std::vector<std::int64_t> all;
  for (int i = 0; i < count; ++i) all.push_back(schedule.next());
  return all;
}

TEST(ArrivalTimes, AreEvenlySpacedFromTheBeginningWhenFixed) {
  EXPECT_THAT(times(Arrivals::kFixed, 1e6, 1, 4), ElementsAre(0, 1000, 2000, 3000));
  EXPECT_EQ(times(Arrivals::kFixed, 3, 1, 301).back(), 100'000'000'000);  // 300 thirds of a second: no drift
}

TEST(ArrivalTimes, OfPoissonAreTheSameForOneSeedAndOthersForAnother) {
  EXPECT_EQ(times(Arrivals::kPoisson, 1e5, 7, 100), times(Arrivals::kPoisson, 1e5, 7, 100));
  EXPECT_NE(times(Arrivals::kPoisson, 1e5, 7, 100), times(Arrivals::kPoisson, 1e5, 8, 100));
}

TEST(ArrivalTimes, OfPoissonHaveGapsWithTheMeanAndSpreadOfAnExponential) {
  const auto all = times(Arrivals::kPoisson, 1e6, 42, 100'000);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  double sum = 0, squares = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const auto gap = static_cast<double>(all[i] - all[i - 1]);
    sum += gap;
    squares += gap * gap;
  }
  const double n = static_cast<double>(all.size() - 1), mean = sum / n;
  EXPECT_NEAR(mean, 1000, 20);
  EXPECT_NEAR(std::sqrt(squares / n - mean * mean), 1000, 30);  // as large as the mean
}

constexpr RateCourse kRise{.begin_per_s = 100, .end_per_s = 900, .length_s = 2};  // 1000 tasks

TEST(RateCourse, IsTheInverseOfTheTasksThatAreDueByThen) {
  const auto due_by = [](double s) { return 100 * s + 400 * s * s / 2; };
  for (const double s : {0.0, 0.001, 0.5, 1.0, 1.999, 2.0})
    EXPECT_NEAR(kRise.seconds_until(due_by(s)), s, 1e-12) << s;
  EXPECT_NEAR(kRise.seconds_until(1900), 3, 1e-12);  // then as fast as at the end
}

TEST(ArrivalTimes, OfARampComeEverFasterAndAsManyInAll) {
  for (const Arrivals arrivals : {Arrivals::kFixed, Arrivals::kPoisson}) {
    ArrivalTimes schedule(arrivals, {.begin_per_s = 1e5, .end_per_s = 9e5, .length_s = 0.2}, 42);
    std::array<int, 4> in_quarter{};
    int all = 0;
    for (std::int64_t at = 0; (at = schedule.next()) < 200'000'000; ++all)
      ++in_quarter.at(static_cast<std::size_t>(at / 50'000'000));
    EXPECT_NEAR(all, 100'000, 1500);  // five standard deviations
    for (std::size_t i = 0; i < in_quarter.size(); ++i)
      EXPECT_NEAR(in_quarter[i], 10'000 * (1 + static_cast<double>(i)), 1000) << i;
  }
}

/// A flow whose tasks take no pool: each settles as long after its submission as the test says.
class ScriptedFlow final : public Flow {
 public:
  explicit ScriptedFlow(std::int64_t task_ns) : task_ns_(task_ns) {}
  Tally run(const Stretch&, TrialPage*) override { return {}; }
  Tally hold(std::uint64_t, void (*)(void*), void*) override { return {}; }
  void submit_one(std::uint64_t) override {
    const std::int64_t now = now_ns();
    flying_.push_back({.submitted_ns = now, .started_ns = now, .settled_ns = now + task_ns_});
    most_flying_ = std::max(most_flying_, flying_.size());
  }
  std::optional<Taken> take_one(std::optional<Clock::time_point> until, Tally& tally) override {
    if (flying_.empty()) return std::nullopt;
    const TaskTiming timing = flying_.front();
    if (now_ns() < timing.settled_ns) {
      if (!until) return std::nullopt;
      if (steady_time(timing.settled_ns) > *until) {
        sleep_until(until->time_since_epoch().count());
        return std::nullopt;
      }
      sleep_until(timing.settled_ns);
    }
    flying_.pop_front();
    ++tally.delivered;
    return Taken{.timing = timing};
  }
  [[nodiscard]] std::size_t most_flying() const { return most_flying_; }

 private:
  const std::int64_t task_ns_;
  std::deque<TaskTiming> flying_;
  std::size_t most_flying_ = 0;
};

class OpenLoop : public ::testing::Test {
 protected:
  std::unique_ptr<Pool> pool_ = make_pool(Backend::kThreads, {.workers = 1, .timing = Timing::kEvery});
};

TEST_F(OpenLoop, CountsLatencyFromTheIntendedStartAndServiceFromTheSubmission) {
  // One at a time, 2 ms each, due every 0.5 ms: the last of n is to start at (n - 1) * 0.5 ms, and cannot
  // before (n - 1) * 2 ms. A busy machine does not get to all 40 before the patience is over.
  ScriptedFlow flow(2'000'000);
  const OpenResult result =
      run_open_loop(*pool_, flow, {.tasks_per_s = 2000, .tasks = 40, .window = 1}, nullptr);
  const auto done = static_cast<std::int64_t>(result.tally.delivered);
  ASSERT_GE(done, 2);
  EXPECT_EQ(result.sample.service.count(), result.tally.delivered);
  EXPECT_THAT(result.sample.service.percentile_ns(1), AllOf(Ge(1'980'000), Lt(2'020'000)));
  EXPECT_GE(result.sample.latency.max_ns(), (done - 1) * 1'500'000 + 2'000'000);
  EXPECT_GT(result.sample.refused, 0u);
  EXPECT_LT(result.achieved_tasks_per_s, 0.99 * result.sample.offered_tasks_per_s);
}

TEST_F(OpenLoop, DeliversWhatIsOfferedWhereThePoolIsFastEnough) {
  ScriptedFlow flow(0);
  const OpenResult result =
      run_open_loop(*pool_, flow, {.tasks_per_s = 1000, .tasks = 1000, .window = 64}, nullptr);
  EXPECT_EQ(result.tally.delivered, 1000u);
  EXPECT_DOUBLE_EQ(result.sample.offered_tasks_per_s, 1000);
  EXPECT_GE(result.wall_s, 0.999);  // the last one is due then
  EXPECT_LE(result.achieved_tasks_per_s, 1000 * (1 + 1e-9));
  EXPECT_EQ(result.sample.latency.count(), 1000u);
}

TEST_F(OpenLoop, NeverHasMoreInFlightThanTheWindow) {
  ScriptedFlow flow(1'000'000);
  static_cast<void>(run_open_loop(*pool_, flow, {.tasks_per_s = 1e6, .tasks = 50, .window = 7}, nullptr));
  EXPECT_EQ(flow.most_flying(), 7u);
}

TEST_F(OpenLoop, GivesUpAScheduleThatCannotBeFollowed) {
  // 50 ms of schedule and 20 s of work: ends after twice the length and a second.
  ScriptedFlow flow(20'000'000);
  const OpenResult result =
      run_open_loop(*pool_, flow, {.tasks_per_s = 20'000, .tasks = 1000, .window = 1}, nullptr);
  EXPECT_GE(result.tally.delivered, 1u);
  EXPECT_LT(result.tally.delivered, 200u);
  EXPECT_EQ(result.sample.offered, 1000u);
  EXPECT_LT(result.achieved_tasks_per_s, result.sample.offered_tasks_per_s / 2);
}

TEST_F(OpenLoop, OfARampSaysForEachStepWhatWasOfferedAndDone) {
  ScriptedFlow flow(0);
  const OpenRound round{.tasks_per_s = 100, .rise_to_per_s = 900, .tasks = 1000, .window = 64};
  EXPECT_DOUBLE_EQ(round.length_s(), 2);
  const OpenResult result = run_open_loop(*pool_, flow, round, nullptr);
  ASSERT_EQ(result.sample.ramp.size(), kRampSteps);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < kRampSteps; ++i) {
    const RampStep& step = result.sample.ramp[i];
    EXPECT_NEAR(step.offered_tasks_per_s, 140 + 80 * static_cast<double>(i), 1e-9);
    EXPECT_NEAR(static_cast<double>(step.offered), step.offered_tasks_per_s / 5, 1) << i;
    EXPECT_EQ(step.latency.count(), step.offered) << i;
    done += step.done;
  }
  EXPECT_EQ(result.tally.delivered, 1000u);
  EXPECT_LE(done, 1000u);  // one that settles behind the last step is in none
  EXPECT_EQ(nlohmann::json(result.sample).get<OpenSample>().ramp.back().offered,
            result.sample.ramp.back().offered);
}

TEST_F(OpenLoop, OfARampDoesLessThanIsOfferedWhereThatIsTooMuch) {
  // 5 ms each, one at a time: 200 tasks/s, which the rate passes after an eighth of the round.
  ScriptedFlow flow(5'000'000);
  const OpenResult result = run_open_loop(
      *pool_, flow, {.tasks_per_s = 100, .rise_to_per_s = 900, .tasks = 500, .window = 1}, nullptr);
  ASSERT_EQ(result.sample.ramp.size(), kRampSteps);
  for (const RampStep& step : result.sample.ramp) EXPECT_LE(step.done, 21u);  // 100 ms
  EXPECT_EQ(result.sample.ramp.back().offered, 86u);
}

TEST(Stalls, AreInTheMiddleOrAgainAndAgain) {
  const auto pool = make_pool(Backend::kThreads, {.workers = 1});
  const auto all = [&](double stall_s, double every_s) {
    Stalls stalls(*pool, 1, 1.0, stall_s, every_s);
    std::vector<std::int64_t> at_ms;
    for (; stalls.next_ns() != INT64_MAX; stalls.begin(now_ns() - 10'000'000'000))  // over at once
      at_ms.push_back(stalls.next_ns() / 1'000'000);
    EXPECT_EQ(stalls.finish(), 0);
    return at_ms;
  };
  EXPECT_THAT(all(0, 0), ElementsAre());
  EXPECT_THAT(all(0.2, 0), ElementsAre(400));
  EXPECT_THAT(all(0.1, 0.25), ElementsAre(75, 325, 575, 825));
}

/// Both twins under a real pool.
class OpenLoopOf : public ::testing::TestWithParam<Backend> {
 protected:
  static constexpr int kWorkers = 2;
  std::unique_ptr<Pool> pool_ = make_pool(GetParam(), {.workers = kWorkers, .timing = Timing::kEvery});
  std::unique_ptr<Flow> flow_ = find_workload("noop")->open(
      *pool_, {.backend = GetParam(), .workers = kWorkers, .workload = find_workload("noop")});
};

TEST_P(OpenLoopOf, ShowsAStallThatAClosedLoopHides) {
  const OpenRound round{
      .tasks_per_s = 1000, .tasks = 1600, .window = 1024, .workers = kWorkers, .stall_s = 0.5};
  const OpenResult open = run_open_loop(*pool_, *flow_, round, nullptr);
  EXPECT_EQ(open.tally.delivered, 1600u);
  EXPECT_EQ(open.sample.stalls, 1);
  EXPECT_EQ(open.sample.held, kWorkers);
  // 500 of the 1600 tasks were due during the stall: more than 15 % waited for 200 ms of it.
  EXPECT_GE(open.sample.latency.percentile_ns(0.85), 200'000'000);
  EXPECT_GE(open.sample.latency.max_ns(), 450'000'000);

  Tally tally;
  const ClosedBeside closed = run_closed_loop(*pool_, *flow_, round, kWorkers, tally);
  EXPECT_EQ(tally.delivered, closed.tasks);
  EXPECT_EQ(closed.latency.count(), closed.tasks);
  EXPECT_GE(closed.latency.max_ns(),
            450'000'000);  // somebody waited, but no more tasks than there are workers
  std::uint64_t slow = 0;
  for (const auto& [ns, count] : closed.latency.buckets()) slow += ns >= 450'000'000 ? count : 0;
  EXPECT_LE(slow, static_cast<std::uint64_t>(kWorkers));
}

TEST_P(OpenLoopOf, CancelsWhatStillWaitsWhenThePatienceIsOver) {
  Stalls stalls(*pool_, kWorkers, 10, 3, 0);
  stalls.begin(now_ns());
  EXPECT_THROW(
      static_cast<void>(run_open_loop(
          *pool_, *flow_, {.tasks_per_s = 1000, .tasks = 100, .window = 1024, .workers = kWorkers}, nullptr)),
      std::runtime_error);  // no result at all, and no wait for the rest of the stall
  EXPECT_EQ(stalls.finish(), kWorkers);
  EXPECT_EQ(pool_->stats().cancelled, 100u);
}

TEST_P(OpenLoopOf, RunsWorkloadsOfOneRequestAtATimeToo) {
  const Workload* const fan_out = find_workload("fan-out");
  const auto flow = fan_out->open(*pool_, {.backend = GetParam(), .workers = kWorkers, .workload = fan_out});
  const OpenResult result =
      run_open_loop(*pool_, *flow, {.tasks_per_s = 200, .tasks = 20, .workers = kWorkers}, nullptr);
  EXPECT_GE(result.tally.delivered, 1u);  // a busy machine does not get to all before the patience is over
  EXPECT_EQ(result.sample.service.count(), result.tally.delivered);
}

TEST_P(OpenLoopOf, GoesOnFromACheckpointAsIfNothingHadHappened) {
  const OpenRound round{.tasks_per_s = 2'000, .tasks = 1000, .window = 64, .workers = kWorkers};
  const OpenResult whole = run_open_loop(*pool_, *flow_, round, nullptr);
  SharedCheckpoint checkpoint(round.tasks);
  static_cast<void>(run_open_loop(*pool_, *flow_, round, nullptr, &checkpoint));
  EXPECT_EQ(checkpoint.head().taken, 1000u);
  checkpoint.head().taken = 400;  // a life that ended there
  static_cast<void>(run_open_loop(*pool_, *flow_, round, nullptr, &checkpoint));
  const OpenResult pieces = sum_up(round, checkpoint);
  EXPECT_EQ(pieces.tally.delivered, 1000u);
  EXPECT_EQ(pieces.tally.checksum, whole.tally.checksum);
  EXPECT_EQ(pieces.sample.offered_tasks_per_s, whole.sample.offered_tasks_per_s);
  EXPECT_EQ(pieces.sample.latency.count(), 1000u);
}

INSTANTIATE_TEST_SUITE_P(Twins, OpenLoopOf, ::testing::ValuesIn(kBackends),
                         [](const auto& twin) { return std::string(name_of(twin.param)); });

TEST(LatencySpectrum, KnowsValuesWithinAHundredthAndTheLargestExactly) {
  LatencySpectrum spectrum;
  for (std::int64_t ns = 1; ns <= 1'000'000; ++ns) spectrum.record(ns);
  for (const double q : {0.001, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = q * 1e6;
    EXPECT_GE(static_cast<double>(spectrum.percentile_ns(q)), exact * 0.9999);
    EXPECT_LE(static_cast<double>(spectrum.percentile_ns(q)), exact * 1.008 + 1);
  }
  EXPECT_EQ(spectrum.percentile_ns(1), 1'000'000);
  EXPECT_EQ(spectrum.count(), 1'000'000u);
}

TEST(LatencySpectrum, TakesTheSmallestAndTheLargestValues) {
  LatencySpectrum spectrum;
  spectrum.record(-5);
  spectrum.record(0);
  spectrum.record(INT64_MAX);
  EXPECT_EQ(spectrum.percentile_ns(0.5), 0);
  EXPECT_EQ(spectrum.max_ns(), (std::int64_t{1} << 46) - 1);
}

TEST(LatencySpectrum, IsTheSameAfterJsonAndAfterMergingWithNothing) {
  LatencySpectrum spectrum;
  for (const std::int64_t ns : {3, 3, 1000, 123'456, 98'765'432}) spectrum.record(ns);
  auto back = nlohmann::json(spectrum).get<LatencySpectrum>();
  back.merge(LatencySpectrum());
  EXPECT_EQ(back.buckets(), spectrum.buckets());
  EXPECT_EQ(back.max_ns(), 98'765'432);
  LatencySpectrum sum = spectrum;
  sum.merge(back);
  EXPECT_EQ(sum.count(), 10u);
}

TEST(LatencySpectrum, RefusesWhatIsNone) {
  using nlohmann::json;
  const auto read = [](const json& from) { return from.get<LatencySpectrum>(); };
  EXPECT_THROW(read({{"ns", {1, 2}}, {"counts", {1}}}), std::invalid_argument);
  EXPECT_THROW(read({{"ns", {2, 1}}, {"counts", {1, 1}}}), std::invalid_argument);
  EXPECT_THROW(read({{"ns", {-1}}, {"counts", {1}}}), std::invalid_argument);
  EXPECT_THROW(read({{"ns", {"a"}}, {"counts", {1}}}), json::exception);
  EXPECT_THROW(read({{"ns", {1}}}), json::exception);
}

TEST(Percentiles, HaveP999FromTenThousandSamplesOnOnly) {
  LatencySpectrum spectrum;
  for (int i = 0; i < 9'999; ++i) spectrum.record(i);
  EXPECT_FALSE(percentiles(spectrum).p999.has_value());
  spectrum.record(9'999);
  EXPECT_TRUE(percentiles(spectrum).p999.has_value());
  EXPECT_FALSE(percentiles(std::vector<double>(9'999, 1.0)).p999.has_value());
  EXPECT_TRUE(percentiles(std::vector<double>(10'000, 1.0)).p999.has_value());
}

}  // namespace
}  // namespace twinpool::bench
