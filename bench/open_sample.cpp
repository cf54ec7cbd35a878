// SPDX-License-Identifier: Apache-2.0
#include "bench/open_sample.h"

#include <nlohmann/json.hpp>

namespace twinpool::bench {

void to_json(nlohmann::json& json, const RampStep& step) {
  json = {{"offered_tasks_per_s", step.offered_tasks_per_s},
          {"offered", step.offered},
          {"done", step.done},
          {"latency", step.latency}};
}

void from_json(const nlohmann::json& json, RampStep& step) {
  json.at("offered_tasks_per_s").get_to(step.offered_tasks_per_s);
  json.at("offered").get_to(step.offered);
  json.at("done").get_to(step.done);
  json.at("latency").get_to(step.latency);
}

void to_json(nlohmann::json& json, const OpenSample& sample) {
  json = {{"offered_tasks_per_s", sample.offered_tasks_per_s},
          {"offered", sample.offered},
          {"cancelled", sample.cancelled},
          {"refused", sample.refused},
          {"latency", sample.latency},
          {"service", sample.service},
          {"late_p99_s", sample.late_p99_s},
          {"late_max_s", sample.late_max_s},
          {"stalls", sample.stalls},
          {"held", sample.held},
          {"crashes", sample.crashes},
          {"restarts", sample.restarts},
          {"repeated", sample.repeated},
          {"closed", nullptr},
          {"ramp", sample.ramp}};
  if (sample.closed) {
    json["closed"] = {{"tasks", sample.closed->tasks},
                      {"wall_s", sample.closed->wall_s},
                      {"latency", sample.closed->latency}};
  }
}

void from_json(const nlohmann::json& json, OpenSample& sample) {
  json.at("offered_tasks_per_s").get_to(sample.offered_tasks_per_s);
  json.at("offered").get_to(sample.offered);
  json.at("cancelled").get_to(sample.cancelled);
  json.at("refused").get_to(sample.refused);
  json.at("latency").get_to(sample.latency);
  json.at("service").get_to(sample.service);
  json.at("late_p99_s").get_to(sample.late_p99_s);
  json.at("late_max_s").get_to(sample.late_max_s);
  json.at("stalls").get_to(sample.stalls);
  json.at("held").get_to(sample.held);
  json.at("crashes").get_to(sample.crashes);
  json.at("restarts").get_to(sample.restarts);
  json.at("repeated").get_to(sample.repeated);
  json.at("ramp").get_to(sample.ramp);
  const nlohmann::json& closed = json.at("closed");
  if (closed.is_null()) return;
  ClosedBeside& beside = sample.closed.emplace();
  closed.at("tasks").get_to(beside.tasks);
  closed.at("wall_s").get_to(beside.wall_s);
  closed.at("latency").get_to(beside.latency);
}

}  // namespace twinpool::bench
