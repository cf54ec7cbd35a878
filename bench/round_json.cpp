// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <stdexcept>

#include "bench/round.h"

namespace twinpool::bench {

void to_json(nlohmann::json& json, const RoundSpec& spec) {
  json = {{"backend", name_of(spec.backend)},
          {"workload", spec.workload},
          {"workers", spec.workers},
          {"window", spec.window},
          {"tasks", spec.tasks},
          {"warm_tasks", spec.warm_tasks},
          {"latency_tasks", spec.latency_tasks},
          {"max_shared_bytes", spec.max_shared_bytes},
          {"planted_tasks", spec.planted_tasks},
          {"calibrate_s", spec.calibrate_s},
          {"strategy", name_of(spec.strategy)},
          {"stealing", spec.stealing},
          {"seed", spec.flow.seed},
          {"payload_bytes", spec.flow.payload_bytes}};
  if (spec.open) json["open"] = *spec.open;
  if (!spec.load.empty()) json["load"] = spec.load;
  if (!spec.trace.empty()) json["trace"] = spec.trace;
  if (!spec.flow.parameters.empty()) json["parameters"] = spec.flow.parameters;
  if (spec.flow.priority) json["priority"] = *spec.flow.priority;
  if (spec.workload == "wordcount") {
    json["input"] = spec.flow.input;
    json["words_in_slice"] = spec.flow.words_in_slice;
  }
}

void from_json(const nlohmann::json& json, RoundSpec& spec) {
  const auto backend = parse_backend(json.at("backend").get<std::string>());
  if (!backend) throw std::invalid_argument("the spec names no backend");
  spec.backend = *backend;
  const auto strategy = strategy_named(json.at("strategy").get<std::string>());
  if (!strategy) throw std::invalid_argument("the spec names no strategy");
  spec.strategy = *strategy;
  json.at("stealing").get_to(spec.stealing);
  json.at("workload").get_to(spec.workload);
  json.at("workers").get_to(spec.workers);
  json.at("window").get_to(spec.window);
  json.at("tasks").get_to(spec.tasks);
  json.at("warm_tasks").get_to(spec.warm_tasks);
  json.at("latency_tasks").get_to(spec.latency_tasks);
  json.at("max_shared_bytes").get_to(spec.max_shared_bytes);
  json.at("planted_tasks").get_to(spec.planted_tasks);
  json.at("calibrate_s").get_to(spec.calibrate_s);
  json.at("seed").get_to(spec.flow.seed);
  json.at("payload_bytes").get_to(spec.flow.payload_bytes);
  if (json.contains("priority")) spec.flow.priority = json.at("priority").get<int>();
  if (json.contains("open")) spec.open = json.at("open").get<OpenRound>();
  spec.flow.backend = spec.backend;
  spec.flow.workers = spec.workers;
  spec.trace = json.value("trace", std::string());
  spec.load = json.value("load", std::vector<std::string>());
  spec.flow.parameters = json.value("parameters", std::vector<std::uint64_t>());
  spec.flow.input = json.value("input", std::string());
  spec.flow.words_in_slice = json.value("words_in_slice", std::vector<std::uint32_t>());
}

// The checksum is text: JSON numbers keep 53 bits only.
void to_json(nlohmann::json& json, const Sample& sample) {
  json = {{"start_up_s", sample.start_up_s},
          {"tasks", sample.tasks},
          {"wall_s", sample.wall_s},
          {"throughput_tasks_per_s", sample.throughput_tasks_per_s},
          {"cpu_user_s", sample.cpu_user_s},
          {"cpu_system_s", sample.cpu_system_s},
          {"voluntary_switches", sample.voluntary_switches},
          {"involuntary_switches", sample.involuntary_switches},
          {"delivered", sample.delivered},
          {"failed", sample.failed},
          {"lost", sample.lost},
          {"wrong", sample.wrong},
          {"checksum", fmt::format("{:016x}", sample.checksum)},
          {"balanced", sample.balanced},
          {"latency_ns", sample.latency_ns}};
  if (sample.open) json["open_loop"] = *sample.open;
  if (!sample.first_mistake.empty()) json["first_mistake"] = sample.first_mistake;
}

void from_json(const nlohmann::json& json, Sample& sample) {
  json.at("start_up_s").get_to(sample.start_up_s);
  json.at("tasks").get_to(sample.tasks);
  json.at("wall_s").get_to(sample.wall_s);
  json.at("throughput_tasks_per_s").get_to(sample.throughput_tasks_per_s);
  json.at("cpu_user_s").get_to(sample.cpu_user_s);
  json.at("cpu_system_s").get_to(sample.cpu_system_s);
  json.at("voluntary_switches").get_to(sample.voluntary_switches);
  json.at("involuntary_switches").get_to(sample.involuntary_switches);
  json.at("delivered").get_to(sample.delivered);
  json.at("failed").get_to(sample.failed);
  json.at("lost").get_to(sample.lost);
  json.at("wrong").get_to(sample.wrong);
  sample.checksum = std::stoull(json.at("checksum").get<std::string>(), nullptr, 16);
  json.at("balanced").get_to(sample.balanced);
  json.at("latency_ns").get_to(sample.latency_ns);
  if (json.contains("open_loop")) sample.open = json.at("open_loop").get<OpenSample>();
  sample.first_mistake = json.value("first_mistake", std::string());
}

}  // namespace twinpool::bench
