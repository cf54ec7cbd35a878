// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/cli.h"
#include "bench/diff.h"
#include "bench/formats/format.h"
#include "bench/results_reader.h"
#include "bench/trend.h"
#include "tests/bench/fixed_results.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = GateAnswer::Kind;

std::string written(const BenchResults& results = fixed_results()) {
  return write_json({.results = results});
}

/// The sentence with which a text is refused; empty: it is not.
std::string refusal(const std::string& text) {
  try {
    static_cast<void>(parse_recording("r.json", text));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

std::string refusal_of(void (*spoil)(json&)) {
  json document = json::parse(written());
  spoil(document);
  return refusal(document.dump());
}

TEST(Shift, IsTheMedianDifferenceWithTheExactRankInterval) {
  const std::vector<double> base{1, 2, 3, 4, 5}, next{11, 12, 13, 14, 15};
  const auto shift = estimate_shift(base, next);
  ASSERT_TRUE(shift && shift->has_interval());
  EXPECT_EQ(shift->estimate, 10);
  // Tables of Mann and Whitney: of the 252 orders of 5 and 5, 4 have U < 3 and 7 have U < 4; 2.5 % are 6.3.
  EXPECT_NEAR(shift->coverage, 1 - 2 * 4.0 / 252, 1e-12);
  EXPECT_EQ(shift->low, 7);  // the third smallest of 6, 7, 7, 8, ...
  EXPECT_EQ(shift->high, 13);
}

TEST(Shift, HasNoIntervalBelowFourSamplesASide) {
  const std::vector<double> three{1, 2, 3}, four{1, 2, 3, 4};
  EXPECT_FALSE(estimate_shift(three, three)->has_interval());
  EXPECT_TRUE(estimate_shift(four, four)->has_interval());
  EXPECT_FALSE(estimate_shift({}, four));
}

TEST(Shift, IsNearlyTheSameByTheNormalApproximation) {
  std::vector<double> base, next;
  for (int i = 0; i < 21; ++i) base.push_back(std::sin(i * 1.7));
  for (int i = 0; i < 21; ++i) next.push_back(std::sin(i * 2.3) + 1);
  const auto exact = estimate_shift(std::span(base).first(20), std::span(next).first(20));
  const auto normal = estimate_shift(base, next);
  EXPECT_NEAR(exact->high - exact->low, normal->high - normal->low, 0.15);
}

TEST(Reader, GivesBackWhatWasWritten) {
  const BenchResults results = fixed_results();
  const Recording recording = parse_recording("r.json", written(results));
  ASSERT_EQ(recording.results.cells.size(), 1u);
  const CellResult& cell = recording.results.cells[0];
  EXPECT_EQ(cell.cell.workload->name, "noop");
  EXPECT_EQ(values(cell.sides[1], throughput_of), values(results.cells[0].sides[1], throughput_of));
  EXPECT_EQ(cell.sides[0].samples[0].checksum, 0xfedcba9876543210);
  EXPECT_EQ(cell.sides[0].peak->pss_bytes, 2u << 20);
  EXPECT_EQ(recording.results.control_after.pairs.size(), 6u);
  EXPECT_EQ(recording.machine_hash.size(), 16u);
}

TEST(Reader, KnowsWorkloadsThatThisProgramDoesNot) {
  json document = json::parse(written());
  document["cells"][0]["workload"] = "somebody-elses";
  const Recording recording = parse_recording("r.json", document.dump());
  EXPECT_EQ(recording.results.cells[0].cell.workload->name, "somebody-elses");
}

TEST(Reader, KeepsApartCellsThatDifferInAParameterOnly) {
  const auto text = [](const char* parameter) {
    BenchResults results = fixed_results();
    BenchOptions options{.workloads = {"batch"}, .workers = {"2"}};
    if (parameter != nullptr) options.parameters = {parameter};
    results.plan = make_plan(options, {.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30});
    results.cells[0].cell = results.plan.cells.at(0);
    return written(results);
  };
  const Recording plain = parse_recording("a.json", text(nullptr)),
                  other = parse_recording("b.json", text("batch=8"));
  EXPECT_EQ(compare(plain.results, other.results, 0.05).unmatched.size(), 2u);
  EXPECT_EQ(compare(other.results, other.results, 0.05).changes.at(0).cell, "batch/workers:2/batch:8");
  json unknown = json::parse(text("batch=8"));
  unknown["cells"][0]["workload"] = "somebody-elses";
  const Recording foreign = parse_recording("c.json", unknown.dump());
  EXPECT_EQ(compare(foreign.results, foreign.results, 0.05).changes.at(0).cell,
            "somebody-elses/workers:2/batch:8");
}

TEST(Reader, SkipsNamesThatItDoesNotKnow) {
  EXPECT_EQ(refusal_of([](json& document) { document["cells"][0]["added_later"] = 1; }), "");
}

TEST(Reader, RefusesWhatIsNoResult) {
  const std::string text = written();
  EXPECT_THAT(refusal(text.substr(0, text.size() / 2)),
              AllOf(HasSubstr("'r.json'"), HasSubstr("breaks off")));
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("not json"), HasSubstr("is not JSON"));
  EXPECT_THAT(refusal("{\"benchmarks\": []}"), HasSubstr("no result of twinpool"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("no result of twinpool"));
  EXPECT_THAT(refusal_of([](json& document) { document["kind"] = "faults"; }), HasSubstr("twinpool faults"));
  EXPECT_THAT(refusal_of([](json& document) { document["schema_version"] = 2; }),
              HasSubstr("schema version 2"));
}

TEST(Reader, NamesThePlaceOfABadFigure) {
  EXPECT_THAT(refusal_of([](json& document) {
                document["cells"][0]["backends"][1]["samples"][3]["wall_s"] = nullptr;
              }),
              HasSubstr("cells[0].backends[1].samples[3].wall_s is null, which is no finite number"));
  EXPECT_THAT(
      refusal_of([](json& document) { document["cells"][0]["backends"][0]["samples"] = json::array(); }),
      HasSubstr("cells[0].backends[0].samples is empty"));
  EXPECT_THAT(refusal_of([](json& document) { document["cells"][0].erase("workers"); }),
              HasSubstr("cells[0] has no \"workers\""));
  EXPECT_THAT(refusal_of([](json& document) { document["cells"] = json::array(); }),
              HasSubstr("no complete cell"));
  EXPECT_THAT(refusal_of([](json& document) { document["noise"]["control_before"][0][1] = -1; }),
              HasSubstr("control_before[0][1]"));
}

TEST(Reader, RefusesNumbersThatAreNone) {
  std::string text = written();
  const std::size_t at = text.find("\"wall_s\": ");
  EXPECT_NE(refusal(std::string(text).insert(at + 10, "NaN, \"x\": ")), "");
  EXPECT_NE(refusal(std::string(text).insert(at + 10, "1e999, \"x\": ")), "");
}

TEST(Gate, IsReadWithCellBackendMeasureAndLimit) {
  const Gate gate = read_gate("noop/workers:2: threads.throughput < -5%");
  EXPECT_EQ(gate.cell, "noop/workers:2");
  EXPECT_EQ(gate.backend, Backend::kThreads);
  EXPECT_EQ(gate.measure->name, "throughput");
  EXPECT_FALSE(gate.above);
  EXPECT_DOUBLE_EQ(gate.limit, -0.05);
  EXPECT_DOUBLE_EQ(read_gate("p99>+10%").limit, 0.10);
  EXPECT_EQ(read_gate("lost>0").limit, 0);
}

TEST(Gate, IsRefusedWhereItCannotBeMeant) {
  for (const char* text :
       {"throughput", "thruput<-5%", "throughput<-5", "lost>5%", "throughput<x%", "thread.p99>1%",
        "threads.ratio<-5%", ": p99>1%", "throughput<-100%", "lost>-1", "p99>"})
    EXPECT_THROW(static_cast<void>(read_gate(text)), UsageError) << text;
}

const Change& change_of(const Comparison& comparison, std::string_view measure,
                        std::optional<Backend> backend = std::nullopt) {
  for (const Change& change : comparison.changes) {
    if (change.measure->name == measure && change.backend == backend) return change;
  }
  throw std::runtime_error("no such change");
}

std::vector<Kind> answers(Comparison comparison, const char* gate) {
  ask_gates(comparison, {read_gate(gate)});
  std::vector<Kind> kinds;
  for (const GateAnswer& answer : comparison.gates) kinds.push_back(answer.kind);
  return kinds;
}

TEST(Compare, SaysSameOfTheSameRun) {
  const Comparison comparison = compare(fixed_results(), fixed_results(), 0.05);
  EXPECT_EQ(change_of(comparison, "ratio").verdict, ChangeVerdict::kSame);
  EXPECT_EQ(change_of(comparison, "throughput", Backend::kThreads).verdict, ChangeVerdict::kSame);
  EXPECT_EQ(change_of(comparison, "lost", Backend::kThreads).verdict, ChangeVerdict::kSame);
}

TEST(Compare, FindsASlowdownOfOneBackend) {
  const Comparison comparison = compare(fixed_results(), fixed_results({.processes = 500}), 0.05);
  EXPECT_NEAR(change_of(comparison, "ratio").ratio->estimate, 500.0 / 600, 0.005);
  EXPECT_EQ(change_of(comparison, "ratio").verdict, ChangeVerdict::kWorse);
  EXPECT_EQ(change_of(comparison, "throughput", Backend::kProcesses).verdict, ChangeVerdict::kWorse);
  EXPECT_EQ(change_of(comparison, "throughput", Backend::kThreads).verdict, ChangeVerdict::kSame);
}

TEST(Compare, DoesNotTakeASlowerMachineForASlowdown) {
  const BenchResults base = fixed_results();
  const BenchResults slower = fixed_results({.threads = 800, .processes = 480, .machine = 800});
  const Comparison comparison = compare(base, slower, 0.05);
  EXPECT_EQ(change_of(comparison, "ratio").verdict, ChangeVerdict::kSame);
  EXPECT_NE(change_of(comparison, "throughput", Backend::kThreads).verdict, ChangeVerdict::kWorse);
  EXPECT_EQ(answers(comparison, "threads.throughput<-5%"), std::vector{Kind::kUndecided});
  EXPECT_EQ(answers(comparison, "ratio<-5%"), std::vector{Kind::kPass});
}

TEST(Gates, FireOnlyWhenTheWholeIntervalIsBeyondTheLimit) {
  const Comparison slow = compare(fixed_results(), fixed_results({.processes = 540}), 0.05);  // -10 %
  EXPECT_EQ(answers(slow, "processes.throughput<-5%"), std::vector{Kind::kFail});
  EXPECT_EQ(answers(slow, "processes.throughput<-10%"), std::vector{Kind::kUndecided});
  EXPECT_EQ(answers(slow, "processes.throughput<-15%"), std::vector{Kind::kPass});
  EXPECT_EQ(answers(slow, "throughput<-5%"), (std::vector{Kind::kPass, Kind::kFail}));
}

TEST(Gates, AreUndecidedWithTooFewTrials) {
  const Comparison few =
      compare(fixed_results({.pairs = 3}), fixed_results({.processes = 300, .pairs = 3}), 0.05);
  EXPECT_EQ(answers(few, "ratio<-5%"), std::vector{Kind::kUndecided});
  EXPECT_EQ(exit_code_of(few, true), kExitOk);  // nothing was asked
}

TEST(Gates, OnCountsAndMemoryAreExact) {
  BenchResults now = fixed_results();
  now.cells[0].sides[1].samples[2].lost = 1;
  now.cells[0].sides[0].peak->pss_bytes = 3 << 20;
  const Comparison comparison = compare(fixed_results(), now, 0.05);
  EXPECT_EQ(answers(comparison, "lost>0"), (std::vector{Kind::kPass, Kind::kFail}));
  EXPECT_EQ(answers(comparison, "lost>1"), (std::vector{Kind::kPass, Kind::kPass}));
  EXPECT_EQ(answers(comparison, "pss>+5%"), (std::vector{Kind::kFail, Kind::kPass}));
}

TEST(Gates, AreUndecidedWhereTheNewerRunLacksTheCell) {
  const Comparison comparison = compare(fixed_results(), fixed_results({.workload = "sort"}), 0.05);
  EXPECT_EQ(comparison.unmatched.size(), 2u);
  EXPECT_EQ(answers(comparison, "noop: ratio<-5%"), std::vector{Kind::kUndecided});
  EXPECT_THROW(answers(comparison, "nop: ratio<-5%"), UsageError);
}

TEST(Gates, AreUndecidedOnABusyMachine) {
  BenchResults busy = fixed_results({.processes = 300});
  for (auto& side : busy.cells[0].sides) {
    for (Sample& sample : side.samples) sample.cpu_user_s = sample.cpu_system_s = sample.wall_s / 4;
  }
  busy.cells[0].foreign_cpu = 0.5;
  EXPECT_EQ(answers(compare(fixed_results(), busy, 0.05), "ratio<-5%"), std::vector{Kind::kUndecided});
}

TEST(Gates, GiveExitCodes) {
  Comparison comparison = compare(fixed_results(), fixed_results({.processes = 540}), 0.05);
  ask_gates(comparison, {read_gate("processes.throughput<-10%")});
  EXPECT_EQ(exit_code_of(comparison, false), kExitOk);
  EXPECT_EQ(exit_code_of(comparison, true), kExitUndecided);
  ask_gates(comparison, {read_gate("ratio<-5%")});
  EXPECT_EQ(exit_code_of(comparison, true), kExitGate);
  EXPECT_THAT(print_gates(comparison), HasSubstr("GATE FAILED: noop/workers:2 ratio changed by -10.0 %"));
  EXPECT_THAT(print_annotations(comparison), HasSubstr("::error title=twinpool gate failed::"));
  EXPECT_THAT(markdown_of(comparison), HasSubstr("a gate failed"));
}

TEST(Trend, HasAColumnForEachRun) {
  std::vector<Recording> runs;
  for (const double processes : {600.0, 500.0, 400.0})
    runs.push_back(parse_recording("r.json", written(fixed_results({.processes = processes}))));
  EXPECT_THAT(print_trend(runs), AllOf(HasSubstr("0.60x"), HasSubstr("0.50x"), HasSubstr("0.40x")));
}

}  // namespace
}  // namespace twinpool::bench
