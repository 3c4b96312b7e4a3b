#include <raphson/core/fingerprint.hpp>

#include <cstring>

namespace raphson {
namespace {

template <class Element>
std::string_view bytes_of(const Element* first, Index count) {
  return {reinterpret_cast<const char*>(first), count * sizeof(Element)};
}

}  // namespace

/// A bijection of the state for every word, after the finalizer of MurmurHash3 (Appleby).
void Fingerprint::mix(std::uint64_t word) {
  value_ = (value_ ^ word) * 0xff51afd7ed558ccd;
  value_ = (value_ ^ (value_ >> 33)) * 0xc4ceb9fe1a85ec53;
  value_ ^= value_ >> 29;
}

Fingerprint& Fingerprint::add(std::string_view bytes) {
  mix(bytes.size());
  std::uint64_t word = 0;
  for (; bytes.size() >= sizeof word; bytes.remove_prefix(sizeof word)) {
    std::memcpy(&word, bytes.data(), sizeof word);
    mix(word);
  }
  word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  mix(word);
  return *this;
}

Fingerprint& Fingerprint::add(const Mat<double>& v) { return add(bytes_of(v.memptr(), v.n_elem)); }

Fingerprint& Fingerprint::add(const DataMatrix& X) {
  mix(X.is_sparse() ? 1 : 0);
  mix(X.rows());
  mix(X.cols());
  if (!X.is_sparse()) return add(bytes_of(X.dense().memptr(), X.dense().n_elem));
  const arma::sp_mat& S = X.sparse();
  S.sync();
  add(bytes_of(S.col_ptrs, S.n_cols + 1));
  add(bytes_of(S.row_indices, S.n_nonzero));
  return add(bytes_of(S.values, S.n_nonzero));
}

}  // namespace raphson
