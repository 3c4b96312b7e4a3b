#pragma once
/// Plain data to bytes and back, bit for bit: what states on disk are made of.

#include <raphson/core/error.hpp>
#include <raphson/core/fingerprint.hpp>

#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace raphson {

/// Appends numbers, texts, vectors and, through `fields(archive, value)`, structures. In the byte order of the machine.
class ByteWriter {
 public:
  template <class... Values>
  void operator()(const Values&... values) {
    (write(values), ...);
  }
  /// `kind` in front, a checksum behind.
  std::string sealed(std::string_view kind) const;

 private:
  void raw(const void* data, std::size_t size) { bytes_.append(static_cast<const char*>(data), size); }
  void write(const std::string& text) {
    write(text.size());
    raw(text.data(), text.size());
  }
  void write(const Vec& v) {
    write(v.n_elem);
    raw(v.memptr(), v.n_elem * sizeof(double));
  }
  template <class T>
  void write(const std::vector<T>& list) {
    write(list.size());
    for (const T& element : list) write(element);
  }
  template <class A, class B>
  void write(const std::pair<A, B>& both) {
    (*this)(both.first, both.second);
  }
  template <class T>
  void write(const T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>)
      raw(&value, sizeof value);
    else
      fields(*this, const_cast<T&>(value));  // one list of fields for both ways; this way reads only
  }

  std::string bytes_;
};

/// Reads what ByteWriter wrote. Throws InputError for another kind, damage, and content that is too short or too long.
class ByteReader {
 public:
  /// `sealed` must live as long. The texts begin after the name of what is read: "is not a …".
  ByteReader(std::string_view sealed, std::string_view kind);
  template <class... Values>
  void operator()(Values&... values) {
    (read(values), ...);
  }
  /// Everything has been read.
  void finish() const;

 private:
  const char* take(std::size_t count, std::size_t size);
  void read(std::string& text) {
    const std::size_t size = number();
    text.assign(take(size, 1), size);
  }
  void read(Vec& v) {
    const std::size_t size = number();
    const char* from = take(size, sizeof(double));
    v.set_size(size);
    if (size > 0) std::memcpy(v.memptr(), from, size * sizeof(double));
  }
  template <class T>
  void read(std::vector<T>& list) {
    const std::size_t size = number();
    list.clear();
    for (std::size_t i = 0; i < size; ++i) read(list.emplace_back());
  }
  template <class A, class B>
  void read(std::pair<A, B>& both) {
    (*this)(both.first, both.second);
  }
  template <class T>
  void read(T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>)
      std::memcpy(&value, take(1, sizeof value), sizeof value);
    else
      fields(*this, value);
  }
  std::size_t number() {
    std::size_t value = 0;
    read(value);
    return value;
  }

  std::string_view left_;
};

}  // namespace raphson
