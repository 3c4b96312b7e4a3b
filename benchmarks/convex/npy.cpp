#include "benchmarks/convex/npy.hpp"

#include <raphson/core/large_memory.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <fstream>
#include <stdexcept>

namespace raphson::bench {
namespace {

struct Header {
  std::string type;  ///< "<f8", "<i4"
  Index rows = 0, cols = 1;
  bool matrix = false;
};

std::ifstream open(const std::string& path, Header& header) {
  std::ifstream file(path, std::ios::binary);
  char magic[10];
  if (!file.read(magic, 10) || std::string(magic + 1, 5) != "NUMPY" || magic[6] != 1)
    throw std::runtime_error(path + " is missing or not a .npy file of version 1");
  const std::size_t length = static_cast<unsigned char>(magic[8]) + 256u * static_cast<unsigned char>(magic[9]);
  std::string text(length, ' ');
  file.read(text.data(), static_cast<std::streamsize>(length));
  const auto after = [&](const std::string& key) { return text.find(key) + key.size(); };
  header.type = text.substr(text.find('\'', after("'descr':")) + 1, 3);
  if (text.compare(after("'fortran_order': "), 5, "False") != 0) throw std::runtime_error(path + " is not in C order");
  const std::size_t shape = text.find('(', after("'shape':")) + 1;
  std::size_t used = 0;
  header.rows = std::stoull(text.substr(shape), &used);
  const std::size_t comma = text.find(',', shape), end = text.find(')', shape);
  if (comma < end && text.find_first_of("0123456789", comma) < end) {
    header.cols = std::stoull(text.substr(comma + 1));
    header.matrix = true;
  }
  return file;
}

void write(const std::string& path, const std::string& type, const std::string& shape, const void* data, std::size_t bytes) {
  std::string head = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", type, shape);
  head.append(63 - (10 + head.size()) % 64, ' ').append("\n");
  std::ofstream file(path, std::ios::binary);
  file.write("\x93NUMPY\x01\x00", 8);
  const char length[2] = {static_cast<char>(head.size() % 256), static_cast<char>(head.size() / 256)};
  file.write(length, 2);
  file << head;
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

template <class Integer>
std::vector<std::int64_t> read_as(std::ifstream& file, Index count) {
  std::vector<Integer> raw(count);
  file.read(reinterpret_cast<char*>(raw.data()), static_cast<std::streamsize>(count * sizeof(Integer)));
  return {raw.begin(), raw.end()};
}

}  // namespace

arma::mat read_npy(const std::string& path) {
  Header header;
  std::ifstream file = open(path, header);
  if (header.type != "<f8") throw std::runtime_error(fmt::format("{} holds {}, not <f8", path, header.type));
  auto X = raw_matrix<double>(header.matrix ? header.cols : 1, header.rows);
  if (!file.read(reinterpret_cast<char*>(X.memptr()), static_cast<std::streamsize>(X.n_elem * sizeof(double))))
    throw std::runtime_error(path + " is shorter than its header says");
  return X;
}

std::vector<std::int64_t> read_npy_integers(const std::string& path) {
  Header header;
  std::ifstream file = open(path, header);
  if (header.type != "<i4" && header.type != "<i8") throw std::runtime_error(fmt::format("{} holds {}, not integers", path, header.type));
  std::vector<std::int64_t> values =
      header.type == "<i4" ? read_as<std::int32_t>(file, header.rows) : read_as<std::int64_t>(file, header.rows);
  if (!file) throw std::runtime_error(path + " is shorter than its header says");
  return values;
}

void write_npy(const std::string& path, const arma::mat& X) {
  write(path, "<f8", fmt::format("({}, {})", X.n_cols, X.n_rows), X.memptr(), X.n_elem * sizeof(double));
}

void write_npy(const std::string& path, const Vec& x) {
  write(path, "<f8", fmt::format("({},)", x.n_elem), x.memptr(), x.n_elem * sizeof(double));
}

void write_npy_integers(const std::string& path, const std::vector<std::int32_t>& values) {
  write(path, "<i4", fmt::format("({},)", values.size()), values.data(), values.size() * sizeof(std::int32_t));
}

}  // namespace raphson::bench
