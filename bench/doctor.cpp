// SPDX-License-Identifier: Apache-2.0
#include "bench/doctor.h"

#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "bench/units.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

Finding examine_cpus(const MachineCard& card) {
  const CpuLimits& cpus = card.cpus;
  Finding finding{"usable CPUs", Status::kOk, fmt::format("{} (by {})", cpus.usable, describe(cpus.limit)),
                  ""};
  if (cpus.usable < 2) {
    finding.status = Status::kDegraded;
    finding.sentence =
        "With one CPU workers take turns, so the figures show switching and not parallelism; give this "
        "machine or container a "
        "second CPU.";
  } else if (cpus.quota && *cpus.quota < cpus.affinity) {
    finding.status = Status::kDegraded;
    finding.sentence = fmt::format(
        "A quota of {:.2f} CPUs makes the kernel stop all workers for parts of each period, which shows as "
        "latency; prefer "
        "whole CPUs by affinity (docker: --cpuset-cpus).",
        *cpus.quota);
  }
  return finding;
}

Finding examine_memory(const MachineCard& card) {
  const std::uint64_t total = card.memory_bytes;
  const std::uint64_t limit = std::min(card.cgroup_memory_bytes.value_or(total), total);
  const bool by_cgroup = limit < total;
  Finding finding{
      "memory", Status::kOk,
      fmt::format("{} (by {})", print_size(static_cast<double>(limit)), by_cgroup ? "cgroup" : "machine"),
      ""};
  if (total == 0) {
    finding.value = "unknown";
  } else if (limit < 64 * kMiB) {
    finding.status = Status::kUnfit;
    finding.sentence = "The workloads need 64 MiB and more; raise the limit (docker: --memory).";
  } else if (limit < 512 * kMiB) {
    finding.status = Status::kDegraded;
    finding.sentence =
        "Large payloads may meet the limit and kill workers; give 512 MiB or more (docker: --memory).";
  } else if (card.available_memory_bytes > 0 && card.available_memory_bytes < 256 * kMiB) {
    finding.status = Status::kDegraded;
    finding.sentence =
        fmt::format("Only {} are free, so the machine may reclaim memory during a run; end other programs.",
                    print_size(static_cast<double>(card.available_memory_bytes)));
  }
  return finding;
}

Finding examine_processes(const MachineCard& card) {
  const bool by_cgroup =
      card.cgroup_pids && (!card.user_processes || *card.cgroup_pids < *card.user_processes);
  const auto limit = by_cgroup ? card.cgroup_pids : card.user_processes;
  if (!limit) return {"process limit", Status::kOk, "none", ""};
  Finding finding{"process limit", Status::kOk,
                  fmt::format("{} (by {})", *limit, by_cgroup ? "cgroup" : "RLIMIT_NPROC"), ""};
  const char* remedy =
      by_cgroup ? "raise the cgroup's pids.max (docker: --pids-limit)" : "raise it with 'ulimit -u'";
  if (*limit < 16) {
    finding.status = Status::kUnfit;
    finding.sentence = fmt::format("That does not hold the workers and their supervisor; {}.", remedy);
  } else if (*limit < 64) {
    finding.status = Status::kDegraded;
    finding.sentence = fmt::format("Pools with many workers may fail to start; {}.", remedy);
  }
  return finding;
}

Finding examine_shm(const MachineCard& card) {
  const std::string size = card.shm_bytes ? print_size(static_cast<double>(*card.shm_bytes)) : "not mounted";
  return {"/dev/shm", Status::kOk, size,
          "For information: twinpool keeps its shared memory in memfds, which this size does not limit."};
}

Finding examine_feature(const char* name, int error, Status when_missing, const char* sentence) {
  if (error == 0) return {name, Status::kOk, "works", ""};
  return {name, when_missing, std::strerror(error), sentence};
}

std::vector<Finding> examine_features(const KernelProbes& probes) {
  std::vector<Finding> findings;
  findings.push_back(
      examine_feature("memfd_create", probes.memfd_errno, Status::kUnfit,
                      "The process twin keeps its segment in a memfd; allow memfd_create (Linux 3.17) in the "
                      "container's seccomp profile."));
  findings.push_back(
      examine_feature("pidfd_open", probes.pidfd_errno, Status::kUnfit,
                      "The process twin learns of deaths by pidfds; allow pidfd_open (Linux 5.3) in the "
                      "container's seccomp profile."));
  findings.push_back(
      examine_feature("smaps_rollup", probes.smaps_rollup_errno, Status::kDegraded,
                      "PSS and USS cannot be measured and the memory columns stay empty; mount /proc without "
                      "hidepid and use Linux 4.14 or later."));
  findings.push_back(
      examine_feature("ptrace", probes.ptrace_errno, Status::kOk,
                      "For information: only the single-step tests need it (docker: --cap-add=SYS_PTRACE)."));
  return findings;
}

Finding examine_clock(const MachineCard& card) {
  Finding finding{"clock source", Status::kOk, card.clock_source, ""};
  // Both are device registers: a read costs about a microsecond and a system call, as much as a whole small
  // task.
  if (card.clock_source == "hpet" || card.clock_source == "acpi_pm") {
    finding.status = Status::kDegraded;
    finding.sentence =
        "Reading this clock costs about a microsecond and distorts latencies; switch to tsc if the machine "
        "has it.";
  }
  return finding;
}

Finding examine_core_pattern(const MachineCard& card) {
  Finding finding{"core pattern", Status::kOk, card.core_pattern, ""};
  if (card.core_pattern.starts_with('|')) {
    finding.status = Status::kDegraded;
    finding.sentence =
        "Each crash waits for that program, which lengthens the times in 'twinpool faults'; for exact ones "
        "run 'sudo sysctl "
        "kernel.core_pattern=core'.";
  }
  return finding;
}

Finding examine_file_limit(const MachineCard& card) {
  if (!card.file_bytes) return {"file size limit", Status::kOk, "none", ""};
  Finding finding{"file size limit", Status::kOk, print_size(static_cast<double>(*card.file_bytes)), ""};
  // The kernel applies RLIMIT_FSIZE to memfds too (ftruncate(2): EFBIG, SIGXFSZ).
  if (*card.file_bytes < kMiB) {
    finding.status = Status::kUnfit;
    finding.sentence =
        "It also limits shared memory, and a pool's segment does not fit; run 'ulimit -f unlimited'.";
  } else if (*card.file_bytes < 1024 * kMiB) {
    finding.status = Status::kDegraded;
    finding.sentence = "It also limits shared memory, so large segments fail; run 'ulimit -f unlimited'.";
  }
  return finding;
}

Finding examine_build(const MachineCard& card) {
  Finding finding{"build", Status::kOk, fmt::format("{}, {}, {}", card.build, card.compiler, card.libc), ""};
  if (card.build != "release") {
    finding.status = Status::kDegraded;
    finding.sentence =
        "Figures of such a build say nothing about a release; measure with the preset 'release'.";
  }
  return finding;
}

Finding examine_load(const MachineCard& card) {
  std::string value = fmt::format("{:.2f} over 1 min", card.load_1min);
  if (card.pressure) value += fmt::format(", CPU pressure {:.1f} %", card.pressure->some_avg10);
  Finding finding{"load", Status::kOk, value, ""};
  // The pressure is the better witness, since the load counts waiting for disks as well; without it the load
  // must do.
  const bool busy = card.pressure ? card.pressure->some_avg10 > 10 : card.load_1min > 0.5 * card.cpus.usable;
  if (busy) {
    finding.status = Status::kDegraded;
    finding.sentence =
        "Other programs want the CPUs now: intervals will be wide and verdicts may be refused; end them or "
        "wait.";
  }
  return finding;
}

/// The first two numbers of "Linux 6.1.0-18-amd64".
std::optional<std::pair<int, int>> parse_kernel_version(const std::string& kernel) {
  int major = 0;
  int minor = 0;
  if (std::sscanf(kernel.c_str(), "%*s %d.%d", &major, &minor) != 2) return std::nullopt;
  return std::pair(major, minor);
}

Finding examine_kernel(const MachineCard& card) {
  Finding finding{"kernel", Status::kOk, fmt::format("{} (hypervisor: {})", card.kernel, card.hypervisor),
                  ""};
  const auto version = parse_kernel_version(card.kernel);
  if (version && *version < std::pair(5, 3)) {
    finding.status = Status::kUnfit;
    finding.sentence = "The process twin needs pidfds, which Linux 5.3 brought; use a later kernel.";
  } else if (version && *version < std::pair(5, 9)) {
    finding.status = Status::kDegraded;
    finding.sentence =
        "Before Linux 5.9 workers cannot close inherited descriptors at once (close_range); use a later "
        "kernel.";
  }
  return finding;
}

fmt::terminal_color colour_of(Status status) {
  switch (status) {
    case Status::kOk:
      return fmt::terminal_color::green;
    case Status::kDegraded:
      return fmt::terminal_color::yellow;
    case Status::kUnfit:
      return fmt::terminal_color::red;
  }
  std::abort();
}

std::string paint(std::string text, Status status, bool colour) {
  return colour ? fmt::format(fmt::fg(colour_of(status)), "{}", text) : text;
}

const char* summarise(Status status) {
  switch (status) {
    case Status::kOk:
      return "this machine gives all that twinpool wants.";
    case Status::kDegraded:
      return "twinpool runs here, with the limits named above.";
    case Status::kUnfit:
      return "the process twin cannot work here until the points marked unfit are mended.";
  }
  std::abort();
}

}  // namespace

std::vector<Finding> diagnose(const MachineCard& card, const KernelProbes& probes) {
  std::vector<Finding> findings{examine_kernel(card),    examine_cpus(card), examine_memory(card),
                                examine_processes(card), examine_shm(card),  examine_file_limit(card)};
  std::ranges::move(examine_features(probes), std::back_inserter(findings));
  findings.push_back(examine_clock(card));
  findings.push_back(examine_core_pattern(card));
  findings.push_back(examine_build(card));
  findings.push_back(examine_load(card));
  return findings;
}

std::vector<Finding> examine_machine() { return diagnose(read_machine_card(), probe_kernel()); }

Status worst(const std::vector<Finding>& findings) {
  Status status = Status::kOk;
  for (const Finding& finding : findings) status = std::max(status, finding.status);
  return status;
}

const char* describe(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kDegraded:
      return "degraded";
    case Status::kUnfit:
      return "unfit";
  }
  std::abort();
}

void print_findings(std::ostream& out, const std::vector<Finding>& findings, bool colour) {
  std::size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, finding.name.size());
  for (const Finding& finding : findings) {
    // Padded before it is painted: escapes have no width on the screen.
    const std::string status = paint(fmt::format("{:<8}", describe(finding.status)), finding.status, colour);
    out << fmt::format("{}  {:<{}}  {}\n", status, finding.name, width, finding.value);
    if (!finding.sentence.empty()) out << fmt::format("{:<{}}{}\n", "", 8 + 2 + width + 2, finding.sentence);
  }
  const Status overall = worst(findings);
  out << fmt::format("\n{}: {}\n", paint(describe(overall), overall, colour), summarise(overall));
}

void to_json(nlohmann::json& json, const Finding& finding) {
  json = {{"name", finding.name},
          {"status", describe(finding.status)},
          {"value", finding.value},
          {"sentence", finding.sentence}};
}

}  // namespace twinpool::bench
