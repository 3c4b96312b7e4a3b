#include "cli/output_file.hpp"

#include <raphson/core/error.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace raphson::cli {
namespace {

namespace fs = std::filesystem;

/// The file itself where `path` is a link to it, so that renaming keeps the link.
std::string resolve(const std::string& path) {
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(path, error);
  return error ? path : resolved.string();
}

/// Names of the temporary files that may exist now, for a signal handler to read.
std::array<std::atomic<const char*>, 8> unfinished{};
static_assert(std::atomic<const char*>::is_always_lock_free);

void exchange_unfinished(const char* from, const char* to) {
  for (auto& entry : unfinished) {
    const char* expected = from;
    if (entry.compare_exchange_strong(expected, to)) return;
  }
}

}  // namespace

void remove_unfinished_files() noexcept {
  for (const auto& entry : unfinished)
    if (const char* name = entry.load()) unlink(name);
}

OutputFile::OutputFile(std::string option, std::string path) : option_(std::move(option)), path_(std::move(path)) {
  if (!wanted()) return;
  target_ = resolve(path_);
  std::error_code ignored;
  const auto status = fs::status(target_, ignored);
  if (fs::is_directory(status)) throw InputError(fmt::format("{} {}: cannot write: it is a directory.", option_, path_));
  const bool exists = fs::exists(status);
  if (exists && !fs::is_regular_file(status)) in_place_ = true;  // a pipe or device
  temporary_ = in_place_ ? target_ : fmt::format("{}.{}.part", target_, getpid());
  // A read-only file is refused, though renaming over it would get round that.
  bool writable = !exists || access(target_.c_str(), W_OK) == 0;
  if (writable && !in_place_) {  // tried now, made again when there is something to write: an interrupted run leaves nothing behind
    open_temporary();
    writable = descriptor_ >= 0;
    const int reason = errno;
    discard();
    errno = reason;
  }
  if (!writable) throw InputError(fmt::format("{} {}: cannot write: {}.", option_, path_, std::strerror(errno)));
  if (!in_place_) exchange_unfinished(nullptr, temporary_.c_str());
}

OutputFile::~OutputFile() {
  discard();
  if (wanted() && !in_place_) exchange_unfinished(temporary_.c_str(), nullptr);
}

void OutputFile::open_temporary() {
  descriptor_ = open(temporary_.c_str(), in_place_ ? O_WRONLY | O_CLOEXEC : O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

void OutputFile::discard() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (wanted() && !in_place_) unlink(temporary_.c_str());
}

void OutputFile::fail() const { throw std::system_error(errno, std::generic_category(), option_ + " " + path_); }

void OutputFile::write(std::string_view text) {
  if (!wanted()) return;
  if (descriptor_ < 0) open_temporary();
  if (descriptor_ < 0) fail();
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail();
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void OutputFile::commit() {
  if (!wanted()) return;
  if (descriptor_ >= 0 && ::close(std::exchange(descriptor_, -1)) != 0) fail();
  if (!in_place_ && std::rename(temporary_.c_str(), target_.c_str()) != 0) fail();
}

void require_distinct(const std::vector<std::pair<std::string, std::string>>& files) {
  for (auto a = files.begin(); a != files.end(); ++a)
    for (auto b = a + 1; b != files.end(); ++b) {
      if (a->second.empty() || b->second.empty()) continue;
      if (resolve(a->second) == resolve(b->second) && !fs::is_character_file(a->second))
        throw InputError(fmt::format("{} and {} are both {}.", a->first, b->first, b->second));
    }
}

}  // namespace raphson::cli
