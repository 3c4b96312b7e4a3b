#pragma once
/// Files that a test writes and that vanish with it.

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace raphson::test {

/// A file with the given name and content, in a directory of its own.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, std::string_view content) {
    std::string pattern = (std::filesystem::temp_directory_path() / "raphson-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    path_ = (directory_ / name).string();
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::filesystem::path directory_;
  std::string path_;
};

}  // namespace raphson::test
