#include <raphson/problems/reading/text.hpp>

#include <fast_float/fast_float.h>

#include <charconv>

namespace raphson::reading {

bool parse_number(std::string_view text, double& x) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto result = fast_float::from_chars(text.data(), end, x);
  return result.ec != std::errc::invalid_argument && result.ptr == end && !text.empty();
}

bool parse_index(std::string_view text, Index& x) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, x);
  return result.ec == std::errc() && result.ptr == end && !text.empty();
}

std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 40;
  std::string out = "\"";
  out += text.substr(0, longest);
  if (text.size() > longest) out += "...";
  return out + "\"";
}

}  // namespace raphson::reading
