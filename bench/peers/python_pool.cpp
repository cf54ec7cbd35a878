// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/python_pool.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>

extern char** environ;

namespace twinpool::bench::peers {

PythonPool::PythonPool(const std::string& script, const std::string& which, int workers, int owner_mib) {
  int orders[2];
  int answers[2];
  if (::pipe2(orders, O_CLOEXEC) != 0 || ::pipe2(answers, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipes to Python");
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, orders[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, answers[1], STDOUT_FILENO);
  const std::string number = std::to_string(workers);
  const std::string ballast = std::to_string(owner_mib);
  const char* const words[] = {"python3", script.c_str(), which.c_str(), number.c_str(), ballast.c_str(), nullptr};
  const int error =
      ::posix_spawnp(&pid_, words[0], &actions, nullptr, const_cast<char* const*>(words), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(orders[0]);
  ::close(answers[1]);
  to_ = ::fdopen(orders[1], "w");
  from_ = ::fdopen(answers[0], "r");
  if (error != 0) throw std::system_error(error, std::generic_category(), "start of python3");
}

PythonPool::~PythonPool() {
  // It leaves when its orders end, and takes its workers along.
  if (to_ != nullptr) std::fclose(to_);
  if (from_ != nullptr) std::fclose(from_);
  if (pid_ < 0) return;
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string PythonPool::ask(const std::string& order) {
  std::fprintf(to_, "%s\n", order.c_str());
  std::fflush(to_);
  char* line = nullptr;
  std::size_t room = 0;
  const ssize_t length = ::getline(&line, &room, from_);
  const std::string answer(line != nullptr && length > 0 ? line : "");
  std::free(line);
  if (answer.rfind("ok ", 0) != 0) {
    throw std::runtime_error("python_pools.py, asked '" + order + "', answered '" + answer + "'");
  }
  return answer.substr(3);
}

double PythonPool::windowed(std::size_t tasks, std::size_t window, int submitters) {
  return std::stod(ask("window " + std::to_string(tasks) + ' ' + std::to_string(window) + ' ' +
                       std::to_string(submitters)));
}

void PythonPool::round_trips(std::span<std::uint32_t> ns) {
  std::istringstream answer(ask("trips " + std::to_string(ns.size())));
  for (std::uint32_t& one : ns) answer >> one;
  if (!answer) throw std::runtime_error("python_pools.py told too few times");
}

double PythonPool::move(const std::string& how, std::size_t bytes, std::size_t rounds) {
  return std::stod(ask(how + ' ' + std::to_string(bytes) + ' ' + std::to_string(rounds)));
}

std::vector<double> PythonPool::born() { return ask_numbers("born"); }

std::vector<double> PythonPool::crash(int times) { return ask_numbers("crash " + std::to_string(times)); }

std::vector<double> PythonPool::ask_numbers(const std::string& order) {
  std::istringstream answer(ask(order));
  return {std::istream_iterator<double>(answer), {}};
}

}  // namespace twinpool::bench::peers
