// The only file that names Fortran symbols. It does not see Armadillo, which declares them in its own way.
#include <raphson/core/blas.hpp>

#include <limits>
#include <stdexcept>
#include <vector>

extern "C" {
#define RAPHSON_DECLARE(p, Real)                                                                                                         \
  void p##gemm_(const char*, const char*, const int*, const int*, const int*, const Real*, const Real*, const int*, const Real*,         \
                const int*, const Real*, Real*, const int*);                                                                             \
  void p##gemv_(const char*, const int*, const int*, const Real*, const Real*, const int*, const Real*, const int*, const Real*, Real*,  \
                const int*);                                                                                                             \
  Real p##dot_(const int*, const Real*, const int*, const Real*, const int*);                                                            \
  void p##trsm_(const char*, const char*, const char*, const char*, const int*, const int*, const Real*, const Real*, const int*, Real*, \
                const int*);                                                                                                             \
  void p##trsv_(const char*, const char*, const char*, const int*, const Real*, const int*, Real*, const int*);                          \
  void p##potrf_(const char*, const int*, Real*, const int*, int*);                                                                      \
  void p##gelqf_(const int*, const int*, Real*, const int*, Real*, Real*, const int*, int*);                                             \
  void p##syevd_(const char*, const char*, const int*, Real*, const int*, Real*, Real*, const int*, int*, const int*, int*);
RAPHSON_DECLARE(d, double)
RAPHSON_DECLARE(s, float)
#undef RAPHSON_DECLARE
void dsterf_(const int*, double*, double*, int*);
}

namespace raphson::blas {
namespace {

int narrow(std::size_t n) {
  if (n > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw std::length_error("matrix dimension exceeds this BLAS's integers");
  return static_cast<int>(n);
}
int leading(std::size_t n) { return n == 0 ? 1 : narrow(n); }

}  // namespace

#define RAPHSON_DEFINE(p, Real)                                                                                                          \
  template <>                                                                                                                            \
  void gemm<Real>(bool ta, bool tb, std::size_t m, std::size_t n, std::size_t k, Real alpha, const Real* A, std::size_t lda,             \
                  const Real* B, std::size_t ldb, Real beta, Real* C, std::size_t ldc) {                                                 \
    const int mi = narrow(m), ni = narrow(n), ki = narrow(k), la = leading(lda), lb = leading(ldb), lc = leading(ldc);                   \
    p##gemm_(ta ? "T" : "N", tb ? "T" : "N", &mi, &ni, &ki, &alpha, A, &la, B, &lb, &beta, C, &lc);                                      \
  }                                                                                                                                      \
  template <>                                                                                                                            \
  void gemv<Real>(bool t, std::size_t m, std::size_t n, Real alpha, const Real* A, std::size_t lda, const Real* x, Real beta, Real* y) { \
    const int mi = narrow(m), ni = narrow(n), la = leading(lda), one = 1;                                                                \
    p##gemv_(t ? "T" : "N", &mi, &ni, &alpha, A, &la, x, &one, &beta, y, &one);                                                          \
  }                                                                                                                                      \
  template <>                                                                                                                            \
  Real dot<Real>(std::size_t n, const Real* x, const Real* y) {                                                                          \
    const int ni = narrow(n), one = 1;                                                                                                   \
    return p##dot_(&ni, x, &one, y, &one);                                                                                               \
  }                                                                                                                                      \
  template <>                                                                                                                            \
  void trsm_right_transposed<Real>(std::size_t m, std::size_t n, const Real* L, std::size_t ldl, Real* B, std::size_t ldb) {             \
    const int mi = narrow(m), ni = narrow(n), ll = leading(ldl), lb = leading(ldb);                                                      \
    const Real one = 1;                                                                                                                  \
    p##trsm_("R", "L", "T", "N", &mi, &ni, &one, L, &ll, B, &lb);                                                                        \
  }                                                                                                                                      \
  template <>                                                                                                                            \
  void trsv<Real>(bool transpose, std::size_t n, const Real* L, std::size_t ldl, Real* x) {                                              \
    const int ni = narrow(n), ll = leading(ldl), one = 1;                                                                                \
    p##trsv_("L", transpose ? "T" : "N", "N", &ni, L, &ll, x, &one);                                                                     \
  }                                                                                                                                      \
  template <>                                                                                                                            \
  int potrf<Real>(std::size_t n, Real * G, std::size_t ldg) {                                                                            \
    const int ni = narrow(n), lg = leading(ldg);                                                                                         \
    int info = 0;                                                                                                                        \
    p##potrf_("L", &ni, G, &lg, &info);                                                                                                  \
    return info;                                                                                                                         \
  }                                                                                                                                      \
  template <>                                                                                                                            \
  int gelqf<Real>(std::size_t m, std::size_t n, Real * A, std::size_t lda) {                                                             \
    const int mi = narrow(m), ni = narrow(n), la = leading(lda);                                                                         \
    int info = 0, length = -1;                                                                                                           \
    Real optimal = 0;                                                                                                                    \
    std::vector<Real> tau(m + 1);                                                                                                        \
    p##gelqf_(&mi, &ni, A, &la, tau.data(), &optimal, &length, &info);                                                                   \
    if (info != 0) return info;                                                                                                          \
    length = static_cast<int>(optimal);                                                                                                  \
    std::vector<Real> work(static_cast<std::size_t>(length) + 1);                                                                        \
    p##gelqf_(&mi, &ni, A, &la, tau.data(), work.data(), &length, &info);                                                                \
    return info;                                                                                                                         \
  }                                                                                                                                      \
  template <>                                                                                                                            \
  int syevd<Real>(bool vectors, std::size_t n, Real* G, std::size_t ldg, Real* values) {                                                 \
    const int ni = narrow(n), lg = leading(ldg);                                                                                         \
    int info = 0, length = -1, integer_length = -1, integer_optimal = 0;                                                                 \
    Real optimal = 0;                                                                                                                    \
    const char* job = vectors ? "V" : "N";                                                                                               \
    p##syevd_(job, "L", &ni, G, &lg, values, &optimal, &length, &integer_optimal, &integer_length, &info);                               \
    if (info != 0) return info;                                                                                                          \
    length = static_cast<int>(optimal);                                                                                                  \
    integer_length = integer_optimal;                                                                                                    \
    std::vector<Real> work(static_cast<std::size_t>(length) + 1);                                                                        \
    std::vector<int> integers(static_cast<std::size_t>(integer_length) + 1);                                                             \
    p##syevd_(job, "L", &ni, G, &lg, values, work.data(), &length, integers.data(), &integer_length, &info);                             \
    return info;                                                                                                                         \
  }
RAPHSON_DEFINE(d, double)
RAPHSON_DEFINE(s, float)
#undef RAPHSON_DEFINE

int sterf(std::size_t n, double* diagonal, double* off_diagonal) {
  const int ni = narrow(n);
  int info = 0;
  dsterf_(&ni, diagonal, off_diagonal, &info);
  return info;
}

}  // namespace raphson::blas
