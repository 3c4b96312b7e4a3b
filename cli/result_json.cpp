#include "cli/result_json.hpp"

#include <nlohmann/json.hpp>

namespace raphson::cli {
namespace {

using Json = nlohmann::ordered_json;

Json iteration_json(const Iteration& i) {
  return {{"iteration", i.iteration},
          {"objective", i.objective},
          {"gradient_norm", i.gradient_norm},
          {"relative_gradient", i.relative_gradient},
          {"residual_ratio", i.residual_ratio},
          {"decrement", i.decrement},
          {"step", i.step},
          {"damping", i.damping},
          {"inner_iterations", i.inner_iterations},
          {"inner_residual", i.inner_residual},
          {"inner_tolerance", i.inner_tolerance},
          {"condition", i.condition},
          {"fallback", i.fallback},
          {"seconds", i.seconds}};
}

Json summary_json(const Summary& s, const std::string& asked) {
  Json json = {{"status", to_string(s.status)},
               {"message", s.message},
               {"objective", s.objective},
               {"gradient_norm", s.gradient_norm},
               {"relative_gradient_norm", s.relative_gradient},
               {"iterations", s.iterations},
               {"inner_iterations", s.inner_iterations},
               {"seconds", s.seconds},
               {"solver", {{"asked", asked}, {"used", s.solver_used.empty() ? asked : s.solver_used}, {"reason", s.solver_reason}}},
               {"seed", s.seed},
               {"threads", s.threads}};
  return json;
}

void add_coefficients(Json& json, const LinearModel& model, const Vec& theta) {
  const Index d = model.data().cols();
  json["coefficients"] = std::vector<double>(theta.begin(), theta.begin() + static_cast<std::ptrdiff_t>(d));
  json["intercept"] = model.has_intercept() ? theta(d) : 0.0;
}

/// A number of one output, a list of several.
Json of_outputs(const arma::rowvec& values) {
  return values.n_elem == 1 ? Json(values(0)) : Json(std::vector<double>(values.begin(), values.end()));
}

Json history_json(const Summary& s, bool validated = false) {
  Json history = Json::array();
  for (const Iteration& iteration : s.history) {
    history.push_back(iteration_json(iteration));
    if (validated) history.back()["validation_rmse"] = iteration.held_out;
  }
  return history;
}

std::string text_of(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string fit_json(const Problem& problem, const Summary& summary, const std::string& asked, const Vec& theta) {
  Json json = summary_json(summary, asked);
  if (problem.linear) {
    add_coefficients(json, *problem.linear, theta);
  } else {
    json["coefficients"] = std::vector<double>(theta.begin(), theta.end());
    json["intercept"] = nullptr;
    json["residual_ratio"] = summary.residual_ratio;
    json["train_rmse"] = of_outputs(train_rmse(problem, theta));
    if (problem.validated()) {
      json["validation_rmse"] = of_outputs(validation_rmse(problem, theta));
      json["rows_fitted"] = problem.rows();
      json["rows_validated"] = problem.held_target.n_rows;
    }
  }
  json["history"] = history_json(summary, problem.validated());
  return text_of(json);
}

std::string compare_json(const Problem& problem, const std::vector<ComparedRun>& runs, double best) {
  Json list = Json::array();
  const Summary* first = nullptr;
  for (const ComparedRun& run : runs) {
    if (!run.ran()) {
      list.push_back({{"solver", {{"asked", run.row->name}}}, {"cannot", run.cannot}});
      continue;
    }
    if (!first) first = &run.summary;
    Json json = summary_json(run.summary, run.row->name);
    if (problem.is_network()) json["residual_ratio"] = run.summary.residual_ratio;
    json["predicted_seconds"] = run.predicted();
    json["history"] = history_json(run.summary);
    list.push_back(std::move(json));
  }
  Json json = {{"formula", problem.model().formula()}, {"best_objective", best}};
  if (first) json.update({{"seed", first->seed}, {"threads", first->threads}});
  json["runs"] = std::move(list);
  return text_of(json);
}

std::string path_json(const Problem& problem, const std::string& formula, const std::vector<PathRow>& rows, Index kept_back,
                      std::optional<Index> best, const std::string& asked) {
  Json points = Json::array();
  for (const PathRow& row : rows) {
    Json json = {{"l2", row.point->l2}, {"norm", row.norm}, {"training_loss", row.training}, {"validation_loss", row.validation}};
    json.update(summary_json(row.point->summary, asked));
    for (const char* shared : {"seed", "threads"}) json.erase(shared);
    add_coefficients(json, *problem.linear, row.point->theta);
    points.push_back(std::move(json));
  }
  const Summary& first = rows.front().point->summary;
  Json json = {{"formula", formula},          {"rows_fitted", problem.linear->data().rows()},
               {"rows_kept_back", kept_back}, {"seed", first.seed},
               {"threads", first.threads},    {"best", nullptr}};
  if (best) json["best"] = *best;
  json["points"] = std::move(points);
  return text_of(json);
}

}  // namespace raphson::cli
