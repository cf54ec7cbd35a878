// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "bench/noise.h"
#include "shared/usable_cpus.h"

namespace twinpool::bench {

/// A soft resource limit of this process; nothing means unlimited.
using ResourceLimit = std::optional<std::uint64_t>;

/// What a reader must know about the machine to judge a figure. Everything that cannot be read says "unknown"
/// or holds nothing; reading never fails. Fields of a machine that changes by itself (load, pressure) are not
/// part of the hash.
struct MachineCard {
  std::string kernel;      ///< "Linux 6.1.0-18-amd64"
  std::string hypervisor;  ///< "none", its name ("KVM"), or "unknown" inside a virtual machine that hides it
  std::string cpu_model;
  std::string governor;  ///< of CPU 0; "unknown" in most virtual machines
  std::string clock_source;
  CpuLimits cpus;
  std::optional<bool> smt;  ///< two hardware threads share a core
  std::uint64_t memory_bytes = 0;
  std::uint64_t available_memory_bytes = 0;
  std::optional<std::uint64_t> cgroup_memory_bytes;
  std::optional<std::uint64_t> cgroup_pids;
  std::string transparent_huge_pages;
  std::string overcommit;    ///< /proc/sys/vm/overcommit_memory: "0", "1" or "2"
  std::string aslr;          ///< /proc/sys/kernel/randomize_va_space
  std::string core_pattern;  ///< where cores of crashed workers go; a pipe makes each crash slower
  std::string libc;
  std::string compiler;
  std::string build;                       ///< "release" or "debug", with the sanitizers that are built in
  std::optional<std::uint64_t> shm_bytes;  ///< size of /dev/shm
  ResourceLimit open_files, user_processes, file_bytes, core_bytes, address_space_bytes, locked_bytes,
      stack_bytes;
  double load_1min = 0;
  std::optional<CpuPressure> pressure;

  /// Gives: 16 hexadecimal digits that differ whenever a lasting field differs: two runs with the same digits
  /// may be compared.
  std::string hash() const;
};

MachineCard read_machine_card(const KernelFiles& files = {});

/// This machine's name, for formats that ask for it; "" when it cannot be read. Not part of the card: a name
/// may tell more than its owner wants to publish.
std::string host_name();

/// Gives: "address,undefined", "thread" or "": what this program was built with.
std::string name_sanitizers();

/// JSON in base units; what is unknown is null. Documented with the results schema.
void to_json(nlohmann::json& json, const MachineCard& card);

}  // namespace twinpool::bench
