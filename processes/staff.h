// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "processes/death_cause.h"
#include "processes/event_ring.h"
#include "processes/supervisor.h"
#include "shared/affinity.h"
#include "shared/recycling.h"
#include "shared/restart_policy.h"

namespace twinpool::processes {

/// The supervisor's workers: who has which place, who comes, who goes and why.
///
/// A *seat* is what users know as worker 3. It has two places, so that a fresh worker is ready in one before
/// the old one leaves the other; at most one worker is the seat's occupant. A hot spare has no seat: it stands by
/// in a record of its own until it is given a place. What the owner may see is published
/// in the segment; nothing is decided from what a worker could have scribbled there, but when to leave.
/// Threads: one, the supervisor's.
class Staff {
 public:
  Staff(const Segment& segment, const SupervisorContext& context);

  /// Does what is due: kills whom the owner wants dead, greets new workers, grows and shrinks, replaces the
  /// dead and the old.
  void look();
  /// waitpid has told this of one of the children.
  void hear(pid_t pid, int status);
  /// How long until the next `look`, unless something happens; -1: for ever.
  [[nodiscard]] int timeout_ms() const;
  [[nodiscard]] bool empty() const;

 private:
  enum class Post : std::uint8_t {
    kEmpty,
    kStarting,
    kStandingBy,  // a hot spare, ready
    kWorking,
    kLeaving,
    kMoved,  // of a hot spare's record: who was there has a seat now, and may still read it
  };
  enum class Leave : std::uint8_t { kRecycled, kRetired };
  struct Place {
    pid_t pid = 0;
    Post post = Post::kEmpty;
    Leave why = Leave::kRecycled;
    std::uint32_t incarnation = 0;
    std::uint32_t generation = 0;  // of reload, at its birth
    Clock::time_point born{};
    Clock::time_point ready{};
    std::uint64_t tasks_at_birth = 0;
    Recycling recycling;
    std::uint64_t uss_bytes = 0;
    bool due = false;           // to be replaced by a fresh one
    bool stopped = false;       // by somebody else's SIGSTOP
    bool asked_to_die = false;  // this process has killed it
    SlotRef suspect = 0;        // stopped by this process, to see whether it still runs this task
    int replaces = -1;          // the place that leaves when this one is ready
    int came_from = -1;         // the record in which it stood by
    std::uint64_t seen_tasks = 0;
    Clock::time_point idle_since{};  // as far as was seen
  };
  struct Seat {
    int occupant = -1;
    int successor = -1;  // starting
    bool lost = false;   // its occupant has died
    Clock::time_point died{};
  };

  // staff.cpp: comings and goings.
  Place fresh_at(int place);
  bool start(int place, int seat, int replaces);
  void greet();
  void arrived(int place, Clock::time_point now);
  void bury(int place, int status);
  void vacate(int place, bool lost);
  void occupy(int seat, int place);
  void order_leave(int place, Leave why);
  void fill_seats();
  [[nodiscard]] std::optional<int> free_seat() const;
  [[nodiscard]] std::optional<int> free_place(int seat) const;
  void judge_policy();
  void prove();

  // staff_spares.cpp: hot spares.
  bool promote(int place, int seat);
  void fill_spares();
  void release_record(Place& moved);
  void send_home_spares_before(std::uint32_t generation);
  [[nodiscard]] bool is_spare(int place) const { return place >= segment_.place_count(); }
  [[nodiscard]] bool spare_missing() const;

  // staff_orders.cpp: size, renewal, kills.
  void set_size();
  void grow(int least, int most);
  void shrink(int least);
  void send_home_surplus();
  void renew();
  bool replace(int place);
  void reload();
  void look_at_memory();
  void obey_kills();
  void pass_over(int place);
  void stopped(int place);
  void continued(int place);
  void judge(int place);
  [[nodiscard]] bool still_runs(SlotRef ref, int place) const;

  void tell(EventKind kind, int place, EventRecord event = {});
  void show_leaving(int place, bool peaceful, int status);
  void note_set_up_failure(int place, int status);
  [[nodiscard]] bool stopping() const;
  [[nodiscard]] int present() const;
  [[nodiscard]] bool finished_a_task(int place) const;
  [[nodiscard]] bool has_lived(int place, Clock::time_point now) const;
  [[nodiscard]] Place& at(int place) { return places_[static_cast<std::size_t>(place)]; }
  [[nodiscard]] const Place& at(int place) const { return places_[static_cast<std::size_t>(place)]; }
  [[nodiscard]] Seat& seat(int index) { return seats_[static_cast<std::size_t>(index)]; }
  [[nodiscard]] const Seat& seat(int index) const { return seats_[static_cast<std::size_t>(index)]; }
  [[nodiscard]] int places() const { return static_cast<int>(places_.size()); }
  [[nodiscard]] int seats() const { return static_cast<int>(seats_.size()); }
  [[nodiscard]] WorkerRecord& record(int place) const { return segment_.worker(place); }

  const Segment& segment_;
  SegmentHeader& header_;
  const SupervisorContext& context_;
  const std::vector<CpuPlace> cpus_;
  RestartPolicy policy_;
  std::minstd_rand random_;
  std::vector<Place> places_;  // and the hot spares' records behind them
  std::vector<Seat> seats_;
  EventWriter events_;
  OomKills oom_kills_;
  int wanted_ = 0;
  bool somebody_came_ = false;
  std::uint32_t given_up_ = 0;  // the reload whose time has passed
  Clock::time_point last_death_{};
  Clock::time_point memory_looked_at_{};
};

}  // namespace twinpool::processes
