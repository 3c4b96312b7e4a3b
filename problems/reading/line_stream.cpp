#include <raphson/core/error.hpp>
#include <raphson/problems/reading/line_stream.hpp>
#include <raphson/problems/reading/text.hpp>

#include <fmt/format.h>
#include <boost/iostreams/filter/bzip2.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_streambuf.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace raphson::reading {
namespace {

namespace io = boost::iostreams;

constexpr std::size_t block_bytes = std::size_t{1} << 20;

// Bytes of an open file, beginning with those that were read to recognize it: works for pipes too.
struct FileBytes {
  using char_type = char;
  using category = io::source_tag;
  std::ifstream* file;
  std::string head;

  std::streamsize read(char* out, std::streamsize count) {
    if (!head.empty()) {
      const std::size_t taken = std::min(head.size(), static_cast<std::size_t>(count));
      std::memcpy(out, head.data(), taken);
      head.erase(0, taken);
      return static_cast<std::streamsize>(taken);
    }
    file->read(out, count);
    if (file->bad()) throw std::ios_base::failure("read error");
    return file->gcount() > 0 ? file->gcount() : -1;
  }
};

bool starts_with(std::string_view text, std::string_view head) { return text.substr(0, head.size()) == head; }

}  // namespace

struct LineStream::Source {
  std::ifstream file;
  io::filtering_streambuf<io::input> bytes;
};

LineStream::LineStream(const std::string& path) : path_(path), source_(std::make_unique<Source>()) {
  if (std::filesystem::is_directory(path)) throw InputError(path + ": is a directory, expected a file.");
  errno = 0;
  source_->file.open(path, std::ios::binary);
  if (!source_->file) throw InputError(fmt::format("{}: cannot be opened: {}.", path, std::strerror(errno ? errno : ENOENT)));
  std::string head(4, '\0');
  source_->file.read(head.data(), 4);
  head.resize(static_cast<std::size_t>(source_->file.gcount()));
  if (starts_with(head, "PK\x03\x04") ||
      starts_with(head,
                  "\xFD"
                  "7zX") ||
      starts_with(head, "\x28\xB5\x2F\xFD"))
    throw InputError(path + ": is a zip, xz or zstd archive; unpack it first (plain, .gz and .bz2 files are read as they are).");
  if (starts_with(head, "\xFF\xFE") || starts_with(head, "\xFE\xFF"))
    throw InputError(path + ": is UTF-16 text; expected UTF-8 or ASCII. Convert it (iconv -f UTF-16 -t UTF-8).");
  if (starts_with(head, "\x1F\x8B")) source_->bytes.push(io::gzip_decompressor());
  if (starts_with(head, "BZh")) source_->bytes.push(io::bzip2_decompressor());
  source_->bytes.push(FileBytes{&source_->file, head}, static_cast<std::streamsize>(block_bytes / 16));
}

LineStream::~LineStream() = default;

void LineStream::fail(const std::string& text) const { throw InputError(fmt::format("{}:{}: {}", path_, number_, text)); }

// Appends a block to the buffer; false at the end of the file.
bool LineStream::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t old = buffer_.size();
  buffer_.resize(old + block_bytes);
  std::streamsize got = 0;
  try {
    got = source_->bytes.sgetn(buffer_.data() + old, static_cast<std::streamsize>(block_bytes));
  } catch (const std::exception& error) {
    throw InputError(fmt::format("{}: damaged or cut short after line {} ({}).", path_, line_, error.what()));
  }
  const std::size_t added = got > 0 ? static_cast<std::size_t>(got) : 0;
  buffer_.resize(old + added);
  if (std::memchr(buffer_.data() + old, 0, added))
    throw InputError(fmt::format("{}: holds zero bytes after line {}: not a text file.", path_, line_));
  return added > 0;
}

// The next line of any kind.
bool LineStream::read_line(std::string_view& line) {
  std::size_t searched = begin_;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      line = std::string_view(buffer_).substr(begin_, end - begin_);
      begin_ = end + 1;
      break;
    }
    const std::size_t pending = buffer_.size() - begin_;
    if (!fill()) {
      if (buffer_.empty()) return false;
      line = buffer_;
      begin_ = buffer_.size();
      cut_end_ = true;
      break;
    }
    searched = pending;
  }
  if (++line_ == 1 && starts_with(line, "\xEF\xBB\xBF")) line.remove_prefix(3);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return true;
}

bool LineStream::next(std::string_view& line) {
  if (!ahead_.empty()) {
    current_ = std::move(ahead_.front());
    ahead_.pop_front();
    number_ = current_.number;
    line = current_.text;
    return true;
  }
  while (read_line(line)) {
    const std::string_view text = trim(line);
    if (text.empty() || text.front() == '#') continue;
    number_ = line_;
    return true;
  }
  return false;
}

std::vector<std::string_view> LineStream::peek(Index count) {
  std::string_view line;
  while (ahead_.size() < count && read_line(line)) {
    const std::string_view text = trim(line);
    if (!text.empty() && text.front() != '#') ahead_.push_back({line_, std::string(line)});
  }
  std::vector<std::string_view> lines;
  for (Index i = 0; i < std::min(count, ahead_.size()); ++i) lines.push_back(ahead_[i].text);
  return lines;
}

}  // namespace raphson::reading
