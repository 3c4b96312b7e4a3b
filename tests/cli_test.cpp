/// The command line as its users meet it: output, exit status, files, and what it says when something is wrong.

#include <raphson/core/minimize.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/problems/readers.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "support/command.hpp"

using namespace raphson;
using namespace raphson::test;
using Json = nlohmann::json;

namespace {

std::string exact_text(double value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

/// A CSV with a header c0, c1, …, y.
std::string csv(const arma::mat& rows, const Vec& y, bool header = true) {
  std::string text;
  if (header) {
    for (Index j = 0; j < rows.n_cols; ++j) text += "c" + std::to_string(j) + ",";
    text += "y\n";
  }
  for (Index i = 0; i < rows.n_rows; ++i) {
    for (Index j = 0; j < rows.n_cols; ++j) text += exact_text(rows(i, j)) + ",";
    text += exact_text(y(i)) + "\n";
  }
  return text;
}

arma::mat rows_of(const DataMatrix& C) { return C.dense().t(); }

/// 200 x 4 classification, counts and regression files, written once a test.
struct Files {
  Folder folder;
  Generated labels = generate_classification({.rows = 200, .columns = 4, .seed = 3});
  std::string classification = folder.write("labels.csv", csv(rows_of(labels.C), labels.y));
  Generated numbers = generate_regression({.rows = 200, .columns = 4, .seed = 4});
  std::string regression = folder.write("numbers.csv", csv(rows_of(numbers.C), numbers.y));
  Generated events = generate_counts({.rows = 200, .columns = 4, .seed = 5});
  std::string counts = folder.write("counts.csv", csv(rows_of(events.C), events.y));
  std::string amounts = folder.write("amounts.csv", csv(rows_of(events.C), events.y + 0.5));

  /// A badly scaled regression on which a first-order method walks for ever.
  std::string endless() const {
    const Generated hard = generate_regression({.rows = 400, .columns = 20, .scale_span = 1e6, .correlation = 0.9, .seed = 6});
    return folder.write("hard.csv", csv(rows_of(hard.C), hard.y));
  }
};

Json json_of(const std::string& path) { return Json::parse(content(path)); }

std::vector<double> lines_of(const std::string& text) {
  std::vector<double> values;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) values.push_back(std::stod(line));
  return values;
}

std::string columns_of_threads(const Folder& folder, const std::string& data, const std::string& solver, const std::string& threads) {
  const std::string json = folder.path(solver + threads + ".json");
  BOOST_TEST(run({"fit", "logistic", "--data", data, "--l2", "0.1", "--solver", solver, "--threads", threads, "--seed", "5", "--tolerance",
                  "1e-6", "--json", json})
                 .status == 0);
  return json_of(json)["coefficients"].dump() + json_of(json)["intercept"].dump();
}

/// How sparse-cholesky is refused for dense data.
std::string no_sparse_cholesky() {
  return has_sparse_cholesky() ? "sparse-cholesky needs a sparse AᵀA"
                               : "sparse-cholesky(cholmod) is not in this build (RAPHSON_WITH_CHOLMOD=OFF)";
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(fit, Files)

BOOST_AUTO_TEST_CASE(prints_what_a_user_reads_in_order) {
  const Outcome outcome = run({"fit", "logistic", "--data", classification, "--l2", "0.5", "--solver", "exact", "--seed", "7"});
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(outcome.err == "");
  std::size_t at = 0;
  const std::vector<std::string> parts = {"problem   logistic, n = 200, d = 4 (dense f64, ",
                                          "½·0.5·‖x‖²",
                                          "intercept not penalized",
                                          "data      ",
                                          "target 'y'",
                                          "solver    exact",
                                          "needs ",
                                          "run       ",
                                          "thread",
                                          blas_name(),
                                          "seed 7",
                                          "iter",
                                          "objective",
                                          "rel.grad",
                                          "decrement",
                                          "step",
                                          "damping",
                                          "inner (res)",
                                          "sec",
                                          "\n     0  ",
                                          "\n     1  ",
                                          "converged: relative gradient ",
                                          " ≤ ",
                                          " iterations",
                                          "setup",
                                          "solve",
                                          "objective",
                                          "read",
                                          "c0",
                                          "(intercept)",
                                          "no standard errors: penalized fit"};
  for (const std::string& part : parts) {
    const std::size_t found = outcome.out.find(part, at);
    BOOST_TEST((found != std::string::npos), "\"" << part << "\" is missing, or out of order, in:\n" << outcome.out);
    if (found != std::string::npos) at = found;
  }
}

BOOST_AUTO_TEST_CASE(shows_the_choice_of_auto_with_the_figures_that_decide_it) {
  const std::string json = folder.path("auto.json");
  const Outcome outcome = run({"fit", "logistic", "--data", classification, "--l2", "1", "--json", json});
  const std::string used = json_of(json)["solver"]["used"], reason = json_of(json)["solver"]["reason"];
  BOOST_TEST(!reason.empty());
  CHECK_HOLDS(outcome.out, "auto → " + used);
  CHECK_HOLDS(outcome.out, reason);
}

BOOST_AUTO_TEST_CASE(writes_exactly_the_documented_fields) {
  const std::string json = folder.path("fit.json");
  BOOST_TEST(run({"fit", "logistic", "--data", classification, "--l2", "1", "--solver", "exact", "--seed", "9", "--json", json}).status ==
             0);
  const Json result = json_of(json);
  std::vector<std::string> keys;
  for (const auto& [key, value] : result.items()) keys.push_back(key);
  const std::vector<std::string> expected = {
      "coefficients",           "gradient_norm", "history", "inner_iterations", "intercept", "iterations", "message", "objective",
      "relative_gradient_norm", "seconds",       "seed",    "solver",           "status",    "threads"};
  BOOST_TEST(keys == expected, boost::test_tools::per_element());
  BOOST_TEST(result["status"] == "converged");
  BOOST_TEST(result["solver"]["asked"] == "exact");
  BOOST_TEST(result["solver"]["used"] == "exact");
  BOOST_TEST(result["solver"].contains("reason"));
  BOOST_TEST(result["seed"] == 9);
  BOOST_TEST(result["relative_gradient_norm"].get<double>() <= 1e-8);
  BOOST_TEST(result["coefficients"].size() == 4u);
  BOOST_TEST(result["history"].size() == result["iterations"].get<std::size_t>() + 1);
  BOOST_TEST(result["history"][0]["decrement"].is_null());  // not a number is null
  for (const char* key : {"iteration", "objective", "gradient_norm", "relative_gradient", "residual_ratio", "decrement", "step", "damping",
                          "inner_iterations", "inner_residual", "inner_tolerance", "condition", "fallback", "seconds"})
    BOOST_TEST(result["history"][0].contains(key), key);

  // The numbers are those of the library: same model, same minimizer.
  const LinearModel model(labels.C, labels.y, logistic_loss(), {.l2 = 1});
  Vec theta(5);
  for (Index j = 0; j < 4; ++j) theta(j) = result["coefficients"][j];
  theta(4) = result["intercept"];
  BOOST_TEST(model.value(theta) == result["objective"].get<double>(), boost::test_tools::tolerance(1e-13));
  BOOST_TEST(arma::norm(model.linearize(theta)->gradient()) <= 1e-7 * model.gradient_scale());
}

BOOST_AUTO_TEST_CASE(reaches_the_same_minimizer_by_every_solver) {
  for (const char* solver : {"auto", "exact", "preconditioned-cg", "preconditioned-gd", "least-squares", "cg", "jacobi-cg",
                             "sketch-and-solve", "lbfgs", "gradient-descent", "adaptive-gradient"}) {
    const std::string json = folder.path("one.json");
    const Outcome outcome = run({"fit", "logistic", "--data", classification, "--l2", "1", "--solver", solver, "--tolerance", "1e-6",
                                 "--max-iterations", "5000", "--json", json});
    BOOST_TEST(outcome.status == 0, solver << ":\n" << outcome.out << outcome.err);
    const LinearModel model(labels.C, labels.y, logistic_loss(), {.l2 = 1});
    Vec best(5, arma::fill::zeros);
    Exact exact;
    const double optimum = minimize(model, exact, best, {.tolerance = 1e-12}).objective;
    BOOST_TEST(json_of(json)["objective"].get<double>() == optimum, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(json_of(json)["solver"]["asked"] == solver);
  }
}

BOOST_AUTO_TEST_CASE(passes_sketch_options_on) {
  for (const char* sketch : {"gaussian", "srht", "count-sketch", "sparse-sign", "uniform-rows", "norm-rows", "leverage-rows"})
    for (const char* precision : {"f64", "f32", "i8"}) {
      const Outcome outcome =
          run({"fit", "logistic", "--data", classification, "--l2", "1", "--solver", "preconditioned-cg", "--sketch", sketch,
               "--sketch-size", "60", "--precision", precision, "--factor", "qr", "--reuse", "while-contracting"});
      BOOST_TEST(outcome.status == 0, sketch << ":\n" << outcome.out << outcome.err);
    }
  const Outcome noted = run({"fit", "logistic", "--data", classification, "--l2", "1", "--solver", "exact", "--sketch", "srht"});
  BOOST_TEST(noted.status == 0);
  CHECK_HOLDS(noted.out, "exact has no sketch: --sketch not used");
}

BOOST_AUTO_TEST_CASE(status_1_still_writes_the_result) {
  const std::string json = folder.path("short.json"), model = folder.path("short.model");
  const Outcome outcome = run({"fit", "logistic", "--data", classification, "--l2", "1e-6", "--max-iterations", "1", "--solver", "exact",
                               "--json", json, "--save", model});
  BOOST_TEST(outcome.status == 1);
  BOOST_TEST(json_of(json)["status"] == "iteration_limit");
  BOOST_TEST(json_of(json)["iterations"] == 1);
  BOOST_TEST(json_of(model)["status"] == "iteration_limit");
  CHECK_HOLDS(outcome.out, "iteration limit of 1");
}

BOOST_AUTO_TEST_CASE(time_limit_ends_a_fit) {
  const std::string json = folder.path("time.json");
  const Outcome outcome = run({"fit", "squared", "--data", endless(), "--solver", "adaptive-gradient", "--max-iterations", "2000000000",
                               "--tolerance", "1e-14", "--time-limit", "0.2", "--json", json});
  BOOST_TEST(outcome.status == 1);
  BOOST_TEST(json_of(json)["status"] == "time_limit");
  BOOST_TEST(json_of(json)["seconds"].get<double>() >= 0.2);
}

BOOST_AUTO_TEST_CASE(ctrl_c_ends_a_fit_and_keeps_its_result) {
  const std::string json = folder.path("cut.json"), model = folder.path("cut.model");
  Command command({"fit", "squared", "--data", endless(), "--solver", "adaptive-gradient", "--max-iterations", "2000000000", "--tolerance",
                   "1e-14", "--json", json, "--save", model});
  command.wait_for("\n    20  ");
  command.signal(SIGINT);
  const Outcome outcome = command.wait();
  BOOST_TEST(outcome.status == 1);
  BOOST_TEST(json_of(json)["status"] == "interrupted");
  BOOST_TEST(json_of(model)["coefficients"].size() == 20u);
  CHECK_HOLDS(outcome.out, "interrupted");
}

BOOST_AUTO_TEST_CASE(ctrl_c_twice_kills_and_leaves_nothing_behind) {
  Command command({"compare", "squared", "--data", endless(), "--solvers", "adaptive-gradient,exact", "--max-iterations", "2000000000",
                   "--tolerance", "1e-14", "--json", folder.path("killed.json")});
  command.wait_for("run  ");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  command.signal(SIGINT);
  command.signal(SIGINT);
  const Outcome outcome = command.wait();
  BOOST_TEST((outcome.status == 128 + SIGINT || outcome.status == 1));  // 1: it was quicker than the second
  for (const std::string& name : folder.files()) BOOST_TEST(!name.ends_with(".part"), name);
}

BOOST_AUTO_TEST_CASE(a_reader_that_leaves_does_not_cost_the_result) {
  const std::string json = folder.path("pipe.json");
  const std::string line =
      std::string(RAPHSON_CLI) + " fit logistic --l2 1 --data '" + classification + "' --json '" + json + "' | head -n 1 >/dev/null";
  BOOST_TEST(std::system(line.c_str()) == 0);
  for (int wait = 0; wait < 12000 && !std::filesystem::exists(json); ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  BOOST_TEST_REQUIRE(std::filesystem::exists(json));
  BOOST_TEST(json_of(json)["status"] == "converged");
  const Outcome streamed = run({"fit", "logistic", "--l2", "1", "--data", classification, "--quiet", "--json", "/dev/stdout"});
  BOOST_TEST(Json::parse(streamed.out)["status"] == "converged");
}

BOOST_AUTO_TEST_CASE(quiet_prints_nothing) {
  const std::string json = folder.path("quiet.json");
  const Outcome outcome = run({"fit", "logistic", "--data", classification, "--l2", "1", "--quiet", "--json", json});
  BOOST_TEST(outcome.status == 0);
  BOOST_TEST(outcome.out == "");
  BOOST_TEST(outcome.err == "");
  BOOST_TEST(json_of(json)["status"] == "converged");
}

BOOST_AUTO_TEST_CASE(a_pipe_sees_no_progress_and_no_escape_codes) {
  const std::vector<std::string> slow = {"compare",          "squared",    "--data",      endless(), "--solvers",    "adaptive-gradient",
                                         "--max-iterations", "2000000000", "--tolerance", "1e-14",   "--time-limit", "2.5"};
  const Outcome piped = run(slow, {"TERM=xterm"});
  BOOST_TEST(!holds(piped.out + piped.err, "\033"));
  BOOST_TEST(!holds(piped.out + piped.err, "\r"));

  const std::string seen = seen_on_a_terminal(slow);
  CHECK_HOLDS(seen, "\r\033[Kadaptive-gradient: iteration ");
}

BOOST_AUTO_TEST_CASE(same_bits_for_any_number_of_threads) {
  const Generated wide = generate_classification({.rows = 3000, .columns = 30, .correlation = 0.5, .seed = 8});
  const std::string data = folder.write("wide.csv", csv(rows_of(wide.C), wide.y));
  for (const char* solver : {"exact", "preconditioned-cg", "cg", "sketch-and-solve", "lbfgs"}) {
    const std::string one = columns_of_threads(folder, data, solver, "1");
    BOOST_TEST(one == columns_of_threads(folder, data, solver, "4"), solver);
  }
}

BOOST_AUTO_TEST_CASE(standard_errors_agree_with_the_textbook) {
  // y = 1 + 2x + noise: the formulas of simple regression.
  const Vec x = {1, 2, 3, 4, 5, 6}, y = {3.1, 4.9, 7.2, 8.8, 11.1, 12.9};
  const std::string data = folder.write("line.csv", csv(arma::mat(x), y));
  const Outcome outcome = run({"fit", "squared", "--data", data, "--solver", "exact", "--tolerance", "1e-12"});
  BOOST_TEST(outcome.status == 0);
  const double sxx = arma::accu(arma::square(x - arma::mean(x)));
  const double slope = arma::dot(x - arma::mean(x), y) / sxx, intercept = arma::mean(y) - slope * arma::mean(x);
  const double s = std::sqrt(arma::accu(arma::square(y - intercept - slope * x)) / 4);
  char row[100];
  std::snprintf(row, sizeof row, "%14.7g  %12.5g  %9.3f", slope, s / std::sqrt(sxx), slope / (s / std::sqrt(sxx)));
  CHECK_HOLDS(outcome.out, row);
  const double error = s * std::sqrt(1.0 / 6 + arma::mean(x) * arma::mean(x) / sxx);
  std::snprintf(row, sizeof row, "%14.7g  %12.5g  %9.3f", intercept, error, intercept / error);
  CHECK_HOLDS(outcome.out, row);
  std::snprintf(row, sizeof row, "residual standard error %.6g on 4 degrees of freedom", s);
  CHECK_HOLDS(outcome.out, row);
}

BOOST_AUTO_TEST_CASE(p_values_follow_student) {
  // A slope whose t value on 1 degree of freedom is √3 has p = 1/3 exactly: P(|t₁| > √3) = 1 − 2·arctan(√3)/π.
  const double e = 1.0 / 3;  // x = −1, 0, 1 with residuals e·(1, −2, 1): s² = 6e², error s/√2
  const Vec x = {-1, 0, 1}, y = {-1 + e, -2 * e, 1 + e};
  const Outcome outcome = run({"fit", "squared", "--data", folder.write("p.csv", csv(arma::mat(x), y)), "--solver", "exact"});
  CHECK_HOLDS(outcome.out, "    1.732      0.333");
}

BOOST_AUTO_TEST_CASE(standard_errors_of_two_groups_are_known_in_closed_form) {
  // Logistic on a 2 x 2 table: the log odds ratio has variance 1/a + 1/b + 1/c + 1/d; 8 of 20 against 15 of 20.
  std::string table = "x,y\n";
  for (int i = 0; i < 40; ++i) table += std::string(i < 20 ? "0," : "1,") + ((i < 8 || (i >= 20 && i < 35)) ? "1\n" : "0\n");
  char row[100];
  const double ratio = std::log((15.0 / 5) / (8.0 / 12)), error = std::sqrt(1.0 / 8 + 1.0 / 12 + 1.0 / 15 + 1.0 / 5);
  std::snprintf(row, sizeof row, "%14.7g  %12.5g  %9.3f  %9.3g", ratio, error, ratio / error, std::erfc(ratio / error / std::sqrt(2)));
  CHECK_HOLDS(run({"fit", "logistic", "--data", folder.write("table.csv", table), "--solver", "exact", "--tolerance", "1e-12"}).out, row);
  // Poisson: the log ratio of means has variance 1/Σy₀ + 1/Σy₁.
  std::string groups = "x,y\n0,2\n0,3\n0,5\n1,7\n1,9\n1,4\n";
  const double log_ratio = std::log(20.0 / 10), deviation = std::sqrt(1.0 / 10 + 1.0 / 20);
  std::snprintf(row, sizeof row, "%14.7g  %12.5g  %9.3f", log_ratio, deviation, log_ratio / deviation);
  const Outcome poisson =
      run({"fit", "poisson", "--data", folder.write("groups.csv", groups), "--solver", "exact", "--tolerance", "1e-12"});
  CHECK_HOLDS(poisson.out, row);
  CHECK_HOLDS(poisson.out, "dispersion 1");
}

BOOST_AUTO_TEST_CASE(no_standard_errors_where_they_would_be_wrong) {
  CHECK_HOLDS(run({"fit", "huber", "--data", regression}).out, "standard errors: not computed (huber is not a likelihood)");
  CHECK_HOLDS(run({"fit", "quantile", "--data", regression}).out, "standard errors: not computed (quantile is not a likelihood)");
  CHECK_HOLDS(run({"fit", "squared-hinge", "--data", classification}).out,
              "standard errors: not computed (squared-hinge is not a likelihood)");
  CHECK_HOLDS(run({"fit", "gamma", "--data", amounts}).out, "standard errors: not computed (the dispersion of gamma is not estimated)");
  CHECK_HOLDS(run({"fit", "poisson", "--data", counts, "--max-iterations", "1"}).out,
              "standard errors: not computed (the fit did not converge)");
  arma::mat twice = rows_of(numbers.C);
  twice.col(3) = 2 * twice.col(1);
  const Outcome deficient = run({"fit", "squared", "--data", folder.write("twice.csv", csv(twice, numbers.y)), "--solver", "exact"});
  BOOST_TEST(deficient.status == 0);
  CHECK_HOLDS(deficient.out, "standard errors: not computed (the Hessian is singular");
  CHECK_HOLDS(deficient.out, "rank 4 of 5");  // the note of USERS.md's table
}

BOOST_AUTO_TEST_CASE(weights_count_as_repeated_rows) {
  arma::mat rows = rows_of(events.C).head_rows(60);
  const Vec y = events.y.head(60);
  Vec w(60, arma::fill::ones);
  w(3) = 2;
  w(10) = 3;
  arma::mat repeated = rows;
  Vec repeated_y = y;
  for (const Index i : {3u, 10u, 10u}) {
    repeated.insert_rows(repeated.n_rows, rows.row(i));
    repeated_y.insert_rows(repeated_y.n_elem, Vec{y(i)});
  }
  const std::string weighted = folder.write("weighted.csv", csv(arma::join_rows(rows, w), y));
  const std::string a = folder.path("a.json"), b = folder.path("b.json");
  BOOST_TEST(
      run({"fit", "poisson", "--data", weighted, "--weights", "c4", "--tolerance", "1e-12", "--solver", "exact", "--json", a}).status == 0);
  BOOST_TEST(run({"fit", "poisson", "--data", folder.write("repeated.csv", csv(repeated, repeated_y)), "--tolerance", "1e-12", "--solver",
                  "exact", "--json", b})
                 .status == 0);
  for (Index j = 0; j < 4; ++j)
    BOOST_TEST(json_of(a)["coefficients"][j].get<double>() == json_of(b)["coefficients"][j].get<double>(),
               boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(trains_a_network_and_states_what_was_done_to_the_data) {
  const std::string json = folder.path("net.json");
  const Outcome outcome = run({"fit", "relu", "--data", regression, "--width", "512", "--seed", "2", "--json", json});
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  for (const char* part : {"width 512: 2560 parameters", "columns standardized", "constant feature", "unit norm", "target standardized",
                           "residual ratio", "residual"})
    CHECK_HOLDS(outcome.out, part);
  const Json result = json_of(json);
  BOOST_TEST(result["residual_ratio"].get<double>() <= 1e-8);
  BOOST_TEST(result["train_rmse"].get<double>() <= 1e-7 * arma::stddev(numbers.y));
  BOOST_TEST(result["coefficients"].size() == 512u * 5u);
  BOOST_TEST(result["intercept"].is_null());

  const Outcome bare =
      run({"fit", "relu", "--data", regression, "--width", "16", "--activation", "softplus", "--no-standardize-columns",
           "--no-constant-feature", "--no-unit-rows", "--no-standardize-target", "--no-continuation", "--max-iterations", "2"});
  BOOST_TEST(bare.status == 1);
  BOOST_TEST(!holds(bare.out, "columns standardized,"));
  CHECK_HOLDS(bare.out, "width 16: 64 parameters");
}

BOOST_AUTO_TEST_CASE(chooses_a_width_and_says_why) {
  const std::string model = folder.path("chosen.json");
  for (const bool given : {false, true}) {
    std::vector<std::string> line{"fit", "relu", "--data", regression, "--save", model, "--max-iterations", "1"};
    if (given) line.insert(line.end(), {"--width", "auto"});
    const Outcome outcome = run(line);
    CHECK_HOLDS(outcome.out, "width 1024 (");
    CHECK_HOLDS(outcome.out, " weights a row): 5120 parameters");
    BOOST_TEST(json_of(model)["width"].get<Index>() == 1024u);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(predict, Files)

BOOST_AUTO_TEST_CASE(round_trip_gives_the_fit_s_own_predictions) {
  struct Case {
    std::string loss, data, model;
    const Generated& source;
    std::shared_ptr<const Loss> of;
  };
  Generated positive = events;
  positive.y += 0.5;
  for (const Case& c :
       {Case{"logistic", classification, "m.json", labels, logistic_loss()}, Case{"poisson", counts, "m.json.gz", events, poisson_loss()},
        Case{"squared", regression, "m2.json", numbers, squared_loss()}, Case{"gamma", amounts, "m3.json", positive, gamma_loss()},
        Case{"squared-hinge", classification, "m4.json", labels, squared_hinge_loss()},
        Case{"quantile", regression, "m5.json", numbers, quantile_loss(0.8, 0.05)}}) {
    const std::string json = folder.path("fit.json"), model = folder.path(c.model);
    std::vector<std::string> fit = {"fit", c.loss, "--data", c.data, "--l2", "0.1", "--json", json, "--save", model};
    if (c.loss == "quantile") fit.insert(fit.end(), {"--quantile", "0.8", "--smoothing", "0.05"});
    BOOST_TEST(run(fit).status == 0);
    const Json result = json_of(json);
    Vec theta(5);
    for (Index j = 0; j < 4; ++j) theta(j) = result["coefficients"][j];
    theta(4) = result["intercept"];
    const LinearModel in_library(c.source.C, c.source.y, c.of, {.l2 = 0.1});
    // The loss and its settings have arrived: the library's own model has no gradient there.
    BOOST_TEST(arma::norm(in_library.linearize(theta)->gradient()) <= 1.01e-8 * in_library.gradient_scale(), c.loss);
    const Vec expected = in_library.predict(c.source.C, theta);
    const Outcome outcome = run({"predict", "--model", model, "--data", c.data});
    BOOST_TEST(outcome.status == 0, outcome.err);
    const std::vector<double> got = lines_of(outcome.out);
    BOOST_TEST(got == std::vector<double>(expected.begin(), expected.end()), boost::test_tools::per_element());
  }
  BOOST_TEST(content(folder.path("m.json.gz")).substr(0, 2) == "\x1f\x8b");
}

BOOST_AUTO_TEST_CASE(reports_errors_in_the_terms_of_the_loss) {
  const auto fit_and_predict = [&](std::vector<std::string> fit, const std::string& data, std::vector<std::string> more) {
    const std::string model = folder.path("m.json");
    fit.insert(fit.begin(), "fit");
    fit.insert(fit.end(), {"--data", data, "--l2", "0.1", "--save", model, "--quiet"});
    BOOST_TEST(run(fit).status == 0);
    more.insert(more.begin(), {"predict", "--model", model, "--data", data, "--target", "y"});
    return run(more);
  };
  const Outcome hinge = fit_and_predict({"squared-hinge"}, classification, {"--type", "label"});
  BOOST_TEST(hinge.status == 0, hinge.err);
  const std::vector<double> said = lines_of(hinge.out);
  BOOST_REQUIRE(said.size() == 200u);
  Index right = 0;
  for (Index i = 0; i < 200; ++i) right += said[i] == labels.y(i) ? 1 : 0;
  BOOST_TEST(right > 120u);
  CHECK_HOLDS(hinge.err, "(" + std::to_string(right) + " of 200), squared hinge loss ");

  const Outcome quantile = fit_and_predict({"quantile", "--quantile", "0.8", "--smoothing", "0.01"}, regression, {});
  const std::vector<double> fitted = lines_of(quantile.out);
  BOOST_REQUIRE(fitted.size() == 200u);
  Index below = 0;
  for (Index i = 0; i < 200; ++i) below += numbers.y(i) < fitted[i] ? 1 : 0;
  BOOST_TEST((below >= 150u && below <= 170u), below);
  CHECK_HOLDS(quantile.err, "a row at 0.8, ");

  CHECK_HOLDS(fit_and_predict({"gamma"}, amounts, {}).err, "deviance ");
  refuses({"predict", "--model", folder.path("m.json"), "--data", amounts, "--type", "label"},
          "--type label is for logistic and squared-hinge, not for gamma.");
}

BOOST_AUTO_TEST_CASE(a_network_predicts_what_it_was_trained_to) {
  const std::string model = folder.path("net.json");
  BOOST_TEST(run({"fit", "relu", "--data", regression, "--width", "512", "--save", model, "--quiet"}).status == 0);
  const std::vector<double> got = lines_of(run({"predict", "--model", model, "--data", regression}).out);
  BOOST_REQUIRE(got.size() == 200u);
  for (Index i = 0; i < 200; ++i) BOOST_TEST(std::abs(got[i] - numbers.y(i)) <= 1e-6);
}

BOOST_AUTO_TEST_CASE(a_network_of_several_hidden_layers_predicts_what_it_was_trained_to) {
  const std::string model = folder.path("deep.json"), json = folder.path("fit.json");
  const Outcome fitted = run({"fit", "relu", "--data", regression, "--width", "96,64", "--seed", "4", "--save", model, "--json", json});
  BOOST_TEST(fitted.status == 0, fitted.out << fitted.err);
  CHECK_HOLDS(fitted.out, "width 96,64: 6624 parameters");  // 5·96 + 96·64
  BOOST_TEST(json_of(json)["train_rmse"].get<double>() <= 1e-7 * arma::stddev(numbers.y));
  const std::vector<double> got = lines_of(run({"predict", "--model", model, "--data", regression}).out);
  BOOST_REQUIRE(got.size() == 200u);
  for (Index i = 0; i < 200; ++i) BOOST_TEST(std::abs(got[i] - numbers.y(i)) <= 1e-6);

  const auto spoiled = [&](const auto& spoil) {
    Json saved = json_of(model);
    spoil(saved);
    return std::vector<std::string>{"predict", "--model", folder.write("spoiled.json", saved.dump()), "--data", regression};
  };
  refuses(spoiled([](Json& saved) { saved["widths"] = {96, 0}; }), "a hidden layer has no neurons");
  refuses(spoiled([](Json& saved) { saved["widths"] = {96, 65}; }), "signs are missing");
  refuses(spoiled([](Json& saved) { saved["widths"] = {95, 64}; }), "weights are missing");
  refuses(spoiled([](Json& saved) { saved["seed"] = 5; }), "its signs do not follow from its seed");
}

BOOST_AUTO_TEST_CASE(finds_columns_by_name_and_reports_errors_on_a_target) {
  const std::string model = folder.path("m.json");
  BOOST_TEST(run({"fit", "logistic", "--data", classification, "--l2", "1", "--save", model}).status == 0);
  const std::string plain = run({"predict", "--model", model, "--data", classification}).out;
  // Columns in another order, one more, and no target.
  arma::mat shuffled = rows_of(labels.C).cols(arma::uvec{2, 0, 3, 1});
  std::string text = "c2,c0,extra,c3,c1\n";
  for (Index i = 0; i < shuffled.n_rows; ++i) {
    text += exact_text(shuffled(i, 0)) + "," + exact_text(shuffled(i, 1)) + ",7," + exact_text(shuffled(i, 2)) + "," +
            exact_text(shuffled(i, 3)) + "\n";
  }
  BOOST_TEST(run({"predict", "--model", model, "--data", folder.write("shuffled.csv", text)}).out == plain);

  const std::string output = folder.path("p.txt");
  const Outcome reported = run({"predict", "--model", model, "--data", classification, "--target", "y", "--output", output});
  BOOST_TEST(reported.status == 0);
  BOOST_TEST(content(output) == plain);
  double right = 0;
  const std::vector<double> p = lines_of(plain);
  for (Index i = 0; i < 200; ++i) right += (p[i] >= 0.5) == (labels.y(i) > 0);
  char accuracy[60];
  std::snprintf(accuracy, sizeof accuracy, "accuracy %.4f (%g of 200)", right / 200, right);
  CHECK_HOLDS(reported.out, accuracy);
  const Outcome classes = run({"predict", "--model", model, "--data", classification, "--type", "label"});
  const std::vector<double> label = lines_of(classes.out);
  BOOST_TEST(std::ranges::all_of(label, [](double v) { return v == 1 || v == -1; }));
}

BOOST_AUTO_TEST_CASE(keeps_the_classes_of_a_text_target) {
  std::string text = "c0,c1,y\n";
  for (Index i = 0; i < 60; ++i)
    text += exact_text(labels.C.at(i, 0)) + "," + exact_text(labels.C.at(i, 1)) + (labels.y(i) > 0 ? ",yes\n" : ",no\n");
  const std::string data = folder.write("text.csv", text), model = folder.path("text.json");
  BOOST_TEST(run({"fit", "logistic", "--data", data, "--l2", "1", "--save", model}).status == 0);
  const Outcome outcome = run({"predict", "--model", model, "--data", data, "--type", "label"});
  BOOST_TEST(outcome.status == 0, outcome.err);
  BOOST_TEST((outcome.out.starts_with("yes\n") || outcome.out.starts_with("no\n")));
}

BOOST_AUTO_TEST_CASE(remembers_which_columns_were_left_out) {
  std::string with = "id,c0,c1,y\n", without = "c0,c1\n";
  for (Index i = 0; i < 60; ++i) {
    const std::string features = exact_text(numbers.C.at(i, 0)) + "," + exact_text(numbers.C.at(i, 1));
    with += "row" + std::to_string(i) + "," + features + "," + exact_text(numbers.y(i)) + "\n";
    without += features + "\n";
  }
  const std::string data = folder.write("with.csv", with), model = folder.path("m.json");
  BOOST_TEST(run({"fit", "squared", "--data", data, "--ignore", "id", "--save", model}).status == 0);
  const Outcome same = run({"predict", "--model", model, "--data", data});
  BOOST_TEST(same.status == 0, same.err);
  BOOST_TEST(lines_of(same.out).size() == 60u);
  CHECK_HOLDS(same.err, "RMSE");
  BOOST_TEST(run({"predict", "--model", model, "--data", folder.write("without.csv", without)}).out == same.out);
}

BOOST_AUTO_TEST_CASE(libsvm_columns_and_labels_come_from_the_model) {
  const std::string train = folder.write("a.svm", "1 1:1 5:2\n-1 2:1\n1 1:2 3:1\n-1 2:2 5:1\n"), model = folder.path("a.model");
  BOOST_TEST(run({"fit", "logistic", "--data", train, "--l2", "1", "--save", model}).status == 0);
  const Outcome outcome = run({"predict", "--model", model, "--data", folder.write("b.svm", "1 1:1\n-1 2:1\n")});
  BOOST_TEST(outcome.status == 0, outcome.err);
  BOOST_TEST(lines_of(outcome.out).size() == 2u);
  CHECK_HOLDS(outcome.err, "accuracy 1.0000 (2 of 2)");
  refuses({"predict", "--model", model, "--data", folder.write("c.svm", "1 9:1\n")}, "has 9 columns, the model was trained on 5");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_not_its_model) {
  const std::string model = folder.path("m.json");
  BOOST_TEST(run({"fit", "logistic", "--data", classification, "--l2", "1", "--save", model}).status == 0);
  const std::string text = content(model);
  const auto load = [&](const std::string& path) { return std::vector<std::string>{"predict", "--model", path, "--data", classification}; };
  refuses(load(folder.path("none.json")), "none.json: cannot read: No such file");
  refuses(load(folder.write("cut.json", text.substr(0, text.size() / 2))), "cut.json is not a Raphson model: no JSON after byte");
  refuses(load(folder.write("empty.json", "")), "empty.json is not a Raphson model");
  refuses(load(folder.write("foreign.json", "{\"a\": 1}")), "foreign.json is not a Raphson model: it does not say that it is one");
  refuses(load(folder.write("list.json", "[1, 2]")), "list.json is not a Raphson model");
  refuses(load(classification), "--data and --model are both");
  refuses(load(regression), "numbers.csv is not a Raphson model");
  Json changed = Json::parse(text);
  changed["coefficients"].erase(0);
  refuses(load(folder.write("short.json", changed.dump())), "the number of coefficients is not the number of columns");
  changed = Json::parse(text);
  changed["coefficients"][0] = nullptr;
  refuses(load(folder.write("null.json", changed.dump())), "null.json is not a Raphson model");
  changed = Json::parse(text);
  changed["version"] = 99;
  refuses(load(folder.write("new.json", changed.dump())), "another version (99)");
  BOOST_TEST(run({"fit", "logistic", "--data", classification, "--l2", "1", "--save", folder.path("m.gz"), "--quiet"}).status == 0);
  const std::string packed = content(folder.path("m.gz"));
  refuses(load(folder.write("cut.gz", packed.substr(0, packed.size() / 2))), "cut.gz is not a Raphson model: its compression is broken");
  refuses({"predict", "--model", model, "--data", folder.write("few.csv", "c0,c1\n1,2\n")}, "has no column 'c2', which the model needs");
  refuses({"predict", "--model", model, "--data", folder.write("bare.csv", "1,2\n1,2\n")}, "has 2 columns, the model was trained on 4");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(compare, Files)

BOOST_AUTO_TEST_CASE(sets_solvers_side_by_side) {
  const std::string json = folder.path("c.json");
  const Outcome outcome = run({"compare", "logistic", "--data", classification, "--l2", "1", "--solvers",
                               "exact,sparse-cholesky,preconditioned-cg,lbfgs", "--tolerance", "1e-8", "--json", json});
  BOOST_TEST(outcome.status == 0, outcome.err);
  CHECK_HOLDS(outcome.out, "sparse-cholesky    cannot: " + no_sparse_cholesky());
  const Json result = json_of(json);
  BOOST_TEST(result["runs"].size() == 4u);
  BOOST_TEST(result["runs"][1].contains("cannot"));
  BOOST_TEST(result["runs"][0]["predicted_seconds"].get<double>() > 0);
  BOOST_TEST(result["runs"][3]["predicted_seconds"].is_null());  // nothing is predicted for first-order methods
  const double best = result["best_objective"];
  double least = INFINITY;
  for (const std::size_t r : {0u, 2u, 3u}) {
    BOOST_TEST(result["runs"][r]["status"] == "converged");
    BOOST_TEST(result["runs"][r]["objective"].get<double>() == best, boost::test_tools::tolerance(1e-10));
    least = std::min(least, result["runs"][r]["objective"].get<double>());
  }
  BOOST_TEST(least == best);
}

BOOST_AUTO_TEST_CASE(draws_a_picture_and_survives_without_gnuplot) {
  const std::string svg = folder.path("it's a plot.svg");
  const std::vector<std::string> arguments = {"compare", "logistic",  "--data",   classification, "--l2",
                                              "1",       "--solvers", "exact,cg", "--plot",       svg};
  const Outcome bare = run(arguments, {"PATH=/nowhere"});
  BOOST_TEST(bare.status == 0);
  CHECK_HOLDS(bare.err, "no picture: gnuplot is not installed");
  CHECK_HOLDS(bare.out, "\ncg ");
  BOOST_TEST(!std::filesystem::exists(svg));
  if (std::system("command -v gnuplot >/dev/null") != 0) return;
  const Outcome outcome = run(arguments);
  BOOST_TEST(outcome.status == 0, outcome.err);
  const std::string picture = content(svg);
  for (const char* part : {"<svg", "</svg>", "exact", "seconds", "iterations", "objective gap"}) CHECK_HOLDS(picture, part);
  BOOST_TEST(folder.files().size() == 5u);  // four data files and the picture: nothing temporary is left
}

BOOST_AUTO_TEST_CASE(exit_status_says_whether_anything_converged) {
  BOOST_TEST(run({"compare", "logistic", "--data", classification, "--l2", "1", "--solvers", "exact, gradient-descent", "--max-iterations",
                  "12", "--tolerance", "1e-10"})
                 .status == 0);
  BOOST_TEST(run({"compare", "logistic", "--data", classification, "--l2", "1", "--solvers", "gradient-descent", "--max-iterations", "2"})
                 .status == 1);
  refuses({"compare", "logistic", "--data", classification, "--solvers", "sparse-cholesky"},
          "no solver could run: " + no_sparse_cholesky());
  refuses({"compare", "logistic", "--data", classification, "--solvers", "exact,exact"}, "names exact twice");
  refuses({"compare", "logistic", "--data", classification, "--solvers", "newton"}, "unknown solver 'newton'");
  refuses({"compare", "logistic", "--data", classification, "--plot", "x.jpg"}, "must end in .svg, .png or .pdf");
}

BOOST_AUTO_TEST_CASE(compares_networks_by_their_residual) {
  const std::string json = folder.path("c.json");
  const Outcome outcome =
      run({"compare", "relu", "--data", regression, "--width", "256", "--solvers", "exact,preconditioned-cg", "--json", json});
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  const Json compared = json_of(json);
  BOOST_TEST(compared["runs"].size() == 2u);
  for (const Json& one : compared["runs"]) BOOST_TEST(one["residual_ratio"].get<double>() <= 1e-8);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(path, Files)

BOOST_AUTO_TEST_CASE(prints_one_line_a_penalty_and_saves_the_best) {
  const std::string json = folder.path("p.json"), model = folder.path("p.model");
  const Outcome outcome = run({"path", "logistic", "--data", classification, "--l2-max", "100", "--l2-min", "0.01", "--points", "5",
                               "--validation", "0.25", "--seed", "3", "--json", json, "--save", model});
  BOOST_TEST(outcome.status == 0, outcome.err);
  for (const char* part :
       {"½·μ·‖x‖², intercept not penalized", "μ from 100 down to 0.01, 5 points, each 0.1 times the one before; 50 of 200 rows kept back",
        "n = 150, d = 4", "\n       100  ", "\n      0.01  ", "training", "validation", "5 of 5 points converged", "best      l2 = "})
    CHECK_HOLDS(outcome.out, part);
  const Json result = json_of(json);
  BOOST_TEST(result["rows_fitted"] == 150);
  BOOST_TEST(result["rows_kept_back"] == 50);
  BOOST_REQUIRE(result["points"].size() == 5u);
  const std::size_t best = result["best"];
  for (const Json& point : result["points"]) {
    BOOST_TEST(point["status"] == "converged");
    BOOST_TEST(point["validation_loss"].get<double>() >= result["points"][best]["validation_loss"].get<double>());
  }
  const Json saved = json_of(model);
  BOOST_TEST(saved["l2"] == result["points"][best]["l2"]);
  BOOST_TEST(saved["coefficients"] == result["points"][best]["coefficients"]);
  BOOST_TEST(run({"predict", "--model", model, "--data", classification, "--type", "label"}).status == 0);
}

BOOST_AUTO_TEST_CASE(losses_a_row_are_those_of_the_rows_named) {
  // Rows (±1, ±3) say all the same, so that any draw will do.
  const std::string json = folder.path("p.json");
  arma::mat rows(200, 1, arma::fill::zeros);
  Vec y(200);
  for (Index i = 0; i < 200; ++i) {
    rows(i, 0) = i % 2 ? 1 : -1;
    y(i) = 3 * rows(i, 0);
  }
  const std::string data = folder.write("lines.csv", csv(rows, y));
  BOOST_TEST(run({"path", "squared", "--data", data, "--no-intercept", "--l2-max", "200", "--l2-min", "50", "--points", "3", "--validation",
                  "0.5", "--json", json})
                 .status == 0);
  const Json result = json_of(json);  // outlives the loop over a part of it
  BOOST_TEST(result["points"].size() == 3u);
  for (const Json& point : result["points"]) {
    // 100 rows are fitted: x = 300/(100 + μ), and each row loses ½(x − 3)².
    const double x = 300 / (100 + point["l2"].get<double>()), loss = 0.5 * (x - 3) * (x - 3);
    BOOST_TEST(point["norm"].get<double>() == x, boost::test_tools::tolerance(1e-8));
    BOOST_TEST(point["training_loss"].get<double>() == loss, boost::test_tools::tolerance(1e-7));
    BOOST_TEST(point["validation_loss"].get<double>() == loss, boost::test_tools::tolerance(1e-7));
  }
}

BOOST_AUTO_TEST_CASE(without_validation_the_last_is_saved) {
  const std::string json = folder.path("p.json"), model = folder.path("p.model"), fit = folder.path("fit.json");
  const Outcome outcome = run({"path", "quantile", "--quantile", "0.3", "--data", regression, "--l2-max", "10", "--l2-min", "0.5",
                               "--points", "4", "--tolerance", "1e-10", "--json", json, "--save", model});
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  BOOST_TEST(!holds(outcome.out, "validation"));
  const Json result = json_of(json);
  BOOST_TEST(result["best"].is_null());
  BOOST_TEST(result["points"][0]["validation_loss"].is_null());
  BOOST_TEST(json_of(model)["l2"] == 0.5);
  BOOST_TEST(json_of(model)["quantile"] == 0.3);
  BOOST_TEST(
      run({"fit", "quantile", "--quantile", "0.3", "--data", regression, "--l2", "0.5", "--tolerance", "1e-10", "--json", fit}).status ==
      0);
  BOOST_TEST(result["points"][3]["objective"].get<double>() == json_of(fit)["objective"].get<double>(),
             boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(status_1_when_points_do_not_converge) {
  const std::string json = folder.path("p.json");
  const Outcome outcome = run({"path", "logistic", "--data", classification, "--l2-max", "10", "--l2-min", "1", "--points", "3",
                               "--max-iterations", "1", "--tolerance", "1e-13", "--json", json});
  BOOST_TEST(outcome.status == 1);
  CHECK_HOLDS(outcome.out, "iteration_limit");
  BOOST_TEST(json_of(json)["points"].size() == 3u);
}

BOOST_AUTO_TEST_CASE(draws_the_losses) {
  if (std::system("command -v gnuplot >/dev/null") != 0) return;
  const std::string svg = folder.path("path.svg");
  for (const char* points : {"1", "8"}) {
    const Outcome outcome = run({"path", "squared-hinge", "--data", classification, "--l2-max", "10", "--l2-min", "0.1", "--points", points,
                                 "--validation", "0.2", "--plot", svg});
    BOOST_TEST(outcome.status == 0);
    BOOST_TEST(outcome.err == "");
    const std::string picture = content(svg);
    for (const char* part : {"<svg", "</svg>", "loss a row", "fitted rows", "rows kept back"}) CHECK_HOLDS(picture, part);
  }
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_path) {
  const auto with = [&](const std::string& loss, const std::string& largest, const std::string& smallest, std::vector<std::string> more) {
    std::vector<std::string> all = {"path", loss, "--data", classification, "--l2-max", largest, "--l2-min", smallest};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  refuses(with("logistic", "1", "2", {}), "--l2-min 2 is larger than --l2-max 1.");
  refuses(with("logistic", "1", "0", {}), "--l2-min 0 must be a finite number > 0.");
  refuses(with("logistic", "nan", "1", {}), "--l2-max nan must be a finite number > 0.");
  refuses(with("logistic", "2", "1", {"--points", "0"}), "--points 0: a path needs at least one point.");
  refuses(with("logistic", "2", "1", {"--points", "-3"}), "--points: -3 must be a whole number");
  refuses(with("logistic", "2", "1", {"--validation", "0"}), "--validation 0 must lie between 0 and 1.");
  refuses(with("logistic", "2", "1", {"--validation", "1.5"}), "--validation 1.5 must lie between 0 and 1.");
  refuses(with("logistic", "2", "1", {"--validation", "0.001"}), "--validation 0.001 of 200 rows keeps 0 back and leaves 200 to fit");
  refuses(with("logistic", "2", "1", {"--solver", "lbfgs"}), "--solver lbfgs is first-order");
  refuses(with("logistic", "2", "1", {"--l2", "1"}), "--l2");
  refuses(with("logistic", "2", "1", {"--plot", "x.jpg"}), "must end in .svg, .png or .pdf");
  refuses(with("relu", "2", "1", {}), "path is for squared, logistic, poisson, gamma, huber, squared-hinge and quantile, not for relu.");
  refuses(with("logistc", "2", "1", {}), "unknown loss 'logistc'. Did you mean logistic?");
  refuses({"path", "logistic", "--data", classification, "--l2-max", "1"}, "--l2-min is required");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(bad_input, Files)

BOOST_AUTO_TEST_CASE(data_that_cannot_be_fitted) {
  const auto fit = [&](const std::string& loss, const std::string& name, const std::string& text) {
    return std::vector<std::string>{"fit", loss, "--data", folder.write(name, text)};
  };
  refuses(fit("squared", "inf.csv", "a,b,y\n1,2,3\n4,inf,6\n7,8,9\n"),
          "inf.csv:3: column 1 (\"b\"), row 1 is not finite (\"inf\"). Remove or impute that row.");
  refuses(fit("squared", "nan.csv", "a,b,y\n1,2,3\n4,5,6\n7,nan,9\n"), "nan.csv:4: column 1 (\"b\"), row 2: missing cell (\"nan\")");
  refuses(fit("squared", "cell.csv", "a,b,y\n1,2,3\n4,,6\n7,8,9\n"), "cell.csv:3: column 1 (\"b\"), row 1: missing cell");
  refuses(fit("squared", "y.csv", "a,b,y\n1,2,3\n4,5,-inf\n7,8,9\n"), "y.csv:3: column 2 (\"y\"), row 1 is not finite");
  refuses(fit("squared", "rows.csv", "a,b,y\n"), "no observations");
  refuses(fit("squared", "empty.csv", ""), "empty");
  refuses(fit("logistic", "three.csv", "a,y\n1,0\n2,1\n3,2\n4,1\n"), "logistic needs two classes; y has 3 distinct values {0, 1, 2}.");
  refuses(fit("poisson", "negative.csv", "a,y\n1,0\n2,-1\n3,2\n"), "poisson: y[1] = -1 < 0.");
  refuses(fit("logistic", "bad.svm", "1 1:2\n-1 3;0.5\n"), "bad.svm:2: expected index:value, found \"3;0.5\".");
  refuses(fit("logistic", "cut.svm", "1 1:2\n-1 3:"), "cut.svm:2:");
  refuses(fit("squared", "ragged.csv", "a,b,y\n1,2,3\n4,5\n"), "ragged.csv:3:");
  refuses(fit("logistic", "twice.svm", "1 1:2 1:3\n-1 2:1\n"), "twice.svm:1:");
  refuses(fit("squared", "matrix.mtx", "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n"), "matrix.mtx");
  refuses({"fit", "squared", "--data", regression, "--target", "z"}, "there is no column \"z\"");
  refuses({"fit", "squared", "--data", regression, "--ignore", "c0,z"}, "there is no column \"z\"");
  refuses({"fit", "squared", "--data", regression, "--weights", "z"}, "there is no column \"z\"");
  refuses({"fit", "squared", "--data", folder.path("none.csv")}, "No such file");
  refuses({"fit", "squared", "--data", folder.path(".")}, "directory");
}

BOOST_AUTO_TEST_CASE(memory_is_refused_with_numbers_and_a_way_out) {
  const std::string wide = folder.write("wide.svm", "1 1:1 1000000:2\n-1 2:1\n1 1:2 500000:1\n");
  const auto fit = [&](const std::string& solver) {
    return std::vector<std::string>{"fit", "logistic", "--data", wide, "--l2", "1", "--memory-limit", "1G", "--solver", solver};
  };
  refuses(fit("exact"), "exact needs a 1000001 x 1000001 matrix (");
  refuses(fit("exact"), "limit 1");
  refuses(fit("exact"), "Use ");
  // Nothing is made dense where it need not be.
  for (const char* solver : {"auto", "cg", "lbfgs"}) {
    const Outcome outcome = run(fit(solver));
    BOOST_TEST(outcome.status == 0, solver << ": " << outcome.err);
  }
}

BOOST_AUTO_TEST_CASE(separable_data_are_a_status_with_advice) {
  const std::string data = folder.write("separable.csv", "a,y\n1,0\n2,0\n3,1\n4,1\n"), json = folder.path("s.json");
  const Outcome outcome = run({"fit", "logistic", "--data", data, "--json", json});
  BOOST_TEST(outcome.status == 1);
  CHECK_HOLDS(outcome.out, "fitted probabilities reach 0/1 for 100 % of rows; no finite minimizer exists. Use l2 > 0.");
  BOOST_TEST(json_of(json)["status"] == "separated");
}

BOOST_AUTO_TEST_CASE(options_out_of_range) {
  const auto with = [&](const std::string& loss, std::vector<std::string> more) {
    std::vector<std::string> all = {"fit", loss, "--data", loss == "relu" ? regression : classification};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  refuses({"fit", "gamma", "--data", counts}, "gamma: y[");
  refuses({"fit", "squared-hinge", "--data", regression}, "squared-hinge needs two classes; y has 200 distinct values");
  refuses(with("logistic", {"--l2", "-1"}), "--l2 -1 must be a finite number >= 0.");
  refuses(with("logistic", {"--l2", "nan"}), "--l2 nan must be");
  refuses(with("logistic", {"--tolerance", "0"}), "tolerance");
  refuses(with("logistic", {"--tolerance", "nan"}), "tolerance");
  refuses(with("logistic", {"--tolerance", "small"}), "--tolerance");
  refuses(with("logistic", {"--time-limit", "0"}), "--time-limit 0 must be > 0 seconds.");
  refuses(with("logistic", {"--time-limit", "-3"}), "--time-limit -3 must be > 0 seconds.");
  refuses(with("logistic", {"--threads", "-1"}), "--threads -1");
  refuses(with("logistic", {"--seed", "-1"}), "--seed: -1 must be a whole number");
  refuses(with("logistic", {"--max-iterations", "-1"}), "--max-iterations: -1 must be a whole number");
  refuses(with("logistic", {"--max-iterations", "1e5"}), "--max-iterations: 1e5 must be a whole number");
  refuses(with("logistic", {"--seed", "010"}), "--seed: 010 must be a whole number");
  refuses(with("logistic", {"--seed", "18446744073709551616"}), "--seed: 18446744073709551616 is too large");
  refuses(with("logistic", {"--solver", "exct"}), "unknown solver 'exct'. Did you mean exact? Known: auto, exact, ");
  refuses(with("logistic", {"--sketch", "gausian"}), "unknown sketch 'gausian'. Did you mean gaussian?");
  refuses(with("logistic", {"--precision", "f16"}), "unknown precision 'f16'");
  refuses(with("logistic", {"--factor", "lu"}), "unknown factor 'lu'");
  refuses(with("logistic", {"--globalization", "wolfe"}), "unknown globalization 'wolfe'");
  refuses(with("logistic", {"--forcing", "x"}), "unknown forcing 'x'");
  refuses(with("logistic", {"--inner-tolerance", "2"}), "inner tolerance = 2: give a number between 0 and 1.");
  refuses(with("logistic", {"--format", "xlsx"}), "unknown format 'xlsx'");
  refuses(with("logistic", {"--delimiter", "xx"}), "--delimiter 'xx'");
  refuses(with("logistic", {"--solver", "preconditioned-cg", "--sketch-size", "4"}), "sketch size 4 for a 200 x 5 matrix");
  refuses(with("logistic", {"--solver", "preconditioned-cg", "--sketch-size", "201"}), "sketch size 201 for a 200 x 5 matrix");
  refuses(with("logistic", {"--solver", "sparse-cholesky"}), no_sparse_cholesky());
  refuses(with("logistic", {"--width", "3"}), "--width is for relu, not for logistic.");
  refuses(with("logistic", {"--huber-delta", "3"}), "--huber-delta is for huber, not for logistic.");
  refuses(with("huber", {"--quantile", "0.3"}), "--quantile is for quantile, not for huber.");
  refuses(with("logistic", {"--smoothing", "0.3"}), "--smoothing is for quantile, not for logistic.");
  refuses(with("quantile", {"--quantile", "1"}), "--quantile 1 must lie between 0 and 1.");
  refuses(with("quantile", {"--quantile", "nan"}), "--quantile nan must lie between 0 and 1.");
  refuses(with("quantile", {"--smoothing", "0"}), "--smoothing 0 must be a finite number > 0.");
  refuses(with("logistic", {"--header", "--no-header"}), "--header and --no-header contradict each other.");
  refuses(with("relu", {"--width", "0"}), "--width 0: a network needs at least one hidden neuron.");
  refuses(with("relu", {"--width", "64,0,8"}), "--width 64,0,8: hidden layer 2 needs at least one neuron.");
  refuses(with("relu", {"--width", "64,auto"}), "auto stands alone");
  refuses(with("relu", {"--width", "64,many"}), "many must be a whole number >= 0");
  refuses(with("relu", {"--width", "4,1000000000000"}), "widths 4,1000000000000");
  refuses(with("relu", {"--l2", "1", "--width", "8,8"}), "--l2 is for networks of one hidden layer, not for --width 8,8.");
  refuses(with("relu", {"--weights", "c0"}), "--weights is for squared");
  refuses(with("relu", {"--offset", "c0"}), "--offset is for squared");
  refuses(with("relu", {"--activation", "tanh"}), "unknown activation 'tanh'");
}

BOOST_AUTO_TEST_CASE(outputs_that_cannot_be_written_are_found_before_the_work) {
  const auto to = [&](const std::string& option, const std::string& path) {
    return std::vector<std::string>{"fit", "logistic", "--data", classification, "--l2", "1", option, path};
  };
  refuses(to("--json", folder.path("none/x.json")), "cannot write: No such file or directory");
  refuses(to("--save", folder.path("none/x.json")), "cannot write: No such file or directory");
  refuses(to("--json", folder.path("")), "is a directory");
  refuses(to("--json", classification), "--data and --json are both");
  refuses({"fit", "logistic", "--data", classification, "--json", folder.path("x"), "--save", folder.path("x")},
          "--json and --save are both");
  BOOST_TEST(run(to("--json", folder.path("none/x.json"))).out == "");
  BOOST_TEST(folder.files().size() == 4u);
}

BOOST_AUTO_TEST_CASE(commands_that_make_no_sense) {
  refuses({}, "A subcommand is required");
  refuses({"train"}, "unknown command 'train'. Known: fit, path, predict, compare, solvers.");
  refuses({"fit"}, "LOSS is required");
  refuses({"fit", "logistc", "--data", classification}, "unknown loss 'logistc'. Did you mean logistic?");
  refuses({"fit", "logistic"}, "--data is required");
  refuses({"fit", "logistic", "--data", classification, "--nosuch"}, "--nosuch");
  refuses({"fit", "logistic", "--data", classification, "--lambda", "1"}, "Did you mean --l2? `raphson fit --help` lists the options.");
  refuses({"fit", "logistic", "--data", classification, "--tolerence=1e-3"}, "Did you mean --tolerance?");
  refuses({"path", "logistic", "--data", classification, "--lambda", "1"}, "`raphson path --help` lists the options.");
  refuses({"fit", "logistic", "--data", classification, "--solver", "CG"}, "unknown solver 'CG'. Did you mean cg?");
  refuses({"predict", "--data", classification}, "--model is required. `raphson predict --help` lists the options.");
  refuses({"--nosuch"}, "`raphson --help` lists the options.");
  BOOST_TEST(run({"--help"}).status == 0);
  const Outcome help = run({"fit", "--help"});
  BOOST_TEST(help.status == 0);
  BOOST_TEST(!holds(help.out, "{false}"));
  CHECK_HOLDS(help.out, "squared, logistic, poisson, gamma, huber, squared-hinge, quantile, relu");
  BOOST_TEST(run({"--version"}).status == 0);
  const Outcome solvers = run({"solvers"});
  BOOST_TEST(solvers.status == 0);
  for (const char* name : {"exact", "chord", "kernel-cg", "sketch-and-solve", "preconditioned-cg", "preconditioned-gd", "cg", "jacobi-cg",
                           "sparse-cholesky", "auto", "gradient-descent", "adaptive-gradient", "lbfgs"})
    CHECK_HOLDS(solvers.out, name);
}

BOOST_AUTO_TEST_SUITE_END()
