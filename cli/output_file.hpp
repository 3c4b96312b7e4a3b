#pragma once
/// Files that appear whole or not at all.

#include <string>
#include <string_view>
#include <vector>

namespace raphson::cli {

/// Tried before the work, so that a path that cannot be written is a mistake found early; filled beside its place and renamed
/// into it by commit. Without commit nothing is left behind. Pipes and devices are written in place.
class OutputFile {
 public:
  /// Empty path: no file, every member does nothing. Throws InputError ("--json out/x.json: cannot write: No such file or directory").
  OutputFile(std::string option, std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  bool wanted() const { return !path_.empty(); }
  const std::string& path() const { return path_; }
  /// Where the content lies until commit (for programs that write it themselves).
  const std::string& temporary() const { return temporary_; }
  /// Throws std::system_error when the disk is full.
  void write(std::string_view text);
  void commit();

 private:
  void open_temporary();
  void discard();
  [[noreturn]] void fail() const;

  std::string option_, path_, target_, temporary_;
  bool in_place_ = false;
  int descriptor_ = -1;
};

/// Deletes what OutputFiles have begun and not finished: for a signal handler about to end the process.
void remove_unfinished_files() noexcept;

/// Throws InputError when two of the named files are the same: "--json and --save are both x.json." Entries: option, path.
void require_distinct(const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace raphson::cli
