#include <raphson/core/byte_archive.hpp>

#include <bit>

#include <fmt/format.h>

namespace raphson {
namespace {

static_assert(std::endian::native == std::endian::little, "states are written in the byte order of the machine, taken to be little-endian");

std::uint64_t checksum(std::string_view bytes) { return Fingerprint().add(bytes).value(); }

}  // namespace

std::string ByteWriter::sealed(std::string_view kind) const {
  std::string all = fmt::format("{}\n{}", kind, bytes_);
  const std::uint64_t sum = checksum(all);
  all.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return all;
}

ByteReader::ByteReader(std::string_view sealed, std::string_view kind) {
  const std::string_view name = kind.substr(0, kind.find_last_of(' ') + 1);  // without the version
  if (!sealed.starts_with(name)) throw InputError(fmt::format("is not a {}: it does not begin as one", name.substr(0, name.size() - 1)));
  const std::string_view line = sealed.substr(0, sealed.substr(0, 100).find('\n'));
  std::uint64_t sum = 0;
  if (sealed.size() < line.size() + 1 + sizeof sum) throw InputError("is damaged: it is too short; is it truncated?");
  std::memcpy(&sum, sealed.data() + sealed.size() - sizeof sum, sizeof sum);
  sealed.remove_suffix(sizeof sum);
  if (checksum(sealed) != sum) throw InputError("is damaged: its checksum does not match its content; is it truncated?");
  if (line != kind) throw InputError(fmt::format("is a \"{}\", and this version reads \"{}\"", line, kind));
  left_ = sealed.substr(line.size() + 1);
}

const char* ByteReader::take(std::size_t count, std::size_t size) {
  if (count > left_.size() / size) throw InputError("is damaged: it ends too early");
  const char* from = left_.data();
  left_.remove_prefix(count * size);
  return from;
}

void ByteReader::finish() const {
  if (!left_.empty()) throw InputError("is damaged: it is longer than its content");
}

}  // namespace raphson
