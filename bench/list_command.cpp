// SPDX-License-Identifier: Apache-2.0
#include "bench/list_command.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "bench/backend.h"
#include "bench/faults/fault.h"
#include "bench/formats/format.h"
#include "bench/nearest_name.h"
#include "bench/plugin.h"
#include "bench/reporters/text_table.h"
#include "bench/strategies.h"
#include "bench/units.h"
#include "bench/workloads/registry.h"

namespace twinpool::bench {
namespace {

using Align = TextTable::Align;

/// "batch=64 touch=0", and what --payload is without one.
std::string parameters_of(const Workload& workload) {
  std::string text;
  if (!workload.payload.empty())
    text = fmt::format("--payload {}", print_size(static_cast<double>(workload.default_payload_bytes)));
  for (const Parameter& parameter : workload.parameters)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", parameter.name, parameter.value);
  return text.empty() ? "-" : text;
}

void list_workloads() {
  TextTable table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft});
  table.add({"workload", "family", "expected to be faster", "parameters", "exercises"});
  for (const Workload& workload : workloads()) {
    table.add(
        {std::string(workload.name), std::string(workload.family),
         fmt::format("{} (+-{:.0f} %)",
                     workload.expected == Expected::kNoDifference ? "neither" : name_of(workload.expected),
                     workload.margin * 100),
         parameters_of(workload), std::string(workload.exercises)});
  }
  fmt::print("{}", table.str());
}

void list_backends() {
  TextTable table({Align::kLeft, Align::kLeft});
  table.add({"backend", "what it is"});
  for (const Backend backend : kBackends) {
    table.add({std::string(name_of(backend)), std::string(sentence_of(backend))});
  }
  fmt::print("{}", table.str());
}

std::string expectation_of(const Expectation& expected) {
  if (!expected.applies) return "does not apply";
  if (expected.best == expected.worst) return std::string(name_of(expected.best));
  return fmt::format("{} to {}", name_of(expected.best), name_of(expected.worst));
}

void list_faults() {
  TextTable table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft});
  table.add({"fault (*: standard)", "expected of threads", "expected of processes", "what the task does"});
  for (const Fault* fault : all_faults())
    table.add({fmt::format("{}{}", fault->name, fault->standard ? " *" : ""), expectation_of(fault->threads),
               expectation_of(fault->processes), std::string(fault->sentence)});
  fmt::print("{}", table.str());
}

void list_strategies() {
  TextTable table({Align::kLeft, Align::kLeft});
  table.add({"strategy", "who gets the next task"});
  for (const Strategy strategy : listed_strategies()) {
    table.add({std::string(name_of(strategy)), std::string(sentence_of(strategy))});
  }
  fmt::print("{}", table.str());
}

void list_formats() {
  TextTable table({Align::kLeft, Align::kLeft, Align::kLeft});
  table.add({"format", "suffix", "what for"});
  for (const Format& format : formats())
    table.add({std::string(format.name), std::string(format.suffix), std::string(format.sentence)});
  fmt::print("{}", table.str());
}

/// What can be listed, in the order in which `twinpool list` shows it.
struct Listing {
  const char* name;
  void (*print)();
};
constexpr Listing kListings[] = {{"workloads", list_workloads},
                                 {"faults", list_faults},
                                 {"backends", list_backends},
                                 {"strategies", list_strategies},
                                 {"formats", list_formats}};

int list(const std::string& what) {
  std::vector<std::string> names;
  bool any = false;
  for (const Listing& listing : kListings) {
    names.emplace_back(listing.name);
    if (!what.empty() && what != listing.name) continue;
    if (any) fmt::print("\n");
    listing.print();
    any = true;
  }
  if (!any) throw UsageError(fmt::format("there is no list of '{}'{}", what, suggest_name(what, names)));
  return kExitOk;
}

std::function<int()> set_up(CLI::App& app) {
  const auto what = std::make_shared<std::string>();
  const auto libraries = std::make_shared<std::vector<std::string>>();
  app.add_option("what", *what, "workloads, faults, backends, strategies or formats; all when left out");
  app.add_option("--load", *libraries, "A library of your own workloads to list too; repeatable")
      ->type_name("FILE")
      ->expected(1);
  return [what, libraries] {
    load_workloads_for_command(*libraries);
    return list(*what);
  };
}

}  // namespace

constinit const Command kListCommand{
    .name = "list",
    .sentence = "Shows the workloads, faults, backends, strategies and formats by name",
    .examples = "Example: twinpool list workloads",
    .set_up = &set_up};

}  // namespace twinpool::bench
