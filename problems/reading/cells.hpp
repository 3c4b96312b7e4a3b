#pragma once
/// A line of delimited text as cells, and what kind of delimited text a file is.

#include <raphson/problems/reading/line_stream.hpp>

#include <optional>
#include <string_view>
#include <vector>

namespace raphson::reading {

/// The delimiter that stands for any run of blanks and tabs.
constexpr char blanks = ' ';

/// Cuts a line into cells, without the blanks around them and without quotes ("" inside quotes stays doubled). Returns what is wrong
/// with the line, or null.
const char* split(std::string_view line, char delimiter, std::vector<std::string_view>& cells);

/// The text of a quoted cell: "" becomes ".
std::string unquote(std::string_view cell);

enum class Content { number, missing, text };

/// What a cell holds; x is its value when that is a number (perhaps infinite). Missing: nothing, NA, N/A, NaN, null, None, ?.
Content content(std::string_view cell, double& x);

struct Layout {
  char delimiter = ',';
  bool header = false;
  Index columns = 0;
};

/// Looks at the first two lines. Delimiter: the first among tab, semicolon, bar, comma and blanks that cuts both into equally many
/// cells, two at least. Header: text stands where the second line has numbers, and numbers are the lesser part of the first line.
/// A delimiter that ends both lines ends no column. What is given is not detected.
Layout detect_layout(LineStream& lines, char delimiter, std::optional<bool> header);

}  // namespace raphson::reading
