// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/terminal.h"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "bench/cli.h"
#include "bench/nearest_name.h"

namespace twinpool::bench {
namespace {

bool set_and_not_empty(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool is_dumb() {
  const char* const term = std::getenv("TERM");
  return term == nullptr || *term == '\0' || std::string_view(term) == "dumb";
}

}  // namespace

ColorChoice read_color(std::string_view text) {
  if (text == "auto") return ColorChoice::kAuto;
  if (text == "always") return ColorChoice::kAlways;
  if (text == "never") return ColorChoice::kNever;
  const std::array<std::string, 3> choices{"auto", "always", "never"};
  throw UsageError(fmt::format("--color cannot be '{}'{}", text, suggest_name(text, choices)));
}

TextStyle detect_style(std::FILE* stream, ColorChoice choice, bool ascii) {
  const bool terminal = isatty(fileno(stream)) == 1;
  const bool wanted = choice == ColorChoice::kAlways || (choice == ColorChoice::kAuto && terminal &&
                                                         !set_and_not_empty("NO_COLOR") && !is_dumb());
  return {.colour = wanted, .utf8 = !ascii && std::string_view(nl_langinfo(CODESET)) == "UTF-8"};
}

bool can_redraw(std::FILE* stream) {
  return isatty(fileno(stream)) == 1 && !is_dumb() && !set_and_not_empty("CI");
}

int width_of(std::FILE* stream) {
  winsize size{};
  return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string paint(const TextStyle& style, fmt::terminal_color colour, std::string_view text) {
  return style.colour ? fmt::format(fmt::fg(colour), "{}", text) : std::string(text);
}

std::string embolden(const TextStyle& style, std::string_view text) {
  return style.colour ? fmt::format(fmt::emphasis::bold, "{}", text) : std::string(text);
}

std::string spell(const TextStyle& style, std::string text) {
  if (style.utf8) return text;
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kSpellings{
      {{"±", "+-"}, {"÷", "/"}, {"×", "x"}, {"µ", "u"}, {"\u202f", " "}, {"–", "-"}, {"Σ", "sum "}}};
  for (const auto& [sign, plain] : kSpellings) {
    for (std::size_t at = text.find(sign); at != std::string::npos; at = text.find(sign, at + plain.size())) {
      text.replace(at, sign.size(), plain);
    }
  }
  return text;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      i = text.find('m', i);
      if (i == std::string_view::npos) break;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++columns;
    }
  }
  return columns;
}

}  // namespace twinpool::bench
