// SPDX-License-Identifier: Apache-2.0
#include "bench/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/meters/process_tree.h"
#include "bench/primitive_costs.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

/// A machine without a fault.
MachineCard good_machine() {
  MachineCard card;
  card.kernel = "Linux 6.1.0-18-amd64";
  card.hypervisor = "none";
  card.clock_source = "tsc";
  card.cpus = combine_cpu_limits(8, 8, std::nullopt);
  card.memory_bytes = 16384 * kMiB;
  card.available_memory_bytes = 8192 * kMiB;
  card.core_pattern = "core";
  card.build = "release";
  return card;
}

Finding find(const std::vector<Finding>& findings, const std::string& name) {
  const auto at = std::ranges::find(findings, name, &Finding::name);
  if (at != findings.end()) return *at;
  ADD_FAILURE() << "no finding named " << name;
  return {};
}

Status judge(const MachineCard& card, const std::string& name, const KernelProbes& probes = {}) {
  const auto findings = diagnose(card, probes);
  const Finding finding = find(findings, name);
  EXPECT_TRUE(finding.status == Status::kOk || !finding.sentence.empty())
      << name << " has a shortfall and no advice";
  return finding.status;
}

TEST(Diagnose, FindsNothingWrongWithAGoodMachine) {
  EXPECT_EQ(worst(diagnose(good_machine(), {})), Status::kOk);
}

TEST(Diagnose, JudgesCpus) {
  MachineCard card = good_machine();
  card.cpus = combine_cpu_limits(8, 1, std::nullopt);
  EXPECT_EQ(judge(card, "usable CPUs"), Status::kDegraded);
  EXPECT_EQ(find(diagnose(card, {}), "usable CPUs").value, "1 (by CPU affinity)");
  card.cpus = combine_cpu_limits(8, 8, 2.5);
  EXPECT_EQ(judge(card, "usable CPUs"), Status::kDegraded);
  card.cpus = combine_cpu_limits(8, 2, 4.0);
  EXPECT_EQ(judge(card, "usable CPUs"), Status::kOk);
}

TEST(Diagnose, JudgesMemory) {
  MachineCard card = good_machine();
  card.cgroup_memory_bytes = 32 * kMiB;
  EXPECT_EQ(judge(card, "memory"), Status::kUnfit);
  card.cgroup_memory_bytes = 256 * kMiB;
  EXPECT_EQ(judge(card, "memory"), Status::kDegraded);
  card.cgroup_memory_bytes.reset();
  card.available_memory_bytes = 100 * kMiB;
  EXPECT_EQ(judge(card, "memory"), Status::kDegraded);
}

TEST(Diagnose, TakesTheSmallerProcessLimit) {
  MachineCard card = good_machine();
  card.user_processes = 1000;
  card.cgroup_pids = 10;
  EXPECT_EQ(judge(card, "process limit"), Status::kUnfit);
  EXPECT_EQ(find(diagnose(card, {}), "process limit").value, "10 (by cgroup)");
  card.cgroup_pids = 2000;
  card.user_processes = 40;
  EXPECT_EQ(judge(card, "process limit"), Status::kDegraded);
  EXPECT_EQ(find(diagnose(card, {}), "process limit").value, "40 (by RLIMIT_NPROC)");
}

TEST(Diagnose, NeedsMemfdAndPidfdButNotPtrace) {
  EXPECT_EQ(judge(good_machine(), "memfd_create", {.memfd_errno = EPERM}), Status::kUnfit);
  EXPECT_EQ(judge(good_machine(), "pidfd_open", {.pidfd_errno = ENOSYS}), Status::kUnfit);
  EXPECT_EQ(judge(good_machine(), "smaps_rollup", {.smaps_rollup_errno = ENOENT}), Status::kDegraded);
  EXPECT_EQ(judge(good_machine(), "ptrace", {.ptrace_errno = EPERM}), Status::kOk);
}

TEST(Diagnose, JudgesTheRest) {
  MachineCard card = good_machine();
  card.kernel = "Linux 4.19.0";
  EXPECT_EQ(judge(card, "kernel"), Status::kUnfit);
  card.kernel = "Linux 5.4.0-150-generic";
  EXPECT_EQ(judge(card, "kernel"), Status::kDegraded);
  card.file_bytes = 1000;
  EXPECT_EQ(judge(card, "file size limit"), Status::kUnfit);
  card.clock_source = "hpet";
  EXPECT_EQ(judge(card, "clock source"), Status::kDegraded);
  card.core_pattern = "|/usr/lib/systemd/systemd-coredump";
  EXPECT_EQ(judge(card, "core pattern"), Status::kDegraded);
  card.build = "release, sanitizers thread";
  EXPECT_EQ(judge(card, "build"), Status::kDegraded);
  card.load_1min = 7;
  EXPECT_EQ(judge(card, "load"), Status::kDegraded);
  card.pressure = CpuPressure{.some_avg10 = 1};  // the load came from elsewhere
  EXPECT_EQ(judge(card, "load"), Status::kOk);
}

TEST(PrintFindings, AlignsAndPaintsOnlyWhenAsked) {
  const std::vector<Finding> findings{{"a", Status::kOk, "1", ""},
                                      {"long name", Status::kUnfit, "2", "Do this."}};
  std::ostringstream plain;
  print_findings(plain, findings, false);
  EXPECT_THAT(plain.str(), ::testing::StartsWith("ok        a          1\n"
                                                 "unfit     long name  2\n"
                                                 "                     Do this.\n"
                                                 "\nunfit: "));
  EXPECT_EQ(plain.str().find('\x1b'), std::string::npos);
  std::ostringstream painted;
  print_findings(painted, findings, true);
  EXPECT_NE(painted.str().find("\x1b[31munfit"), std::string::npos);
}

TEST(ProbeKernel, LeavesNoProcessBehind) {
  const std::size_t before = list_process_tree(getpid()).size();
  probe_kernel();
  EXPECT_EQ(list_process_tree(getpid()).size(), before);
}

TEST(MachineCardTest, ReadsThisMachine) {
  const MachineCard card = read_machine_card();
  EXPECT_THAT(card.kernel, ::testing::StartsWith("Linux "));
  EXPECT_GT(card.memory_bytes, 0u);
  EXPECT_GE(card.cpus.usable, 1);
  EXPECT_THAT(card.libc, ::testing::StartsWith("glibc "));
  const nlohmann::json json = card;
  EXPECT_EQ(json.at("hash").get<std::string>().size(), 16u);
  EXPECT_EQ(json.at("cpus").at("usable").get<int>(), card.cpus.usable);
}

TEST(MachineCardTest, HashFollowsLastingFieldsOnly) {
  const MachineCard card = good_machine();
  MachineCard busier = card;
  busier.load_1min = 9;
  busier.available_memory_bytes = 1;
  EXPECT_EQ(card.hash(), busier.hash());
  MachineCard other = card;
  other.cpus.affinity = 3;
  EXPECT_NE(card.hash(), other.hash());
}

TEST(MachineCardTest, SaysUnknownOnABareMachine) {
  const auto empty = std::filesystem::path("/nonexistent");
  const MachineCard card = read_machine_card({empty, empty});
  EXPECT_EQ(card.cpu_model, "unknown");
  EXPECT_EQ(card.governor, "unknown");
  EXPECT_EQ(card.memory_bytes, 0u);
  EXPECT_FALSE(card.shm_bytes);
  EXPECT_TRUE(nlohmann::json(card).at("shm_bytes").is_null());
}

std::ptrdiff_t count_own_threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

TEST(PrimitiveCostsTest, AreMeasuredWithoutMakingTheCallerMultiThreaded) {
  const auto threads_before = count_own_threads();
  const PrimitiveCosts costs = measure_primitive_costs();
  for (const auto& cost : {costs.system_call_ns, costs.clock_read_ns, costs.page_fault_ns, costs.fork_wait_ns,
                           costs.thread_start_join_ns, costs.futex_round_trip_ns}) {
    ASSERT_TRUE(cost);
    EXPECT_GT(*cost, 0);
  }
  EXPECT_EQ(costs.cache_line_round_trip_ns.has_value(), read_cpu_limits().affinity > 1);
  EXPECT_EQ(count_own_threads(), threads_before);
  EXPECT_EQ(list_process_tree(getpid()).size(), 1u);
  EXPECT_TRUE(nlohmann::json(costs).at("system_call_s").is_number());
}

}  // namespace
}  // namespace twinpool::bench
