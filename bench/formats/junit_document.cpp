// SPDX-License-Identifier: Apache-2.0
#include "bench/formats/junit_document.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>

#include "bench/machine_card.h"

namespace twinpool::bench {
namespace {

/// What a crashing program wrote last may be no UTF-8 and hold control characters, which XML cannot say at
/// all.
std::string escape(const std::string& text) {
  const auto dumped = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string escaped;
  for (const char letter : nlohmann::json::parse(dumped).get<std::string>()) {
    switch (letter) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\n':
        escaped += "&#10;";
        break;
      default:
        escaped += static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f ? '?' : letter;
    }
  }
  return escaped;
}

std::string print_case(const TestCase& test) {
  const std::string head = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\"",
                                       escape(test.classname), escape(test.name));
  const std::string message = escape(test.message);
  switch (test.answer) {
    case TestCase::Answer::kPass:
      return head + "/>\n";
    case TestCase::Answer::kSkipped:
      return fmt::format("{}>\n      <skipped message=\"{}\"/>\n    </testcase>\n", head, message);
    case TestCase::Answer::kFailure:
    case TestCase::Answer::kError:
      break;
  }
  const char* const element = test.answer == TestCase::Answer::kFailure ? "failure" : "error";
  return fmt::format("{}>\n      <{} type=\"{}\" message=\"{}\"/>\n    </testcase>\n", head, element,
                     escape(test.type), message);
}

}  // namespace

std::string write_junit_document(const std::string& suite, const std::vector<TestCase>& cases,
                                 const std::vector<std::pair<std::string, std::string>>& properties,
                                 double seconds) {
  const auto count = [&](TestCase::Answer answer) {
    return std::count_if(cases.begin(), cases.end(),
                         [&](const TestCase& test) { return test.answer == answer; });
  };
  const std::string totals =
      fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\"", cases.size(),
                  count(TestCase::Answer::kFailure), count(TestCase::Answer::kError), seconds);
  std::string text = fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" {}>\n",
                                 escape(suite), totals);
  fmt::format_to(
      std::back_inserter(text),
      "  <testsuite name=\"{}\" {} skipped=\"{}\" timestamp=\"{:%Y-%m-%dT%H:%M:%S}\" hostname=\"{}\">\n",
      escape(suite), totals, count(TestCase::Answer::kSkipped), fmt::gmtime(std::time(nullptr)),
      escape(host_name()));
  if (!properties.empty()) {
    text += "    <properties>\n";
    for (const auto& [name, value] : properties)
      text += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", escape(name), escape(value));
    text += "    </properties>\n";
  }
  for (const TestCase& test : cases) text += print_case(test);
  return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace twinpool::bench
