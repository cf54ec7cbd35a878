// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/color.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace twinpool::bench {

enum class ColorChoice { kAuto, kAlways, kNever };
/// What `--color` was given.
///
/// Errors: UsageError.
[[nodiscard]] ColorChoice read_color(std::string_view text);

/// How text may look on one output stream.
struct TextStyle {
  bool colour = false;  ///< 16 terminal colours
  bool utf8 = false;    ///< else 7-bit ASCII only
};
/// Takes:  `ascii`: the user wants no other letters.
/// Gives:  colours when the stream is a terminal, NO_COLOR is unset or empty and TERM is not dumb; UTF-8 by
/// the locale. Source: no-color.org.
[[nodiscard]] TextStyle detect_style(std::FILE* stream, ColorChoice choice, bool ascii);

/// Whether a line that is redrawn would be seen: a terminal that is not dumb, and no CI.
[[nodiscard]] bool can_redraw(std::FILE* stream);
/// The terminal's width, 80 when it is unknown.
[[nodiscard]] int width_of(std::FILE* stream);

/// Wraps text into a colour where the style has them.
[[nodiscard]] std::string paint(const TextStyle& style, fmt::terminal_color colour, std::string_view text);
[[nodiscard]] std::string embolden(const TextStyle& style, std::string_view text);

/// Replaces the few signs that the reports use by ASCII where the style has no UTF-8 ("±" by "+-").
[[nodiscard]] std::string spell(const TextStyle& style, std::string text);

/// How many columns a UTF-8 text takes, colour escapes not counted.
[[nodiscard]] std::size_t columns_of(std::string_view text);

}  // namespace twinpool::bench
