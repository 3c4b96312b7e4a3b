#pragma once
/// Words and numbers in a line.

#include <raphson/core/types.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace raphson::reading {

inline bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Without blanks and tabs at both ends.
inline std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes the next word off the front of `text`; empty when there is none.
inline std::string_view take_word(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  std::size_t length = 0;
  while (length < text.size() && !is_blank(text[length])) ++length;
  const std::string_view word = text.substr(0, length);
  text.remove_prefix(length);
  return word;
}

/// Whether all of `text` is one number, with a sign or without ("+1", "-2.5e3", "inf", "nan"); x is it then.
bool parse_number(std::string_view text, double& x);
/// The same for a whole number without a sign that fits 64 bits.
bool parse_index(std::string_view text, Index& x);

/// The text in double quotes for a message, shortened when long.
std::string quoted(std::string_view text);

}  // namespace raphson::reading
