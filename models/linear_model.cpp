#include <raphson/core/error.hpp>
#include <raphson/core/kernels/vector_math.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/row_sample.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/models/separation.hpp>

#include <array>
#include <cmath>
#include <functional>
#include <mutex>
#include <optional>

#include <fmt/format.h>

namespace raphson {

struct LinearModel::Data {
  DataMatrix C;
  Vec y;
  std::shared_ptr<const Loss> loss;
  LinearModelOptions options;
  std::shared_ptr<const Operator> A;  ///< [C | 1]
  Vec penalty;                        ///< (μ, …, μ, 0)
  std::string remark;                 ///< of the loss on its targets
  std::string runaway_intercept;      ///< why no minimizer exists whatever the penalty; empty: none known
  std::string sample;                 ///< " on a sample of 100 of 800 rows" for a coarse model

  struct Origin {
    std::once_flag once;
    Vec gradient;
  };
  std::shared_ptr<Origin> origin = std::make_shared<Origin>();  ///< θ = 0, the same whatever the penalty

  Index rows() const { return C.rows(); }
  Index parameters() const { return C.cols() + (options.intercept ? 1 : 0); }
  /// ∇f(0), made at the first call, then shared.
  const Vec& gradient_at_zero() const;
  /// ‖∇f(0)‖, 0 where that overflows.
  double gradient_scale() const;
  void complete();  ///< what follows from C and the options
  void set_penalty(double l2);
  double penalty_value(const Vec& theta) const { return 0.5 * arma::accu(penalty % arma::square(theta)); }
  /// z = [C | 1] θ + o.
  Vec margins(const Vec& theta) const {
    Vec z;
    A->apply(theta, z);
    if (!options.offset.is_empty()) z += options.offset;
    return z;
  }
};

namespace {

using Data = LinearModel::Data;

std::span<const double> part(const Vec& v, Index begin, Index count) { return {v.memptr() + begin, count}; }

struct Sum {
  double value = 0, magnitude = 0;  ///< Σ wᵢ gᵢ and Σ wᵢ |gᵢ|: the rounding error of a sum is relative to the latter
};

constexpr Index chunk = 512;  ///< rows that a loss is asked for at a time

/// wᵢg(zᵢ; yᵢ), and where the pointers are not null slope = wᵢg′ and root = √(wᵢg″), of rows [first, first + count), count ≤ chunk; z,
/// value, slope and root belong to row `first`. A row of weight 0 counts as nothing whatever its loss, and a loss that dips below convexity
/// by rounding as flat.
void evaluate_rows(const Data& data, Index first, Index count, const double* z, double* value, double* slope, double* root) {
  data.loss->evaluate({z, count}, part(data.y, first, count), value, slope, root);
  const Vec& w = data.options.weights;
  if (!w.is_empty()) {
    const auto weigh = [&](double* term) {
      for (Index i = 0; term && i < count; ++i) term[i] = w(first + i) == 0 ? 0.0 : w(first + i) * term[i];
    };
    weigh(value);
    weigh(slope);
    weigh(root);
  }
  if (root) vector_math::roots(root, count);
}

/// Adds up values[0..count), the same way wherever the calls are cut at multiples of chunk.
void add_values(const double* value, Index count, double* sum) {
  Sum here;
  for (Index i = 0; i < count; ++i) {
    here.value += value[i];
    here.magnitude += std::abs(value[i]);
  }
  sum[0] += here.value;
  sum[1] += here.magnitude;
}

/// Calls task(first, count, sum) for every chunk of rows, where sum collects what add_values adds.
Sum sum_chunks(Index rows, const std::function<void(Index first, Index count, double* sum)>& task) {
  const Blocks blocks = cut(rows, 8 * chunk);
  double total[2];
  parallel_sum<double>(
      blocks, 2,
      [&](Index block, double* sum) {
        for (Index begin = blocks.begin(block); begin < blocks.end(block); begin += chunk)
          task(begin, std::min(chunk, blocks.end(block) - begin), sum);
      },
      total);
  return {total[0], total[1]};
}

/// Σ wᵢg(zᵢ; yᵢ) over all rows, and where the pointers are not null slope and root as evaluate_rows gives them, n each.
Sum sum_losses(const Data& data, const Vec& z, double* slope, double* root) {
  return sum_chunks(data.rows(), [&](Index first, Index count, double* sum) {
    std::array<double, chunk> value;
    evaluate_rows(data, first, count, z.memptr() + first, value.data(), slope ? slope + first : nullptr, root ? root + first : nullptr);
    add_values(value.data(), count, sum);
  });
}

}  // namespace

const Vec& LinearModel::Data::gradient_at_zero() const {
  std::call_once(origin->once, [this] {
    Vec z(rows(), arma::fill::zeros), slope = raw_vector<double>(rows());
    if (!options.offset.is_empty()) z = options.offset;
    sum_losses(*this, z, slope.memptr(), nullptr);
    Mat<double> gradient;
    A->apply_adjoint(slope, gradient);
    origin->gradient = gradient.as_col();
  });
  return origin->gradient;
}

double LinearModel::Data::gradient_scale() const {
  const double norm = arma::norm(gradient_at_zero());
  return std::isfinite(norm) ? norm : 0;
}

namespace {

/// What the losses say at one point, row by row.
struct RowTerms {
  std::shared_ptr<Vec> z;  ///< margins with offset
  Vec slope, root;         ///< wᵢg′ (empty where nothing asks for it), √(wᵢg″)
  Vec gradient;            ///< of the losses, without the penalty
  Sum losses;

  /// One read of C: margins, losses and the gradient together. At θ = 0 none.
  static RowTerms at(const Data& data, const Vec& theta);
  /// From margins that are known: one read of C for the gradient.
  static RowTerms from_margins(const Data& data, Vec z);

 private:
  explicit RowTerms(Vec margins, bool with_slope = true)
      : z(std::make_shared<Vec>(std::move(margins))),
        slope(raw_vector<double>(with_slope ? z->n_elem : 0)),
        root(raw_vector<double>(z->n_elem)) {}
};

RowTerms RowTerms::at(const Data& data, const Vec& theta) {
  if (theta.is_zero()) {
    RowTerms terms(data.options.offset.is_empty() ? Vec(data.rows(), arma::fill::zeros) : data.options.offset, data.options.l2 == 0);
    terms.losses = sum_losses(data, *terms.z, terms.slope.is_empty() ? nullptr : terms.slope.memptr(), terms.root.memptr());
    terms.gradient = data.gradient_at_zero();
    return terms;
  }
  RowTerms terms(raw_vector<double>(data.rows()), data.options.l2 == 0);  // for the least-squares target of the step
  Vec value = raw_vector<double>(data.rows());
  const Vec& offset = data.options.offset;
  const RowMap<double> map = [&](Index begin, Index length, const double* margin, double* slope) {
    std::array<double, chunk> moved;
    for (Index done = 0; done < length; done += chunk) {
      const Index first = begin + done, count = std::min(chunk, length - done);
      const double* z = margin + done;
      if (!offset.is_empty()) {
        for (Index i = 0; i < count; ++i) moved[i] = z[i] + offset(first + i);
        z = moved.data();
      }
      evaluate_rows(data, first, count, z, value.memptr() + first, slope + done, terms.root.memptr() + first);
      if (!terms.slope.is_empty()) std::copy_n(slope + done, count, terms.slope.memptr() + first);
    }
  };
  data.A->apply_mapped(theta, map, *terms.z, terms.gradient);
  if (!offset.is_empty()) *terms.z += offset;
  terms.losses = sum_chunks(data.rows(), [&](Index first, Index count, double* sum) { add_values(value.memptr() + first, count, sum); });
  return terms;
}

RowTerms RowTerms::from_margins(const Data& data, Vec z) {
  RowTerms terms(std::move(z));
  terms.losses = sum_losses(data, *terms.z, terms.slope.memptr(), terms.root.memptr());
  Mat<double> gradient;
  data.A->apply_adjoint(terms.slope, gradient);
  terms.gradient = gradient.as_col();
  return terms;
}

/// f, ∇f and the square-root Hessian at one point.
class LinearPoint final : public Linearization {
 public:
  /// `p` and its margins `q`, where given, are the direction that led here: a candidate for a proof that there is no minimizer.
  LinearPoint(std::shared_ptr<const Data> data, Vec theta, RowTerms terms, const Vec* p = nullptr, const Vec* q = nullptr)
      : data_(std::move(data)), theta_(std::move(theta)), z_(std::move(terms.z)), gradient_(std::move(terms.gradient)) {
    const double penalty = data_->penalty_value(theta_);
    value_ = terms.losses.value + penalty;
    resolution_ = 8 * std::numeric_limits<double>::epsilon() * (terms.losses.magnitude + penalty);
    gradient_ += data_->penalty % theta_;
    strengthen_curvature(*z_, terms.root);
    right_hand_side_ = -gradient_;
    if (data_->options.l2 == 0) set_least_squares_target(terms.slope, terms.root);
    no_minimizer_ = look_for_recession(theta_, *z_, p, q);
    A_ = scaled_rows(data_->C, std::move(terms.root), data_->options.intercept);
  }

  double value() const override { return value_; }
  double value_resolution() const override { return resolution_; }
  const Vec& gradient() const override { return gradient_; }
  std::shared_ptr<const Operator> matrix() const override { return A_; }
  const Vec& right_hand_side() const override { return right_hand_side_; }
  const Vec* penalty() const override { return data_->options.l2 > 0 ? &data_->penalty : nullptr; }
  const Vec* least_squares_target() const override { return target_.is_empty() ? nullptr : &target_; }
  std::string no_minimizer() const override { return no_minimizer_; }
  std::unique_ptr<Line> along(const Vec& p) const override;

 private:
  /// √(w max(g″, τs)) instead of √(w g″), where most rows have g″ < s.
  void strengthen_curvature(const Vec& z, Vec& root) const {
    if (!data_->loss->secant_curvature({}, {}, nullptr)) return;  // asked about no row, a loss says whether it has one
    Vec secant(z.n_elem, arma::fill::none);
    const Blocks blocks = cut(z.n_elem, 4096);
    parallel_for(blocks.count(), [&](Index b) {
      const Index first = blocks.begin(b), count = blocks.length(b);
      data_->loss->secant_curvature(part(z, first, count), part(data_->y, first, count), secant.memptr() + first);
    });
    if (!data_->options.weights.is_empty()) secant %= data_->options.weights;
    const Vec strong = arma::sqrt(secant);
    if (2 * arma::accu(root < 0.99 * strong) <= z.n_elem) return;
    const double scale = data_->gradient_scale(), norm = arma::norm(gradient_);
    root = arma::max(root, std::sqrt(norm < scale ? norm / scale : 1.0) * strong);
  }

  /// Where every g″ = 1, the step solves min ‖D^{1/2}(Cp − (−g′))‖: then c = −√w g′. Other losses have such a c as well, but its
  /// entries g′/√g″ span too many orders of magnitude to be of use.
  void set_least_squares_target(const Vec& slope, const Vec& root) {
    const Vec& w = data_->options.weights;
    for (Index i = 0; i < root.n_elem; ++i) {
      if (root(i) != (w.is_empty() ? 1.0 : std::sqrt(w(i)))) return;
    }
    target_ = -slope;
    for (Index i = 0; i < w.n_elem; ++i) target_(i) = w(i) > 0 ? target_(i) / root(i) : 0.0;
  }

  std::string look_for_recession(const Vec& theta, const Vec& z, const Vec* p, const Vec* q) const {
    if (!data_->runaway_intercept.empty()) return data_->runaway_intercept;
    if (data_->options.l2 > 0) return {};
    const Vec& offset = data_->options.offset;
    const auto along = [this](const Vec& direction, const Vec& change) {
      return falls_for_ever(*data_->loss, data_->C, data_->options.intercept, data_->y, data_->options.weights, direction, change);
    };
    std::string evidence = offset.is_empty() ? along(theta, z) : along(theta, z - offset);
    if (evidence.empty() && p) evidence = along(*p, *q);
    return evidence.empty() ? evidence : evidence + "; no finite minimizer exists. Use l2 > 0.";
  }

  std::shared_ptr<const Data> data_;
  Vec theta_;
  std::shared_ptr<const Vec> z_;  ///< margins of θ (with offset)
  double value_ = 0, resolution_ = 0;
  Vec gradient_, right_hand_side_, target_;
  std::shared_ptr<const Operator> A_;
  std::string no_minimizer_;
};

/// θ + tp from the margins of θ. The first question about t = 1 reads C once, for margins, losses and gradient together; every other
/// value follows from the margins then known, and another linearization from one more read.
class LinearLine final : public Line {
 public:
  LinearLine(std::shared_ptr<const Data> data, const Vec& theta, std::shared_ptr<const Vec> z, const Vec& p)
      : data_(std::move(data)), theta_(theta), p_(p), z_(std::move(z)) {}

  double value(double t) override {
    reach_end();
    if (t == 1) return value_at_end_;
    return sum_losses(*data_, *z_ + t * q(), nullptr, nullptr).value + data_->penalty_value(theta_ + t * p_);
  }

  std::unique_ptr<Linearization> linearize(double t) override {
    reach_end();
    const auto point = [&](RowTerms terms) {
      const Vec* change = data_->options.l2 == 0 ? &q() : nullptr;
      return std::make_unique<LinearPoint>(data_, theta_ + t * p_, std::move(terms), &p_, change);
    };
    if (t != 1) return point(RowTerms::from_margins(*data_, *z_ + t * q()));
    if (!end_) return point(RowTerms::at(*data_, theta_ + p_));
    RowTerms terms = std::move(*end_);
    end_.reset();
    return point(std::move(terms));
  }

 private:
  /// Margins, losses and gradient at t = 1.
  void reach_end() {
    if (z_end_) return;
    end_ = RowTerms::at(*data_, theta_ + p_);
    z_end_ = end_->z;
    value_at_end_ = end_->losses.value + data_->penalty_value(theta_ + p_);
  }
  /// How the margins change along p.
  const Vec& q() {
    if (q_.is_empty()) q_ = *z_end_ - *z_;
    return q_;
  }

  std::shared_ptr<const Data> data_;
  Vec theta_, p_, q_;
  std::shared_ptr<const Vec> z_, z_end_;  ///< margins of θ and of θ + p (with offset)
  std::optional<RowTerms> end_;
  double value_at_end_ = 0;
};

std::unique_ptr<Line> LinearPoint::along(const Vec& p) const { return std::make_unique<LinearLine>(data_, theta_, z_, p); }

void check_target(const DataMatrix& C, const Vec& y) {
  if (y.n_elem == C.rows()) return;
  std::string text = fmt::format("A has {} rows, y has {} elements", C.rows(), y.n_elem);
  if (y.n_elem == C.cols()) {
    text += fmt::format("; A has {} columns: is A stored with points as columns? Use points_as_columns(A).", C.cols());
  } else {
    text += ": one target for every row is needed.";
  }
  throw InputError(text);
}

void check_l2(double l2) {
  if (!(l2 >= 0) || !std::isfinite(l2)) throw InputError(fmt::format("l2 = {}; it must be at least 0 and finite.", l2));
}

void check_weights(const Vec& w, Index n) {
  if (w.is_empty()) return;
  require_size(w.n_elem, n, "weights", "one for every row of A");
  require_finite(w, "weights");
  for (Index i = 0; i < n; ++i) {
    if (w(i) < 0) throw InputError(fmt::format("weights[{}] = {} < 0.", i, w(i)));
  }
  if (w.max() == 0) throw InputError("weights are all 0: no observation counts.");
}

void check_offset(const Vec& offset, Index n) {
  if (offset.is_empty()) return;
  require_size(offset.n_elem, n, "offset", "one for every row of A");
  require_finite(offset, "offset");
}

void check_theta(const Vec& theta, const Data& data) {
  require_size(theta.n_elem, data.parameters(), "theta", data.options.intercept ? "columns of A, and the intercept" : "columns of A");
}

/// Why moving the intercept alone, which no penalty holds back, lowers f for ever; "" when it does not.
std::string runaway_intercept(const Data& data) {
  if (!data.options.intercept) return {};
  for (const double direction : {1.0, -1.0}) {
    const Vec q(data.rows(), arma::fill::value(direction));
    const std::string evidence = falls_for_ever(*data.loss, data.y, data.options.weights, q);
    if (!evidence.empty()) return evidence + " as the intercept grows; no finite minimizer exists. Fit without an intercept.";
  }
  return {};
}

}  // namespace

LinearModel::LinearModel(DataMatrix C, Vec y, std::shared_ptr<const Loss> loss, LinearModelOptions options) {
  require_nonempty(C, "A");
  check_target(C, y);
  if (!loss) throw InputError("LinearModel needs a loss; it was given a null pointer.");
  check_l2(options.l2);
  if (C.is_sparse()) require_finite(C, "A");
  check_weights(options.weights, C.rows());
  check_offset(options.offset, C.rows());

  auto data = std::make_shared<Data>();
  data->remark = loss->prepare(y);
  data->C = std::move(C);
  data->y = std::move(y);
  data->loss = std::move(loss);
  data->options = std::move(options);
  if (data->parameters() == 0) throw InputError("A has no columns and there is no intercept: nothing to fit.");
  data->complete();
  // A number that is not finite shows in the gradient, which is asked for anyway: 0·∞ is not 0.
  if (!data->C.is_sparse() && !data->gradient_at_zero().is_finite()) require_finite(data->C, "A");
  data->runaway_intercept = runaway_intercept(*data);
  data_ = std::move(data);
}

void LinearModel::Data::complete() {
  A = scaled_rows(C, {}, options.intercept);
  set_penalty(options.l2);
}

void LinearModel::Data::set_penalty(double l2) {
  options.l2 = l2;
  penalty = Vec(parameters(), arma::fill::value(l2));
  if (options.intercept) penalty(C.cols()) = 0;
}

LinearModel LinearModel::with_l2(double l2) const {
  check_l2(l2);
  auto data = std::make_shared<Data>(*data_);
  data->set_penalty(l2);
  return LinearModel(std::move(data));
}

std::string LinearModel::name() const { return data_->loss->name() + data_->sample; }

std::string LinearModel::formula() const {
  const LinearModelOptions& options = data_->options;
  std::string margin = "⟨aᵢ,x⟩";
  if (options.intercept) margin += "+x₀";
  if (!options.offset.is_empty()) margin += "+oᵢ";
  if (margin.find('+') != std::string::npos) margin = "(" + margin + ")";

  std::string text = data_->loss->formula();
  const std::string z = "zᵢ";
  for (std::size_t at = text.find(z); at != std::string::npos; at = text.find(z, at + margin.size())) text.replace(at, z.size(), margin);
  text = (options.weights.is_empty() ? "Σ " : "Σ wᵢ·") + text;
  if (options.l2 > 0) text += fmt::format(" + ½·{:g}·‖x‖²", options.l2);
  if (options.l2 > 0 && options.intercept) text += ", intercept not penalized";
  return text;
}

Index LinearModel::parameters() const { return data_->parameters(); }

double LinearModel::value(const Vec& theta) const {
  check_theta(theta, *data_);
  return sum_losses(*data_, data_->margins(theta), nullptr, nullptr).value + data_->penalty_value(theta);
}

std::unique_ptr<Linearization> LinearModel::linearize(const Vec& theta) const {
  check_theta(theta, *data_);
  return std::make_unique<LinearPoint>(data_, theta, RowTerms::at(*data_, theta));
}

std::unique_ptr<Line> LinearModel::along(const Vec& theta, const Vec& p) const {
  check_theta(theta, *data_);
  require_size(p.n_elem, parameters(), "p", "parameters of the model");
  return std::make_unique<LinearLine>(data_, theta, std::make_shared<const Vec>(data_->margins(theta)), p);
}

double LinearModel::gradient_scale() const { return data_->gradient_scale(); }

std::unique_ptr<Model> LinearModel::coarse() const {
  constexpr Index share = 8;
  const Data& full = *data_;
  const Index n = full.rows();
  if (n < 64 * parameters() || full.C.nonzeros() < Index{4000000}) return nullptr;
  const std::vector<Index> index = one_row_of_every(share, n, Seed(0).split(Purpose::shuffle));
  const arma::uvec chosen = arma::conv_to<arma::uvec>::from(index);
  auto part = std::make_shared<Data>();
  part->C = full.C.select_rows(index);
  part->loss = full.loss;
  part->options = full.options;
  part->y = full.y.elem(chosen);
  if (!full.options.weights.is_empty()) part->options.weights = full.options.weights.elem(chosen);
  if (!full.options.offset.is_empty()) part->options.offset = full.options.offset.elem(chosen);
  part->options.l2 /= static_cast<double>(share);
  part->sample = fmt::format(" on a sample of {} of {} rows", index.size(), n);
  part->complete();
  return std::unique_ptr<Model>(new LinearModel(std::move(part)));
}

std::vector<std::string> LinearModel::notes() const {
  std::vector<std::string> notes;
  if (!data_->remark.empty()) notes.push_back(data_->remark);
  const Vec& w = data_->options.weights;
  if (const Index ignored = arma::accu(w == 0); ignored > 0) notes.push_back(fmt::format("{} rows have weight 0", ignored));
  return notes;
}

const DataMatrix& LinearModel::data() const { return data_->C; }
const Vec& LinearModel::target() const { return data_->y; }
const Loss& LinearModel::loss() const { return *data_->loss; }
bool LinearModel::has_intercept() const { return data_->options.intercept; }
double LinearModel::l2() const { return data_->options.l2; }

Vec LinearModel::margins(const DataMatrix& C, const Vec& theta, const Vec& offset) const {
  check_theta(theta, *data_);
  if (C.cols() != data_->C.cols()) {
    throw InputError(fmt::format("A has {} columns, the model was made with {}.", C.cols(), data_->C.cols()));
  }
  check_offset(offset, C.rows());
  Vec z = C.multiply(theta.head(C.cols()));
  if (has_intercept()) z += theta(C.cols());
  if (!offset.is_empty()) z += offset;
  return z;
}

Vec LinearModel::predict(const DataMatrix& C, const Vec& theta, const Vec& offset) const {
  Vec prediction = margins(C, theta, offset);
  prediction.transform([this](double z) { return loss().mean(z); });
  return prediction;
}

}  // namespace raphson
