#include <raphson/core/error.hpp>
#include <raphson/problems/reading/cells.hpp>
#include <raphson/problems/reading/text.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstring>

namespace raphson::reading {
namespace {

using Cells = std::vector<std::string_view>;

bool equal_ignoring_case(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) { return std::tolower(static_cast<unsigned char>(x)) == y; });
}

// Position of the quote that closes a cell whose text begins at `at`; npos when there is none.
std::size_t closing_quote(std::string_view line, std::size_t at) {
  for (; at < line.size(); ++at) {
    if (line[at] != '"') continue;
    if (at + 1 == line.size() || line[at + 1] != '"') return at;
    ++at;
  }
  return std::string_view::npos;
}

char detect_delimiter(const std::vector<std::string_view>& lines) {
  Cells cells;
  char most_delimiter = ',';
  Index most = 1;
  for (const char delimiter : {'\t', ';', '|', ',', blanks}) {
    std::array<Index, 2> count{};
    for (Index i = 0; i < 2; ++i) count[i] = split(lines[std::min(i, lines.size() - 1)], delimiter, cells) ? 0 : cells.size();
    if (count[0] > 1 && count[0] == count[1]) return delimiter;
    if (count[0] > most) {
      most = count[0];
      most_delimiter = delimiter;
    }
  }
  return most_delimiter;
}

bool detect_header(const Cells& first, const Cells& second) {
  double x = 0;
  Index texts = 0, numbers = 0, replaced = 0;
  for (Index j = 0; j < first.size(); ++j) {
    const Content above = content(first[j], x);
    numbers += above == Content::number;
    if (above != Content::text) continue;
    ++texts;
    replaced += j < second.size() && content(second[j], x) != Content::text;
  }
  return texts > 0 && texts >= numbers && (replaced > 0 || numbers == 0);
}

}  // namespace

const char* split(std::string_view line, char delimiter, Cells& cells) {
  cells.clear();
  const auto skipped = [delimiter](char c) { return c == ' ' || (c == '\t' && delimiter != '\t'); };
  std::size_t at = 0;
  for (;;) {
    while (at < line.size() && skipped(line[at])) ++at;
    if (delimiter == blanks && at == line.size()) return nullptr;
    std::size_t end = 0;
    if (at < line.size() && line[at] == '"') {
      const std::size_t closed = closing_quote(line, at + 1);
      if (closed == std::string_view::npos) return "a quoted cell is not closed on its line";
      cells.push_back(line.substr(at + 1, closed - at - 1));
      end = closed + 1;
      if (delimiter != blanks)
        while (end < line.size() && skipped(line[end])) ++end;
      if (end < line.size() && line[end] != delimiter && !(delimiter == blanks && line[end] == '\t'))
        return "expected a delimiter after a quoted cell";
    } else {
      const void* found = nullptr;
      if (delimiter == blanks) {
        end = std::min(line.find_first_of(" \t", at), line.size());
      } else {
        found = at < line.size() ? std::memchr(line.data() + at, delimiter, line.size() - at) : nullptr;
        end = found ? static_cast<std::size_t>(static_cast<const char*>(found) - line.data()) : line.size();
      }
      cells.push_back(trim(line.substr(at, end - at)));
    }
    if (end >= line.size()) return nullptr;
    at = end + 1;
  }
}

std::string unquote(std::string_view cell) {
  std::string text;
  for (std::size_t i = 0; i < cell.size(); ++i) {
    text += cell[i];
    if (cell[i] == '"' && i + 1 < cell.size() && cell[i + 1] == '"') ++i;
  }
  return text;
}

Content content(std::string_view cell, double& x) {
  if (parse_number(cell, x)) return std::isnan(x) ? Content::missing : Content::number;
  for (const char* word : {"", "na", "nan", "n/a", "null", "none", "?"})
    if (equal_ignoring_case(cell, word)) return Content::missing;
  return Content::text;
}

Layout detect_layout(LineStream& lines, char delimiter, std::optional<bool> header) {
  if (delimiter && (std::isalnum(static_cast<unsigned char>(delimiter)) || std::strchr("\"+-.#\n\r", delimiter)))
    throw InputError(lines.path() + ": " + quoted({&delimiter, 1}) + " cannot delimit cells; use one of , ; tab | or blank.");
  const std::vector<std::string_view> ahead = lines.peek(2);
  Layout layout;
  layout.delimiter = delimiter ? delimiter : detect_delimiter(ahead);
  Cells first, second;
  split(ahead.front(), layout.delimiter, first);
  split(ahead.back(), layout.delimiter, second);
  layout.header = header.value_or(detect_header(first, ahead.size() > 1 ? second : Cells{}));
  const auto ends_open = [](const Cells& cells) { return cells.size() > 1 && cells.back().empty(); };
  layout.columns = first.size() - (ends_open(first) && ends_open(second) && first.size() == second.size());
  return layout;
}

}  // namespace raphson::reading
