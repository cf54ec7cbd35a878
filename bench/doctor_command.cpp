// SPDX-License-Identifier: Apache-2.0
#include "bench/doctor_command.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/doctor.h"
#include "bench/machine_card.h"
#include "bench/reporters/json.h"
#include "bench/reporters/output_file.h"
#include "bench/reporters/terminal.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

struct DoctorFlags {
  std::string json;
  std::string color = "auto";
  bool ascii = false;
};

int run_doctor(const DoctorFlags& flags) {
  const ColorChoice colour = read_color(flags.color);
  const auto json = open_output("--json", flags.json);
  const auto findings = examine_machine();
  std::FILE* const out = json != nullptr && json->is_standard_output() ? stderr : stdout;
  const TextStyle style = detect_style(out, colour, flags.ascii);
  std::ostringstream text;
  print_findings(text, findings, style.colour);
  fmt::print(out, "{}", spell(style, text.str()));
  if (json != nullptr) {
    const nlohmann::json report{{"schema_version", kSchemaVersion},
                                {"kind", "doctor"},
                                {"version", kVersion},
                                {"machine", read_machine_card()},
                                {"status", describe(worst(findings))},
                                {"findings", findings}};
    json->commit(report.dump(1) + "\n");
  }
  return worst(findings) == Status::kUnfit ? kExitUnfit : kExitOk;
}

std::function<int()> set_up(CLI::App& app) {
  const auto flags = std::make_shared<DoctorFlags>();
  app.add_option("--json", flags->json, "Write the findings to this file; - is standard output")
      ->type_name("FILE");
  app.add_option("--color", flags->color, "auto, always or never (auto)")->type_name("WHEN");
  app.add_flag("--ascii", flags->ascii, "ASCII signs only");
  return [flags] { return run_doctor(*flags); };
}

}  // namespace

constinit const Command kDoctorCommand{
    .name = "doctor",
    .sentence = "Says what this machine gives, and what falls short",
    .examples =
        "Examples:\n"
        "  twinpool doctor                 one line for each thing that matters\n"
        "  twinpool doctor --json -        the same as data\n"
        "Ends with 4 when the process twin cannot work here.",
    .set_up = &set_up};

}  // namespace twinpool::bench
