// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"records", "objects in the document", 100, 1, 100'000}};

std::string document;
void set_up(const Settings& settings) {
  auto list = nlohmann::json::array();
  MixSequence random(settings.seed);
  for (std::uint64_t i = 0; i < settings["records"]; ++i) {
    list.push_back({{"id", i},
                    {"name", "record " + std::to_string(random.below(1'000'000))},
                    {"tags", {"red", "green", "blue"}},
                    {"ratio", static_cast<double>(random.below(1000)) / 8}});
  }
  document = list.dump();
}

std::uint64_t parse(std::uint64_t number) {
  const auto list = nlohmann::json::parse(document);
  std::uint64_t sum = mix(number);
  for (const auto& record : list) {
    sum += record.at("id").get<std::uint64_t>() + record.at("name").get_ref<const std::string&>().size() +
           static_cast<std::uint64_t>(record.at("ratio").get<double>() * 8);
  }
  return sum;
}

}  // namespace

constinit const Workload kJsonParse{.name = "json-parse",
                                    .family = "real",
                                    .sentence = "parses a JSON document of 100 records",
                                    .exercises = "a library that allocates much",
                                    .why = "a parser shares nothing, and the allocator has an arena a thread",
                                    .parameters = kParameters,
                                    .expected = Expected::kNoDifference,
                                    .margin = 0.15,
                                    .set_up = &set_up,
                                    .task = &parse};

}  // namespace twinpool::bench
