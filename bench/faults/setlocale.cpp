// SPDX-License-Identifier: Apache-2.0
#include <locale.h>

#include <cstdlib>
#include <stdexcept>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

/// glibc has it built in since 2.35.
constexpr const char* kOther = "C.UTF-8";

std::string prepare() {
  const locale_t other = newlocale(LC_ALL_MASK, kOther, nullptr);
  if (other == nullptr) return "this machine has no locale C.UTF-8 to change to";
  freelocale(other);
  setlocale(LC_ALL, "C");
  return "";
}

void strike(const Scene& /*scene*/) {
  if (setlocale(LC_ALL, kOther) == nullptr) throw std::runtime_error("the locale could not be changed");
}

/// How many bytes a character may have: 1 in the locale in which the drill began.
bool feel(const Scene& /*scene*/) { return MB_CUR_MAX != 1; }

}  // namespace

constinit const Fault kSetlocale{
    .name = "setlocale",
    .sentence = "changes the locale",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kSpread, "setlocale() is for the whole process"),
    .processes = expect(Answer::kWorkerTainted, "only the struck worker's; it stays so until it is recycled"),
    .feel = feel,
    .prepare = prepare};

}  // namespace twinpool::bench
