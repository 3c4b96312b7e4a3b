#include <raphson/core/error.hpp>
#include <raphson/solvers/factorizations/equilibration.hpp>
#include <raphson/solvers/factorizations/sparse_factor.hpp>

#ifdef RAPHSON_WITH_CHOLMOD

#include <cholmod.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <vector>

namespace raphson {
namespace {

using Long = SuiteSparse_long;
static_assert(sizeof(Long) == sizeof(Index));

/// CHOLMOD's settings and work space: silent, one ordering, simplicial (no BLAS, hence no threads), L Lᵀ.
struct Common {
  cholmod_common value;
  Common() {
    cholmod_l_start(&value);
    value.print = 0;
    value.error_handler = nullptr;
    value.nmethods = 1;
    value.method[0].ordering = CHOLMOD_AMD;
    value.postorder = true;
    value.supernodal = CHOLMOD_SIMPLICIAL;
    value.final_ll = true;
    value.quick_return_if_not_posdef = true;
  }
  ~Common() { cholmod_l_finish(&value); }
  Common(const Common&) = delete;
  Common& operator=(const Common&) = delete;
};

/// Owns a factor, symbolic or numeric.
struct FactorDeleter {
  cholmod_common* common;
  void operator()(cholmod_factor* L) const { cholmod_l_free_factor(&L, common); }
};
using Factor = std::unique_ptr<cholmod_factor, FactorDeleter>;

}  // namespace

struct SparseFactor::State {
  Common common;
  // Pattern of G as analysed, and its lower triangle with a full diagonal: column j holds row[start[j]] = j first, then those below.
  std::vector<arma::uword> pattern_start, pattern_row;
  std::vector<Long> start, row;
  std::vector<double> value;
  Vec scale;  // D
  Factor symbolic{nullptr, {&common.value}}, numeric{nullptr, {&common.value}};
  double factor_nonzeros = 0, flops = 0;
  Index order_width = 0, analyses = 0, factorizations = 0;

  Index size() const { return pattern_start.empty() ? 0 : pattern_start.size() - 1; }
  bool same_pattern(const arma::sp_mat& G) const;
  void analyse(const arma::sp_mat& G);
  void load(const arma::sp_mat& G, const Vec& mu, double delta);
  cholmod_sparse lower();
  void require_memory() const {
    if (common.value.status == CHOLMOD_OUT_OF_MEMORY || common.value.status == CHOLMOD_TOO_LARGE) throw std::bad_alloc();
  }
};

bool SparseFactor::State::same_pattern(const arma::sp_mat& G) const {
  return size() == G.n_cols && symbolic && pattern_row.size() == G.n_nonzero &&
         std::equal(pattern_start.begin(), pattern_start.end(), G.col_ptrs) &&
         std::equal(pattern_row.begin(), pattern_row.end(), G.row_indices);
}

cholmod_sparse SparseFactor::State::lower() {
  cholmod_sparse A{};
  A.nrow = A.ncol = size();
  A.nzmax = row.size();
  A.p = start.data();
  A.i = row.data();
  A.x = value.data();
  A.stype = -1;
  A.itype = CHOLMOD_LONG;
  A.xtype = CHOLMOD_REAL;
  A.dtype = CHOLMOD_DOUBLE;
  A.sorted = A.packed = true;
  return A;
}

void SparseFactor::State::analyse(const arma::sp_mat& G) {
  numeric.reset();
  symbolic.reset();
  pattern_start.assign(G.col_ptrs, G.col_ptrs + G.n_cols + 1);
  pattern_row.assign(G.row_indices, G.row_indices + G.n_nonzero);
  start.assign(1, 0);
  row.clear();
  for (Index j = 0; j < G.n_cols; ++j) {
    row.push_back(static_cast<Long>(j));
    for (Index e = G.col_ptrs[j]; e < G.col_ptrs[j + 1]; ++e)
      if (G.row_indices[e] > j) row.push_back(static_cast<Long>(G.row_indices[e]));
    start.push_back(static_cast<Long>(row.size()));
  }
  value.assign(row.size(), 0.0);

  cholmod_sparse A = lower();
  symbolic.reset(cholmod_l_analyze(&A, &common.value));
  require_memory();
  if (!symbolic) throw std::bad_alloc();  // nothing else can fail: the pattern is valid by construction
  factor_nonzeros = common.value.lnz;
  flops = common.value.fl;
  const Long* count = static_cast<const Long*>(symbolic->ColCount);
  order_width = static_cast<Index>(*std::max_element(count, count + G.n_cols)) - 1;
  ++analyses;
}

void SparseFactor::State::load(const arma::sp_mat& G, const Vec& mu, double delta) {
  // First the entries as they are, then D from their diagonal.
  Vec diagonal = mu;
  for (Index j = 0; j < size(); ++j) {
    auto out = static_cast<Index>(start[j]) + 1;
    for (Index e = G.col_ptrs[j]; e < G.col_ptrs[j + 1]; ++e) {
      if (G.row_indices[e] == j) diagonal[j] += G.values[e];
      if (G.row_indices[e] > j) value[out++] = G.values[e];
    }
  }
  scale = equilibrating_scale(diagonal);
  for (Index j = 0; j < size(); ++j) {
    const auto begin = static_cast<Index>(start[j]), end = static_cast<Index>(start[j + 1]);
    value[begin] = (diagonal[j] * scale[j]) * scale[j] + delta;
    for (Index e = begin + 1; e < end; ++e) value[e] = (value[e] * scale[j]) * scale[static_cast<Index>(row[e])];
  }
}

SparseFactor::SparseFactor() : state_(std::make_unique<State>()) {}
SparseFactor::~SparseFactor() = default;

SparseFactor::Outcome SparseFactor::factor(const arma::sp_mat& G, const Vec& mu, double delta) {
  State& s = *state_;
  G.sync();
  if (!s.same_pattern(G)) s.analyse(G);
  s.load(G, mu, delta);
  Outcome outcome;
  for (const double d : s.scale) outcome.largest_shift = std::max(outcome.largest_shift, delta / (d * d));

  // A fresh copy of the symbolic factor each time: what an earlier factorization left behind, broken down or not, cannot matter.
  s.numeric.reset(cholmod_l_copy_factor(s.symbolic.get(), &s.common.value));
  s.require_memory();
  cholmod_sparse A = s.lower();
  cholmod_l_factorize(&A, s.numeric.get(), &s.common.value);
  s.require_memory();
  ++s.factorizations;

  const cholmod_factor& L = *s.numeric;
  const auto* order = static_cast<const Long*>(L.Perm);
  if (s.common.value.status != CHOLMOD_OK || L.minor < L.n || L.xtype != CHOLMOD_REAL) {
    if (L.minor < L.n) outcome.column = static_cast<Index>(order[L.minor]);
    s.numeric.reset();
    return outcome;
  }
  const auto* first = static_cast<const Long*>(L.p);
  const auto* x = static_cast<const double*>(L.x);
  outcome.usable = true;
  outcome.least_pivot = std::numeric_limits<double>::infinity();
  for (Index j = 0; j < L.n; ++j) {
    const double pivot = x[first[j]] * x[first[j]];
    if (!(pivot > 0) || !std::isfinite(pivot)) outcome.usable = false;
    if (!(pivot >= outcome.least_pivot)) {
      outcome.least_pivot = pivot;
      outcome.column = static_cast<Index>(order[j]);
    }
  }
  return outcome;
}

void SparseFactor::solve(const Vec& r, Vec& z) const {
  State& s = *state_;
  Vec scaled = r % s.scale;
  cholmod_dense right{};
  right.nrow = right.nzmax = right.d = r.n_elem;
  right.ncol = 1;
  right.x = scaled.memptr();
  right.xtype = CHOLMOD_REAL;
  right.dtype = CHOLMOD_DOUBLE;
  cholmod_dense* solution = cholmod_l_solve(CHOLMOD_A, s.numeric.get(), &right, &s.common.value);
  if (!solution) throw std::bad_alloc();
  const auto* x = static_cast<const double*>(solution->x);
  z.set_size(r.n_elem);
  for (Index j = 0; j < r.n_elem; ++j) z[j] = s.scale[j] * x[j];
  cholmod_l_free_dense(&solution, &s.common.value);
}

Index SparseFactor::size() const { return state_->size(); }
Index SparseFactor::factor_nonzeros() const { return static_cast<Index>(state_->factor_nonzeros); }
Index SparseFactor::order_width() const { return state_->order_width; }
double SparseFactor::flops() const { return state_->flops; }
Index SparseFactor::analyses() const { return state_->analyses; }
Index SparseFactor::factorizations() const { return state_->factorizations; }
void SparseFactor::reset() { state_ = std::make_unique<State>(); }

}  // namespace raphson

#else

namespace raphson {

struct SparseFactor::State {};
SparseFactor::SparseFactor() {
  throw InputError(
      "sparse-cholesky(cholmod) is not in this build (RAPHSON_WITH_CHOLMOD=OFF). Use exact, cg or preconditioned-cg, or configure with "
      "-DRAPHSON_WITH_CHOLMOD=ON.");
}
SparseFactor::~SparseFactor() = default;
// Never reached: no object can be made.
SparseFactor::Outcome SparseFactor::factor(const arma::sp_mat&, const Vec&, double) { return {}; }
void SparseFactor::solve(const Vec&, Vec&) const {}
Index SparseFactor::size() const { return 0; }
Index SparseFactor::factor_nonzeros() const { return 0; }
Index SparseFactor::order_width() const { return 0; }
double SparseFactor::flops() const { return 0; }
Index SparseFactor::analyses() const { return 0; }
Index SparseFactor::factorizations() const { return 0; }
void SparseFactor::reset() {}

}  // namespace raphson

#endif
