// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <thread>

#include "bench/backend.h"
#include "bench/life/trials.h"
#include "bench/peers/python_pool.h"
#include "processes/launcher.h"

namespace twinpool::bench::life {
namespace {

constexpr const char* kSettled = "death to the settled future";
constexpr const char* kReplaced = "crash to the replacement's first result";

int die(int signal) {
  trial_page()->fired_ns.store(now_ns());
  ::kill(::getpid(), signal);
  return 0;
}

int give_back(int number) { return number; }

struct Outcomes {
  std::vector<double> settled;
  std::vector<double> replaced;

  [[nodiscard]] nlohmann::json json() const { return {{kSettled, settled}, {kReplaced, replaced}}; }
};

void require(bool right, const char* what) {
  if (!right) throw std::runtime_error(what);
}

/// The owner's memory: written, so that a fork has its page tables to copy.
std::unique_ptr<char[]> touch(std::size_t mib) {
  constexpr std::size_t kPage = 4096;
  auto memory = std::make_unique_for_overwrite<char[]>((mib << 20) + 1);
  for (std::size_t at = 0; at < mib << 20; at += kPage) memory[at] = 1;
  return memory;
}

/// One worker, so that the next result is its replacement's.
Outcomes crash_pool(const nlohmann::json& spec) {
  const auto mib = spec.at("owner_mib").get<std::size_t>();
  std::unique_ptr<char[]> ballast;
  if (spec.at("touched_first")) ballast = touch(mib);
  const auto launcher = processes::Launcher::start();
  if (!ballast) ballast = touch(mib);
  PoolOptions options = options_of(1);
  options.processes.hot_spares = spec.at("spares").get<int>();
  options.processes.restart.intensity = 1'000'000;  // to crash this often is what it is here for
  const auto pool = make_pool(Backend::kProcesses, options);
  Outcomes outcomes;
  for (int i = 0; i < spec.at("crashes").get<int>(); ++i) {
    // A worker that has finished a task: no back-off. And a moment of peace, as between two crashes of a real one.
    require(pool->submit<give_back>(i).get() == i, "a wrong result");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    auto fatal = pool->submit<die>(spec.at("signal").get<int>());
    auto next = pool->submit<give_back>(i);
    fatal.wait();
    const std::int64_t settled = now_ns();
    require(next.get() == i, "a wrong result");
    const std::int64_t replaced = now_ns();
    require(!fatal.outcome(), "a task that killed its worker gave a value");
    const std::int64_t fired = trial_page()->fired_ns.load();
    outcomes.settled.push_back(static_cast<double>(settled - fired));
    outcomes.replaced.push_back(static_cast<double>(replaced - fired));
  }
  return outcomes;
}

/// A child that says that it is there, waits for a word, and kills itself.
pid_t fork_child(int says, int hears, int signal) {
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid > 0) return pid;
  char byte = 1;
  if (::write(says, &byte, 1) != 1 || ::read(hears, &byte, 1) != 1) ::_exit(1);
  die(signal);
  ::_exit(1);
}

/// What a program does that forks by itself: the least that replacing a worker can cost with this owner.
Outcomes crash_forks(const nlohmann::json& spec) {
  const auto ballast = touch(spec.at("owner_mib").get<std::size_t>());
  const int signal = spec.at("signal").get<int>();
  int says[2];
  int hears[2];
  if (::pipe(says) != 0 || ::pipe(hears) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  char byte = 0;
  const auto hear = [&] { require(::read(says[0], &byte, 1) == 1, "a child said nothing"); };
  pid_t child = fork_child(says[1], hears[0], signal);
  hear();
  Outcomes outcomes;
  for (int i = 0; i < spec.at("crashes").get<int>(); ++i) {
    require(::write(hears[1], &byte, 1) == 1, "a child could not be told");
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    const std::int64_t settled = now_ns();
    child = fork_child(says[1], hears[0], signal);
    hear();
    const std::int64_t fired = trial_page()->fired_ns.load();
    outcomes.settled.push_back(static_cast<double>(settled - fired));
    outcomes.replaced.push_back(static_cast<double>(now_ns() - fired));
  }
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return outcomes;
}

Samples crash_python(const std::string& python, const std::string& which, int owner_mib) {
  peers::PythonPool pool(python, which, 1, owner_mib);
  constexpr int kTimes = 4;
  const std::vector<double> pairs = pool.crash(kTimes);
  Samples samples;
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (pairs[i] >= 0) samples[kSettled].push_back(pairs[i]);
    samples[kReplaced].push_back(pairs[i + 1]);
  }
  return samples;
}

}  // namespace

nlohmann::json crash_trial(TrialContext& context) {
  const nlohmann::json& spec = context.spec();
  return (spec.at("backend") == "fork" ? crash_forks(spec) : crash_pool(spec)).json();
}

std::vector<Case> crash_cases(const std::string& python) {
  constexpr double kMillisecond = 1e6;
  const std::vector<Figure> ours{{.name = kSettled, .goal = 1 * kMillisecond},
                                 {.name = kReplaced, .goal = 3 * kMillisecond}};
  const std::vector<Figure> with_spare{{.name = kSettled, .goal = 1 * kMillisecond},
                                       {.name = kReplaced, .goal = 1 * kMillisecond}};
  const std::vector<Figure> theirs{{.name = kSettled}, {.name = kReplaced}};
  std::vector<Case> cases;
  const auto add = [&cases](const std::string& situation, const std::string& contestant,
                            const std::vector<Figure>& figures, const nlohmann::json& spec) {
    cases.push_back({.chapter = "A crash",
                     .situation = situation,
                     .contestant = contestant,
                     .figures = figures,
                     .run = [spec] { return run_trial("crash", spec); }});
  };
  const auto spec_of = [](const char* backend, int signal, int owner_mib, bool touched_first, int spares = 0) {
    return nlohmann::json{{"backend", backend},     {"signal", signal},
                          {"owner_mib", owner_mib}, {"touched_first", touched_first},
                          {"spares", spares},       {"crashes", owner_mib == 0 ? 20 : 12}};
  };
  add("SIGKILL, small owner", "twinpool processes", ours, spec_of("processes", SIGKILL, 0, false));
  add("SIGSEGV, small owner", "twinpool processes", ours, spec_of("processes", SIGSEGV, 0, false));
  add("SIGKILL, small owner", "twinpool processes, a hot spare", with_spare,
      spec_of("processes", SIGKILL, 0, false, 1));
  add("SIGKILL, small owner", "a fork by hand", theirs, spec_of("fork", SIGKILL, 0, true));
  add("SIGKILL, owner of 1 GiB", "twinpool processes", ours, spec_of("processes", SIGKILL, 1024, false));
  add("SIGKILL, owner of 1 GiB", "twinpool processes, a hot spare", with_spare,
      spec_of("processes", SIGKILL, 1024, false, 1));
  add("SIGSEGV, owner of 1 GiB", "twinpool processes", ours, spec_of("processes", SIGSEGV, 1024, false));
  add("SIGKILL, owner of 1 GiB", "twinpool processes, workers see the 1 GiB", ours,
      spec_of("processes", SIGKILL, 1024, true));
  add("SIGKILL, owner of 1 GiB", "a fork by hand", theirs, spec_of("fork", SIGKILL, 1024, true));
  if (python.empty()) return cases;
  for (const int mib : {0, 1024}) {
    for (const char* const which : {"pool", "executor"}) {
      const bool executor = std::string(which) == "executor";
      cases.push_back(
          {.chapter = "A crash",
           .situation = mib == 0 ? "SIGKILL, small owner" : "SIGKILL, owner of 1 GiB",
           .contestant = executor ? "Python ProcessPoolExecutor, made anew" : "Python multiprocessing.Pool",
           .figures = executor ? theirs : std::vector<Figure>{{.name = kReplaced}},
           .run = [python, which, mib] { return crash_python(python, which, mib); }});
    }
  }
  return cases;
}

}  // namespace twinpool::bench::life
