#pragma once
/// Text files line by line, compressed or not, for the readers.

#include <raphson/core/types.hpp>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace raphson::reading {

/// The lines of a text file that hold something: blank lines and lines that begin with # are left out, but counted.
///
/// gzip and bzip2 are recognized by their first bytes, whatever the name. Memory: one megabyte and the longest line. Throws InputError,
/// always with the file and where possible the line, for a file that is missing, unreadable, damaged, or not text.
class LineStream {
 public:
  explicit LineStream(const std::string& path);
  ~LineStream();

  /// The next line without its end-of-line characters; valid until the next call. False at the end of the file.
  bool next(std::string_view& line);
  /// The next `count` lines (fewer near the end), which next will give again.
  std::vector<std::string_view> peek(Index count);

  const std::string& path() const { return path_; }
  Index number() const { return number_; }            ///< of the line that next gave last, counted from 1
  bool ends_inside_line() const { return cut_end_; }  ///< true once the last line was read and found without an end-of-line

  /// Throws InputError "path:number: text".
  [[noreturn]] void fail(const std::string& text) const;

 private:
  struct Source;
  struct Line {
    Index number;
    std::string text;
  };
  bool read_line(std::string_view& line);
  bool fill();

  std::string path_;
  std::unique_ptr<Source> source_;
  std::string buffer_;  // bytes [begin_, buffer_.size()) are still to be read
  Index begin_ = 0;
  Index line_ = 0;  // of the line that read_line gave last
  Index number_ = 0;
  bool cut_end_ = false;
  std::deque<Line> ahead_;  // peeked, not yet given
  Line current_;            // keeps the text of a peeked line alive
};

}  // namespace raphson::reading
