#include <raphson/solvers/sketches/circular_convolution.hpp>

#ifdef RAPHSON_WITH_FFTW

#include <raphson/solvers/sketches/fftw_plans.hpp>

#include <complex>
#include <new>
#include <vector>

namespace raphson {
namespace {

template <class Real>
class Fft final : public CircularConvolution<Real> {
 public:
  explicit Fft(Index s) : s_(s) {
    constexpr unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED;
    const int n = static_cast<int>(s);
    Real real = 0;  // an estimating planner does not touch the data
    std::complex<Real> spectrum = 0;
    const std::lock_guard lock(fftw_planner());
    if constexpr (std::is_same_v<Real, double>) {
      forward_ = fftw_plan_dft_r2c_1d(n, &real, reinterpret_cast<fftw_complex*>(&spectrum), flags | FFTW_PRESERVE_INPUT);
      backward_ = fftw_plan_dft_c2r_1d(n, reinterpret_cast<fftw_complex*>(&spectrum), &real, flags);
    } else {
      forward_ = fftwf_plan_dft_r2c_1d(n, &real, reinterpret_cast<fftwf_complex*>(&spectrum), flags | FFTW_PRESERVE_INPUT);
      backward_ = fftwf_plan_dft_c2r_1d(n, reinterpret_cast<fftwf_complex*>(&spectrum), &real, flags);
    }
    if (!forward_ || !backward_) throw std::bad_alloc();
  }
  ~Fft() override {
    destroy_plan<Real>(forward_);
    destroy_plan<Real>(backward_);
  }
  Fft(const Fft&) = delete;
  Fft& operator=(const Fft&) = delete;

  void operator()(const Real* a, const Real* b, Real* out) const override {
    std::vector<std::complex<Real>> of_a(s_ / 2 + 1), of_b(s_ / 2 + 1);
    transform(a, of_a.data());
    transform(b, of_b.data());
    const Real scale = 1 / static_cast<Real>(s_);
    for (Index i = 0; i < of_a.size(); ++i) {
      const Real p = of_a[i].real(), q = of_a[i].imag(), u = of_b[i].real(), v = of_b[i].imag();
      of_a[i] = {scale * (p * u - q * v), scale * (p * v + q * u)};
    }
    if constexpr (std::is_same_v<Real, double>)
      fftw_execute_dft_c2r(backward_, reinterpret_cast<fftw_complex*>(of_a.data()), out);
    else
      fftwf_execute_dft_c2r(backward_, reinterpret_cast<fftwf_complex*>(of_a.data()), out);
  }

 private:
  void transform(const Real* from, std::complex<Real>* to) const {
    if constexpr (std::is_same_v<Real, double>)
      fftw_execute_dft_r2c(forward_, const_cast<double*>(from), reinterpret_cast<fftw_complex*>(to));
    else
      fftwf_execute_dft_r2c(forward_, const_cast<float*>(from), reinterpret_cast<fftwf_complex*>(to));
  }

  Index s_;
  FftwPlan<Real> forward_, backward_;
};

}  // namespace

template <class Real>
std::unique_ptr<const CircularConvolution<Real>> CircularConvolution<Real>::make(Index s) {
  return std::make_unique<Fft<Real>>(s);
}

}  // namespace raphson

#else

namespace raphson {

template <class Real>
std::unique_ptr<const CircularConvolution<Real>> CircularConvolution<Real>::make(Index) {
  return nullptr;
}

}  // namespace raphson

#endif

namespace raphson {

template class CircularConvolution<float>;
template class CircularConvolution<double>;

}  // namespace raphson
