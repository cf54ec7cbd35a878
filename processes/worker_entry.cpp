// SPDX-License-Identifier: Apache-2.0
#include "processes/worker_entry.h"

#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <system_error>

#include "processes/fault_report.h"
#include "processes/process_hygiene.h"
#include "processes/worker.h"
#include "shared/outcome.h"

namespace twinpool::processes {
namespace {

[[noreturn]] void fail(int error, const std::string& tried) {
  throw std::system_error(error, std::generic_category(), tried);
}

void take_names(const Segment& segment, const WorkerOptions& options, int place) {
  const bool spare = place >= segment.place_count();
  const int index = spare ? place - segment.place_count() : segment.seat_of(place);
  const int all = spare ? segment.record_count() - segment.place_count() : segment.seat_count();
  const std::string number = std::to_string(index + 1);
  const std::string suffix = (spare ? "-s" : "-w") + number;
  set_process_name(options.name.substr(0, 15 - suffix.size()) + suffix);
  set_process_title(options.name + (spare ? ": hot spare " : ": worker ") + number + " of " + std::to_string(all));
}

void take_cpu(const WorkerOptions& options, int seat, std::span<const CpuPlace> cpus) {
  const auto cpu = cpu_for(options.affinity, options.affinity_cpus, seat, cpus);
  if (!cpu) return;
  if (const int error = pin_this_thread(*cpu); error != 0) fail(error, "run on CPU " + std::to_string(*cpu));
}

void limit(__rlimit_resource resource, const std::optional<std::uint64_t>& value, const char* what) {
  if (!value) return;
  const rlimit both{.rlim_cur = *value, .rlim_max = *value};
  if (::setrlimit(resource, &both) != 0)
    fail(errno, std::string("limit ") + what + " to " + std::to_string(*value));
}

void take_limits(const ProcessOptions& options) {
  if (options.nice != 0) {
    errno = 0;  // -1 is a niceness as well
    const int before = ::getpriority(PRIO_PROCESS, 0);
    const int wanted = std::clamp(before + options.nice, -20, 19);
    if (errno != 0 || ::setpriority(PRIO_PROCESS, 0, wanted) != 0)
      fail(errno, "change the niceness by " + std::to_string(options.nice));
  }
  if (!options.working_directory.empty() && ::chdir(options.working_directory.c_str()) != 0)
    fail(errno, "work in '" + options.working_directory + "'");
  limit(RLIMIT_NOFILE, options.open_files, "open_files");
  limit(RLIMIT_CORE, options.core_bytes, "core_bytes");
  limit(RLIMIT_CPU, options.cpu_seconds, "cpu_seconds");
  limit(RLIMIT_AS, options.address_space_bytes, "address_space_bytes");
}

WorkerFunction function_at(std::uint64_t address, const char* what) {
  const auto function = std::bit_cast<WorkerFunction>(static_cast<std::uintptr_t>(address));
  Dl_info info{};
  if (function != nullptr && ::dladdr(reinterpret_cast<void*>(function), &info) == 0)
    fail(EFAULT, std::string(what) + ": the function was loaded after the launcher was started");
  return function;
}

void note_failure(WorkerRecord& record, std::uint32_t incarnation, const std::string& why) {
  const std::size_t kept = std::min(why.size(), kFailureBytes - 1);
  std::copy_n(why.begin(), kept, record.set_up_failure);
  record.set_up_failure[kept] = '\0';
  record.failed_incarnation.store(incarnation, std::memory_order_release);
}

/// Gives: why it failed; empty: it did not.
std::string set_up(const Segment& segment, const SupervisorContext& context, const WorkerBirth& birth,
                   const WorkerInfo& info) {
  const WorkerOptions& options = context.options;
  WorkerFunction function = nullptr;
  try {
    if (birth.place < segment.place_count()) take_cpu(options, segment.seat_of(birth.place), birth.cpus);
    take_limits(options.processes);
    function = function_at(options.set_up, "call set_up");
    static_cast<void>(function_at(options.tear_down, "call tear_down"));
  } catch (const std::exception& error) {
    return error.what();
  }
  try {
    if (function != nullptr) function(info);
  } catch (...) {
    const Failure failure = failure_of_current_exception();
    return "its set-up threw " + failure.type_name + ": " + failure.message;
  }
  return {};
}

void tear_down(const WorkerOptions& options, const WorkerInfo& info) {
  const auto function = std::bit_cast<WorkerFunction>(static_cast<std::uintptr_t>(options.tear_down));
  if (function == nullptr) return;
  try {
    function(info);
  } catch (...) {  // NOLINT: the worker leaves anyway, and nobody waits for an answer
  }
}

/// A hot spare becomes the worker of a place. Gives: why it cannot; empty: it has.
std::string move_to(int place, const Segment& segment, const SupervisorContext& context, const WorkerBirth& birth) {
  note_faults_in(segment.worker(place).fault);
  take_names(segment, context.options, place);
  try {
    take_cpu(context.options, segment.seat_of(place), birth.cpus);
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

void serve(const Segment& segment, const SupervisorContext& context, const WorkerBirth& birth, int place) {
  const std::uint64_t before = segment.worker(place).tasks.load(std::memory_order_relaxed);
  run_worker(segment, {.index = place,
                       .owner_bell = context.owner_bell,
                       .poke = context.poke,
                       .line = ScoreboardLine(*context.board, place, before),
                       .poke_at = birth.max_tasks == 0 ? UINT64_MAX : before + birth.max_tasks});
}

}  // namespace

void become_worker(const Segment& segment, const SupervisorContext& context, const WorkerBirth& birth) {
  die_with_parent(birth.supervisor);
  reset_signals();
  mark_worker_process();
  std::vector<int> keep = context.options.processes.keep_descriptors;
  keep.insert(keep.end(), {context.owner_bell, context.poke});
  close_descriptors_except(std::move(keep));
  const WorkerOptions& options = context.options;
  take_names(segment, options, birth.place);
  WorkerRecord& record = segment.worker(birth.place);
  // The supervisor stores it too; but who sees this worker ready wants to find it there.
  record.pid.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_release);
  install_fault_handler(record.fault);

  const bool spare = birth.place >= segment.place_count();
  const int number = birth.place - segment.place_count();
  WorkerInfo info{.index = spare ? segment.seat_count() + number : segment.seat_of(birth.place),
                  .workers = segment.seat_count(),
                  .pool_name = options.name};
  std::string why = set_up(segment, context, birth, info);
  std::optional<int> place = birth.place;
  if (spare && why.empty()) {
    place = stand_by(segment, {.index = birth.place,
                               .poke = context.poke,
                               .line = ScoreboardLine(*context.board, birth.place, 0)});
    if (place) why = move_to(*place, segment, context, birth);
  }
  if (!why.empty()) {
    WorkerRecord& here = segment.worker(*place);
    note_failure(here, here.incarnation.load(std::memory_order_relaxed), why);
  } else {
    if (place) {
      info.index = spare ? segment.seat_of(*place) : info.index;
      serve(segment, context, birth, *place);
    }
    tear_down(options, info);
  }
  std::fflush(nullptr);  // what tasks have printed; the buffers were empty when the launcher was forked
  ::_exit(why.empty() ? 0 : 1);
}

}  // namespace twinpool::processes
