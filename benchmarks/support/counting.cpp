#include "benchmarks/support/counting.hpp"

#include <algorithm>

namespace raphson::bench {
namespace {

template <class Real>
class CountedOperator final : public TallOperator<Real> {
 public:
  CountedOperator(std::shared_ptr<const TallOperator<Real>> A, std::shared_ptr<Reads> reads) : A_(std::move(A)), reads_(std::move(reads)) {}

  Index rows() const override { return A_->rows(); }
  Index cols() const override { return A_->cols(); }
  void apply(const Mat<Real>& X, Mat<Real>& Y) const override {
    reads_->products += one;
    A_->apply(X, Y);
  }
  void apply_adjoint(const Mat<Real>& X, Mat<Real>& Y) const override {
    reads_->products += one;
    A_->apply_adjoint(X, Y);
  }
  void apply_normal(const Mat<Real>& X, Mat<Real>& Y) const override {
    reads_->products += one;
    A_->apply_normal(X, Y);
  }
  void gram(Mat<Real>& G) const override {
    reads_->gram += one;
    A_->gram(G);
  }
  void sketch(const Sketch<Real>& S, Mat<Real>& B) const override {
    reads_->sketch += one;
    A_->sketch(S, B);
  }
  void gather_rows(std::span<const Index> index, Mat<Real>& B) const override {
    reads_->sketch += one * static_cast<double>(index.size()) / static_cast<double>(rows());
    A_->gather_rows(index, B);
  }
  void gram_diagonal(Col<Real>& g) const override {
    reads_->sketch += one;
    A_->gram_diagonal(g);
  }
  bool has_sparse_gram() const override { return A_->has_sparse_gram(); }
  void sparse_gram(arma::SpMat<Real>& G) const override {
    reads_->gram += one;
    A_->sparse_gram(G);
  }
  std::shared_ptr<const TallOperator<float>> single() const override {
    const auto narrow = A_->single();
    return narrow ? std::make_shared<CountedOperator<float>>(narrow, reads_) : nullptr;
  }
  std::string non_finite() const override { return A_->non_finite(); }
  OperatorCost cost() const override { return A_->cost(); }

 private:
  static constexpr double one = sizeof(Real) / 8.0;
  std::shared_ptr<const TallOperator<Real>> A_;
  std::shared_ptr<Reads> reads_;
};

class CountedLinearization final : public Linearization {
 public:
  CountedLinearization(std::unique_ptr<Linearization> at, std::shared_ptr<Reads> reads)
      : at_(std::move(at)), matrix_(std::make_shared<CountedOperator<double>>(at_->matrix(), std::move(reads))) {}

  double value() const override { return at_->value(); }
  double value_resolution() const override { return at_->value_resolution(); }
  const Vec& gradient() const override { return at_->gradient(); }
  std::shared_ptr<const Operator> matrix() const override { return matrix_; }
  StepForm step_form() const override { return at_->step_form(); }
  const Vec& right_hand_side() const override { return at_->right_hand_side(); }
  const Vec* penalty() const override { return at_->penalty(); }
  const Vec* least_squares_target() const override { return at_->least_squares_target(); }
  std::optional<PenalizedStep> penalized_step(double damping) const override { return at_->penalized_step(damping); }
  double residual_norm() const override { return at_->residual_norm(); }
  std::string no_minimizer() const override { return at_->no_minimizer(); }

 private:
  std::unique_ptr<Linearization> at_;
  std::shared_ptr<const Operator> matrix_;
};

class CountedLine final : public Line {
 public:
  CountedLine(std::unique_ptr<Line> line, std::shared_ptr<Reads> reads) : line_(std::move(line)), reads_(std::move(reads)) {}
  double value(double t) override { return line_->value(t); }
  std::unique_ptr<Linearization> linearize(double t) override {
    reads_->objective += 1;
    return std::make_unique<CountedLinearization>(line_->linearize(t), reads_);
  }

 private:
  std::unique_ptr<Line> line_;
  std::shared_ptr<Reads> reads_;
};

class CountedModel final : public Model {
 public:
  CountedModel(const Model& model, std::shared_ptr<Reads> reads) : model_(model), reads_(std::move(reads)) {}
  std::string name() const override { return model_.name(); }
  std::string formula() const override { return model_.formula(); }
  Index parameters() const override { return model_.parameters(); }
  double value(const Vec& theta) const override {
    reads_->objective += 1;
    return model_.value(theta);
  }
  std::unique_ptr<Linearization> linearize(const Vec& theta) const override {
    reads_->objective += 1;
    return std::make_unique<CountedLinearization>(model_.linearize(theta), reads_);
  }
  std::unique_ptr<Line> along(const Vec& theta, const Vec& p) const override {
    reads_->objective += 1;
    return std::make_unique<CountedLine>(model_.along(theta, p), reads_);
  }
  Criterion criterion() const override { return model_.criterion(); }
  double gradient_scale() const override { return model_.gradient_scale(); }
  std::vector<std::string> notes() const override { return model_.notes(); }

 private:
  const Model& model_;
  std::shared_ptr<Reads> reads_;
};

}  // namespace

std::unique_ptr<Model> counted(const Model& model, std::shared_ptr<Reads> reads) {
  return std::make_unique<CountedModel>(model, std::move(reads));
}

LinearReport Recorder::solve(const GramSystem& system, Vec& z) {
  rows_.push_back(system.A->rows());
  reports_.push_back(solver_.solve(system, z));
  return reports_.back();
}

Index Recorder::sketch_size() const {
  Index s = 0;
  for (const LinearReport& r : reports_) s = std::max(s, r.sketch_size);
  return s;
}

Index Recorder::builds(Index rows) const {
  const auto counts = [&](Index i) { return rows == 0 || rows_[i] == rows; };
  double longest = 0;
  for (Index i = 0; i < reports_.size(); ++i) longest = counts(i) ? std::max(longest, reports_[i].setup_seconds) : longest;
  Index count = 0;
  for (Index i = 0; i < reports_.size(); ++i) count += counts(i) && reports_[i].setup_seconds > 0.1 * longest;
  return count;
}

Index Recorder::fallbacks() const {
  Index count = 0;
  for (const LinearReport& r : reports_) count += r.fallbacks.size();
  return count;
}

double Recorder::largest_condition() const {
  double largest = std::numeric_limits<double>::quiet_NaN();
  for (const LinearReport& r : reports_)
    if (std::isfinite(r.condition) && !(r.condition <= largest)) largest = r.condition;
  return largest;
}

}  // namespace raphson::bench
