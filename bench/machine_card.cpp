// SPDX-License-Identifier: Apache-2.0
#include "bench/machine_card.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "bench/version.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#if defined(__has_feature)
#define TWINPOOL_HAS_FEATURE(x) __has_feature(x)
#else
#define TWINPOOL_HAS_FEATURE(x) 0
#endif

namespace twinpool::bench {
namespace {

std::string read_word(const std::filesystem::path& file) {
  const auto line = read_first_line(file);
  return line && !line->empty() ? *line : "unknown";
}

/// The value behind "key : value" in /proc/cpuinfo and its like.
std::optional<std::string> find_line(const std::filesystem::path& file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(key)) continue;
    if (line.find_last_not_of(" \t", colon - 1) + 1 != key.size()) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return std::nullopt;
}

std::uint64_t read_meminfo_bytes(const std::filesystem::path& meminfo, std::string_view key) {
  const auto value = find_line(meminfo, key);
  return value ? std::strtoull(value->c_str(), nullptr, 10) * 1024 : 0;
}

/// The word in brackets: "always [madvise] never".
std::string read_choice(const std::filesystem::path& file) {
  const std::string line = read_word(file);
  const std::size_t open = line.find('[');
  const std::size_t close = line.find(']', open == std::string::npos ? 0 : open);
  return open == std::string::npos || close == std::string::npos ? line
                                                                 : line.substr(open + 1, close - open - 1);
}

/// Gives the signature of the hypervisor leaf (Intel SDM vol. 2, CPUID: leaf 1 ECX bit 31; leaf 0x40000000).
std::optional<std::string> read_cpuid_hypervisor() {
#if defined(__x86_64__) || defined(__i386__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return std::nullopt;
  if ((c >> 31) == 0) return "none";
  __cpuid(0x40000000, a, b, c, d);
  std::string signature;
  for (const unsigned part : {b, c, d}) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      const char letter = static_cast<char>((part >> shift) & 0xff);
      if (letter >= ' ' && letter < 127) signature += letter;
    }
  }
  signature.erase(signature.find_last_not_of(' ') + 1);  // "bhyve bhyve " fills its twelve bytes with blanks
  // Some repeat a short name to fill the field.
  if (const std::size_t blank = signature.find(' ');
      blank != std::string::npos && signature.substr(0, blank) == signature.substr(blank + 1)) {
    signature.resize(blank);
  }
  return signature.empty() ? "unknown" : signature;
#else
  return std::nullopt;
#endif
}

std::string read_hypervisor(const KernelFiles& files) {
  if (const auto type = read_first_line(files.root / "sys/hypervisor/type")) return *type;
  return read_cpuid_hypervisor().value_or("unknown");
}

std::string name_compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
  return fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#else
  return "unknown";
#endif
}

std::string name_build() {
  // Assertions stay in this project's releases; what makes a figure worthless is a build that is not
  // optimised for speed.
  const std::string_view type = kBuildType;
  std::string build = type == "Release" || type == "RelWithDebInfo" ? "release" : "debug";
  const std::string sanitizers = name_sanitizers();
  return sanitizers.empty() ? build : build + ", sanitizers " + sanitizers;
}

std::string name_libc() { return std::string("glibc ") + gnu_get_libc_version(); }

ResourceLimit read_limit(__rlimit_resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

void read_limits(MachineCard& card) {
  card.open_files = read_limit(RLIMIT_NOFILE);
  card.user_processes = read_limit(RLIMIT_NPROC);
  card.file_bytes = read_limit(RLIMIT_FSIZE);
  card.core_bytes = read_limit(RLIMIT_CORE);
  card.address_space_bytes = read_limit(RLIMIT_AS);
  card.locked_bytes = read_limit(RLIMIT_MEMLOCK);
  card.stack_bytes = read_limit(RLIMIT_STACK);
}

template <typename T>
nlohmann::json or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

nlohmann::json lasting_fields(const MachineCard& card) {
  return {{"kernel", card.kernel},
          {"hypervisor", card.hypervisor},
          {"cpu_model", card.cpu_model},
          {"governor", card.governor},
          {"clock_source", card.clock_source},
          {"cpus",
           {{"online", card.cpus.online},
            {"affinity", card.cpus.affinity},
            {"quota", or_null(card.cpus.quota)},
            {"usable", card.cpus.usable},
            {"limit", describe(card.cpus.limit)},
            {"smt", or_null(card.smt)}}},
          {"memory_bytes", card.memory_bytes},
          {"cgroup_memory_bytes", or_null(card.cgroup_memory_bytes)},
          {"cgroup_pids", or_null(card.cgroup_pids)},
          {"transparent_huge_pages", card.transparent_huge_pages},
          {"overcommit", card.overcommit},
          {"aslr", card.aslr},
          {"core_pattern", card.core_pattern},
          {"libc", card.libc},
          {"compiler", card.compiler},
          {"build", card.build},
          {"shm_bytes", or_null(card.shm_bytes)},
          {"limits",
           {{"open_files", or_null(card.open_files)},
            {"user_processes", or_null(card.user_processes)},
            {"file_bytes", or_null(card.file_bytes)},
            {"core_bytes", or_null(card.core_bytes)},
            {"address_space_bytes", or_null(card.address_space_bytes)},
            {"locked_bytes", or_null(card.locked_bytes)},
            {"stack_bytes", or_null(card.stack_bytes)}}}};
}

}  // namespace

std::string host_name() {
  utsname name{};
  return uname(&name) == 0 ? name.nodename : "";
}

std::string name_sanitizers() {
  std::string names;
#if defined(__SANITIZE_ADDRESS__) || TWINPOOL_HAS_FEATURE(address_sanitizer)
  names += "address";
#endif
#if defined(__SANITIZE_THREAD__) || TWINPOOL_HAS_FEATURE(thread_sanitizer)
  names += "thread";
#endif
#if TWINPOOL_HAS_FEATURE(undefined_behavior_sanitizer)  // gcc has no macro that tells
  names += names.empty() ? "undefined" : ",undefined";
#endif
  return names;
}

MachineCard read_machine_card(const KernelFiles& files) {
  MachineCard card;
  utsname system{};
  card.kernel = uname(&system) == 0 ? fmt::format("{} {}", system.sysname, system.release) : "unknown";
  card.hypervisor = read_hypervisor(files);
  card.cpu_model = find_line(files.proc / "cpuinfo", "model name").value_or("unknown");
  card.governor = read_word(files.root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  card.clock_source =
      read_word(files.root / "sys/devices/system/clocksource/clocksource0/current_clocksource");
  card.cpus = read_cpu_limits(files);
  if (const auto smt = read_first_line(files.root / "sys/devices/system/cpu/smt/active"))
    card.smt = *smt == "1";
  card.memory_bytes = read_meminfo_bytes(files.proc / "meminfo", "MemTotal");
  card.available_memory_bytes = read_meminfo_bytes(files.proc / "meminfo", "MemAvailable");
  card.cgroup_memory_bytes = smallest_cgroup_limit("memory", "memory.limit_in_bytes", "memory.max", files);
  card.cgroup_pids = smallest_cgroup_limit("pids", "pids.max", "pids.max", files);
  card.transparent_huge_pages = read_choice(files.root / "sys/kernel/mm/transparent_hugepage/enabled");
  card.overcommit = read_word(files.proc / "sys/vm/overcommit_memory");
  card.aslr = read_word(files.proc / "sys/kernel/randomize_va_space");
  card.core_pattern = read_word(files.proc / "sys/kernel/core_pattern");
  card.libc = name_libc();
  card.compiler = name_compiler();
  card.build = name_build();
  struct statvfs shm {};
  if (statvfs((files.root / "dev/shm").c_str(), &shm) == 0)
    card.shm_bytes = std::uint64_t{shm.f_frsize} * shm.f_blocks;
  read_limits(card);
  std::istringstream(read_word(files.proc / "loadavg")) >> card.load_1min;
  card.pressure = read_cpu_pressure(files.proc);
  return card;
}

std::string MachineCard::hash() const {
  // FNV-1a, 64 bits (Fowler, Noll, Vo: draft-eastlake-fnv): stable over compilers and releases, as std::hash
  // is not.
  std::uint64_t value = 14695981039346656037u;
  for (const char c : lasting_fields(*this).dump()) {
    value = (value ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return fmt::format("{:016x}", value);
}

void to_json(nlohmann::json& json, const MachineCard& card) {
  json = lasting_fields(card);
  json["available_memory_bytes"] = card.available_memory_bytes;
  json["load_1min"] = card.load_1min;
  json["pressure_some_avg10_percent"] = card.pressure ? nlohmann::json(card.pressure->some_avg10) : nullptr;
  json["hash"] = card.hash();
}

}  // namespace twinpool::bench
