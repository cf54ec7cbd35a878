// SPDX-License-Identifier: Apache-2.0
// What workers are told: how many there are to be, who is to leave, who is to die.
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "processes/door.h"
#include "processes/recovery.h"
#include "processes/staff.h"
#include "processes/task_queue.h"
#include "shared/growth.h"

namespace twinpool::processes {
namespace {

using std::chrono::milliseconds;

/// How often unproven replacements are looked at; only while there are any.
constexpr milliseconds kProofInterval{20};
constexpr milliseconds kMemoryInterval{1000};

/// Private memory of a process (its USS), in bytes; 0 when it cannot be told.
std::uint64_t private_bytes(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/smaps_rollup";
  std::FILE* const file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return 0;
  std::uint64_t sum_kib = 0;
  std::array<char, 128> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), file) != nullptr) {
    const std::string_view text(line.data());
    if (!text.starts_with("Private_")) continue;
    const auto digits = text.find_first_of("0123456789");
    std::uint64_t kib = 0;
    if (digits != std::string_view::npos)
      std::from_chars(text.data() + digits, text.data() + text.size(), kib);
    sum_kib += kib;
  }
  std::fclose(file);
  return sum_kib << 10;
}

int awake_or_asleep(const SegmentHeader& header) {
  int count = 0;
  for (std::size_t i = 0; i < kWorkerWords; ++i) {
    count += std::popcount(header.idle.words[i].load(std::memory_order_seq_cst) |
                           header.searching.words[i].load(std::memory_order_seq_cst));
  }
  return count;
}

}  // namespace

void Staff::set_size() {
  const auto limit = [](std::uint32_t value, int low, int high) {
    return std::clamp(static_cast<int>(std::min<std::uint32_t>(value, kMaxWorkers)), low, high);
  };
  const int most = limit(header_.workers_max.load(std::memory_order_acquire), 1, seats());
  const int least = limit(header_.workers_min.load(std::memory_order_acquire), 1, most);
  wanted_ = std::clamp(wanted_, least, most);
  grow(least, most);
  shrink(least);
  send_home_surplus();
  header_.wanted.store(static_cast<std::uint32_t>(wanted_), std::memory_order_relaxed);
}

void Staff::grow(int least, int most) {
  const bool asked = header_.grow.exchange(0, std::memory_order_seq_cst) != 0;
  const bool came = std::exchange(somebody_came_, false);
  if (wanted_ >= most || (!asked && !came) || header_.paused.load(std::memory_order_acquire) != 0) return;
  int starting = wanted_ - present();
  for (int i = 0; i < segment_.place_count(); ++i)
    starting += at(i).post == Post::kStarting && at(i).replaces < 0 ? 1 : 0;
  const int more =
      workers_to_start(wanted_, awake_or_asleep(header_), starting, backlog(segment_), {least, most});
  if (more == 0) return;
  wanted_ += more;
  // All are needed now: whoever idled until now does not leave for it.
  for (Place& place : places_) place.idle_since = Clock::now();
}

void Staff::shrink(int least) {
  const auto now = Clock::now();
  for (int i = seats() - 1; i >= 0 && wanted_ > least; --i) {
    const Seat& chair = seat(i);
    if (chair.occupant < 0 || chair.successor >= 0) continue;
    Place& here = at(chair.occupant);
    const std::uint64_t tasks = record(chair.occupant).tasks.load(std::memory_order_relaxed);
    if (here.post != Post::kWorking || tasks != here.seen_tasks || !header_.idle.test(chair.occupant)) {
      here.seen_tasks = tasks;
      here.idle_since = now;
    } else if (may_retire(wanted_, least, now - here.idle_since, context_.options.idle_timeout)) {
      // Those with the highest numbers first: they are woken last.
      const int place = chair.occupant;
      --wanted_;
      seat(i).occupant = -1;
      empty_seat(segment_, i);
      order_leave(place, Leave::kRetired);
    }
  }
}

void Staff::send_home_surplus() {
  for (int i = seats() - 1; i >= 0 && present() > wanted_; --i) {
    if (seat(i).occupant < 0) continue;
    const int place = std::exchange(seat(i).occupant, -1);
    empty_seat(segment_, i);
    order_leave(place, Leave::kRetired);
    if (const int fresh = std::exchange(seat(i).successor, -1); fresh >= 0) {
      at(fresh).replaces = -1;
      order_leave(fresh, Leave::kRetired);
    }
  }
}

void Staff::renew() {
  look_at_memory();
  const auto now = Clock::now();
  for (int i = 0; i < seats(); ++i) {
    const int place = seat(i).occupant;
    if (place < 0 || at(place).post != Post::kWorking) continue;
    Place& here = at(place);
    if (!here.due && here.recycling.any()) {
      const std::uint64_t tasks = record(place).tasks.load(std::memory_order_relaxed) - here.tasks_at_birth;
      here.due = here.recycling.due(tasks, now - here.ready, here.uss_bytes);
    }
    if (here.due) replace(place);
  }
  reload();
}

bool Staff::replace(int place) {
  Place& old = at(place);
  const int index = segment_.seat_of(place);
  if (seat(index).successor >= 0) return true;
  old.due = true;  // tried again when the other place is free and somebody may be started
  const int other = place < seats() ? place + seats() : place - seats();
  const auto now = Clock::now();
  if (at(other).pid != 0 || policy_.next_start() > now) return false;
  policy_.started(now);
  return start(other, index, place);
}

void Staff::reload() {
  const std::uint32_t generation = header_.reload.load(std::memory_order_acquire);
  if (header_.reloaded.load(std::memory_order_relaxed) == generation || given_up_ == generation) return;
  if (now_ns() > header_.reload_until_ns.load(std::memory_order_acquire)) {
    given_up_ = generation;  // the rest is left as it is
    for (Place& place : places_) place.due = place.due && place.recycling.any();
    return;
  }
  const auto is_old = [&](const Place& place) { return place.pid != 0 && place.generation != generation; };
  if (std::none_of(places_.begin(), places_.end(), is_old)) {
    header_.reloaded.store(generation, std::memory_order_release);
    futex_wake(header_.reloaded, INT32_MAX, FutexScope::kAllProcesses);
    return;
  }
  send_home_spares_before(generation);
  // One at a time.
  if (std::any_of(seats_.begin(), seats_.end(), [](const Seat& chair) { return chair.successor >= 0; })) return;
  for (const Seat& chair : seats_) {
    if (chair.occupant < 0 || !is_old(at(chair.occupant))) continue;
    if (at(chair.occupant).post != Post::kWorking) return;  // it is still starting
    if (replace(chair.occupant) || policy_.next_start() > Clock::now()) return;
  }
}

void Staff::look_at_memory() {
  if (context_.options.recycling.max_uss_bytes == 0) return;
  const auto now = Clock::now();
  if (now - memory_looked_at_ < kMemoryInterval) return;
  memory_looked_at_ = now;
  for (Place& place : places_) {
    if (place.post == Post::kWorking) place.uss_bytes = private_bytes(place.pid);
  }
}

bool Staff::still_runs(SlotRef ref, int place) const {
  if (ref_index(ref) >= segment_.slot_count()) return false;
  const SlotWord word{segment_.slot(ref_index(ref)).word.load(std::memory_order_acquire)};
  return word.generation() == ref_generation(ref) && word.in_hands() && word.worker() == place;
}

/// A worker may go on to its next task at any moment, and that one is not to die for this: it is stopped
/// first, and looked at when it stands still.
void Staff::obey_kills() {
  for (int i = 0; i < places(); ++i) {
    if (at(i).pid == 0 || record(i).kill_ref.load(std::memory_order_acquire) == 0) continue;
    const SlotRef ref = record(i).kill_ref.exchange(0, std::memory_order_acq_rel);
    if (!still_runs(ref, i) || at(i).suspect != 0) continue;
    at(i).suspect = ref;
    if (at(i).stopped) {
      judge(i);
    } else {
      ::kill(at(i).pid, SIGSTOP);
    }
  }
}

void Staff::judge(int place) {
  const SlotRef ref = std::exchange(at(place).suspect, 0);
  if (!still_runs(ref, place)) {
    if (!at(place).stopped) ::kill(at(place).pid, SIGCONT);
    return;
  }
  EventRecord event{};
  event.detail = kByThePool;
  event.type = segment_.slot(ref_index(ref)).type;
  tell(EventKind::kWorkerStuck, place, event);
  at(place).asked_to_die = true;
  ::kill(at(place).pid, SIGKILL);
}

/// A stopped worker neither searches nor can it be woken: nobody may count on it.
void Staff::pass_over(int place) {
  header_.idle.clear(place);
  header_.searching.clear(place);
  if (!nothing_for_all(segment_)) wake_one(segment_);
  hand_on_seat(segment_, segment_.seat_of(place));
  somebody_came_ = true;  // or nobody was left to wake
  ring_owner(context_.owner_bell);  // it may have meant to, for others too (SegmentHeader::notify_pending)
}

void Staff::stopped(int place) {
  if (at(place).suspect != 0) return judge(place);
  if (std::exchange(at(place).stopped, true)) return;
  record(place).stopped.store(1, std::memory_order_release);
  if (!is_spare(place)) pass_over(place);
  EventRecord event{};
  event.status = SIGSTOP;
  tell(EventKind::kWorkerStuck, place, event);
}

void Staff::continued(int place) {
  knock(record(place));  // it may sleep without its idle bit: let it look for itself
  if (!std::exchange(at(place).stopped, false)) return;
  record(place).stopped.store(0, std::memory_order_release);
  tell(EventKind::kWorkerResumed, place);
}

int Staff::timeout_ms() const {
  if (stopping()) return -1;
  using std::chrono::nanoseconds;
  const auto now = Clock::now();
  constexpr auto kNever = nanoseconds::max();
  nanoseconds wait = kNever;
  if (policy_.troubled()) wait = kProofInterval;
  bool missing = present() < wanted_ && free_seat().has_value();
  for (const Seat& chair : seats_) {
    if (chair.occupant < 0) continue;
    const Place& here = at(chair.occupant);
    missing = missing || (here.due && chair.successor < 0 && free_place(segment_.seat_of(chair.occupant)));
    if (here.post == Post::kWorking && !here.due && here.recycling.max_age().count() > 0)
      wait = std::min<nanoseconds>(wait, here.ready + here.recycling.max_age() - now);
  }
  missing = missing || spare_missing();
  if (missing) wait = std::min<nanoseconds>(wait, policy_.next_start() - now);
  if (context_.options.recycling.max_uss_bytes != 0) wait = std::min<nanoseconds>(wait, kMemoryInterval);
  if (wanted_ > static_cast<int>(header_.workers_min.load(std::memory_order_relaxed)))
    wait = std::min<nanoseconds>(wait, std::max<nanoseconds>(context_.options.idle_timeout / 4, milliseconds(1)));
  if (wait == kNever) return -1;
  constexpr nanoseconds kLongest = milliseconds(std::numeric_limits<int>::max());
  const auto cut = std::clamp(wait, nanoseconds{0}, kLongest);
  return static_cast<int>(std::chrono::ceil<milliseconds>(cut).count());
}

}  // namespace twinpool::processes
