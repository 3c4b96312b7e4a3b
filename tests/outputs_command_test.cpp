/// `raphson fit relu` with several outputs, with a penalty and with its output layer trained, and `raphson predict` after it.

#include <raphson/problems/generators.hpp>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

#include "support/command.hpp"

using namespace raphson;
using namespace raphson::test;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

namespace {

/// 60 rows with the header a,y,b,c,z: y and z are targets of other sizes.
struct Files {
  Folder folder;
  Generated all = generate_regression({.rows = 60, .columns = 3, .seed = 4});
  Vec z = 1000 * arma::square(all.C.dense().row(0).t()) - 7;
  std::string data = folder.write("train.csv", text(true)), features = folder.write("features.csv", text(false));

  std::string text(bool targets) const {
    std::string out = targets ? "a,y,b,c,z\n" : "a,b,c\n";
    char buffer[32];
    const auto put = [&](double value, char end) { out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr) += end; };
    const arma::mat& X = all.C.dense();
    for (Index i = 0; i < 60; ++i) {
      put(X(0, i), ',');
      if (targets) put(all.y(i), ',');
      put(X(1, i), ',');
      put(X(2, i), targets ? ',' : '\n');
      if (targets) put(z(i), '\n');
    }
    return out;
  }
  Words fit(const Words& rest) const {
    Words all_words = {"fit", "relu", "--data", data, "--width", "512"};
    all_words.insert(all_words.end(), rest.begin(), rest.end());
    return all_words;
  }
  Json json(const std::string& name) const { return Json::parse(content(folder.path(name))); }
};

arma::mat table(const std::string& text) {
  std::istringstream in(text);
  arma::mat rows;
  rows.load(in, arma::csv_ascii);
  return rows;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(outputs, Files)

BOOST_AUTO_TEST_CASE(several_targets_are_several_outputs) {
  const std::string json = folder.path("fit.json"), model = folder.path("model.json.gz");
  const Outcome outcome = run(fit({"--target", "z,y", "--json", json, "--save", model}));
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  for (const char* part : {"d = 4", "512: 2048 parameters, 2 outputs", "targets 'z,y'", "each target standardized", "c ≤ 2"})
    CHECK_HOLDS(outcome.out, part);
  const Json result = this->json("fit.json");
  BOOST_REQUIRE(result["train_rmse"].size() == 2u);
  BOOST_TEST(result["train_rmse"][0].get<double>() <= 1e-7 * arma::stddev(z));
  BOOST_TEST(result["train_rmse"][1].get<double>() <= 1e-7 * arma::stddev(all.y));
  BOOST_TEST(result["coefficients"].size() == 2048u);

  const std::string plain = run({"predict", "--model", model, "--data", data}).out;
  const arma::mat f = table(plain);
  BOOST_REQUIRE(f.n_rows == 60u);
  BOOST_REQUIRE(f.n_cols == 2u);
  BOOST_TEST(arma::abs(f.col(0) - z).max() <= 1e-6 * arma::abs(z).max());
  BOOST_TEST(arma::abs(f.col(1) - all.y).max() <= 1e-6 * arma::abs(all.y).max());
  BOOST_TEST(run({"predict", "--model", model, "--data", features}).out == plain);

  const std::string output = folder.path("p.csv");
  const Outcome reported = run({"predict", "--model", model, "--data", data, "--target", "z,y", "--output", output});
  BOOST_TEST(content(output) == plain);
  CHECK_HOLDS(reported.out, "z: RMSE ");
  CHECK_HOLDS(reported.out, "; y: RMSE ");
  CHECK_HOLDS(reported.out, "wrote     60 predictions");
}

BOOST_AUTO_TEST_CASE(one_output_is_as_before) {
  const std::string model = folder.path("m.json");
  BOOST_TEST(run(fit({"--target", "y", "--ignore", "z", "--save", model, "--quiet"})).status == 0);
  Json saved = json("m.json");
  BOOST_TEST(saved["standardization"]["target_mean"].is_number());
  const std::string plain = run({"predict", "--model", model, "--data", data}).out;
  BOOST_TEST(!holds(plain, ","));
  // A file written before there were outputs and penalties.
  saved.erase("outputs");
  saved.erase("l2");
  BOOST_TEST(run({"predict", "--model", folder.write("old.json", saved.dump()), "--data", data}).out == plain);
}

BOOST_AUTO_TEST_CASE(validation_rows_judge_all_outputs) {
  const Outcome outcome =
      run(fit({"--target", "z,y", "--validation", "0.25", "--seed", "3", "--max-iterations", "6", "--json", folder.path("v.json")}));
  CHECK_HOLDS(outcome.out, "15 of 60 rows kept back");
  CHECK_HOLDS(outcome.out, "rmse      z ");
  const Json result = json("v.json");
  BOOST_REQUIRE(result["validation_rmse"].size() == 2u);
  BOOST_TEST(result["rows_validated"] == 15);
  // What patience watches is of the size of standardized targets, not of z.
  const double watched = result["history"].back()["validation_rmse"];
  BOOST_TEST(watched > 0.01);
  BOOST_TEST(watched < 3);
  BOOST_TEST(run(fit({"--target", "z,y", "--validation", "0.25", "--patience", "1", "--quiet"})).status == 0);
  const std::string more = folder.write("more.csv", text(true));
  CHECK_HOLDS(run(fit({"--target", "z,y", "--validation-data", more, "--max-iterations", "2"})).out, "60 validation rows from");
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  refuses(fit({"--target", "z,q"}), "there is no column \"q\"");
  refuses(fit({"--target", "z,y", "--width", "16,16"}), "networks of several hidden layers have one output");
  refuses(fit({"--target", "z,z"}), "column 4 (\"z\") is asked for twice, as a target.");
  refuses({"fit", "squared", "--data", data, "--target", "z,y"}, "squared has one target, --target names 2. Several outputs are for relu.");
  refuses({"path", "squared", "--data", data, "--target", "z,y", "--l2-max", "1", "--l2-min", "0.1"}, "squared has one target");
  const std::string model = folder.path("m.json");
  BOOST_TEST(run(fit({"--target", "z,y", "--save", model, "--quiet", "--max-iterations", "1"})).status == 1);
  refuses({"predict", "--model", model, "--data", data, "--target", "z"}, "the model has 2 outputs, --target names 1 column.");
  Json saved = json("m.json");
  saved["outputs"] = 3;
  refuses({"predict", "--model", folder.write("broken.json", saved.dump()), "--data", data}, "signs are missing");
  saved["outputs"] = 2;
  saved["standardization"]["target_mean"] = 1.5;
  refuses({"predict", "--model", folder.write("broken.json", saved.dump()), "--data", data}, "the scale of a target is missing");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(trained_output, Files)

const Words one_target = {"--target", "y", "--ignore", "z"};

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

BOOST_AUTO_TEST_CASE(both_layers_are_trained_saved_and_loaded) {
  const std::string model = folder.path("m.json.gz"), json = folder.path("fit.json");
  const Outcome outcome = run(fit(one_target + Words{"--train-output", "--json", json, "--save", model}));
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  for (const char* part : {"512: 2560 parameters", "aᵣ trained from ±1", "2560 x 60 system"}) CHECK_HOLDS(outcome.out, part);
  const Json result = this->json("fit.json");
  BOOST_TEST(result["train_rmse"].get<double>() <= 1e-7 * arma::stddev(all.y));
  BOOST_TEST(result["coefficients"].size() == 2560u);
  Index moved = 0;
  for (Index r = 2048; r < 2560; ++r) moved += std::abs(std::abs(result["coefficients"][r].get<double>()) - 1) > 1e-6 ? 1 : 0;
  BOOST_TEST(moved > 400u);
  const arma::mat f = table(run({"predict", "--model", model, "--data", features}).out);
  BOOST_TEST(arma::abs(f.as_col() - all.y).max() <= 1e-6 * arma::abs(all.y).max());
}

BOOST_AUTO_TEST_CASE(a_resumed_training_ends_in_the_same_bits) {
  const std::string file = folder.path("run.ckpt");
  const Words asked = one_target + Words{"--train-output", "--solver", "exact", "--tolerance", "1e-12"};
  const auto saved = [&](const Words& more, const std::string& name) {
    run(fit(asked + more + Words{"--json", folder.path(name)}));
    return this->json(name)["coefficients"];
  };
  const Json whole = saved({"--checkpoint", folder.path("whole.ckpt"), "--checkpoint-every", "2"}, "whole.json");
  const Json cut = saved({"--checkpoint", file, "--checkpoint-every", "2", "--max-iterations", "4"}, "cut.json");
  BOOST_TEST(cut != whole);
  BOOST_TEST(saved({"--resume", file}, "rest.json") == whole);
  refuses(fit(one_target + Words{"--solver", "exact", "--tolerance", "1e-12", "--resume", file}), "--train-output");
}

BOOST_AUTO_TEST_CASE(what_it_does_not_go_with_is_refused) {
  refuses(fit({"--target", "z,y", "--train-output"}), "--train-output is for one target, --target names 2. Fit them one by one.");
  refuses(fit(one_target + Words{"--train-output", "--width", "16,16"}), "--train-output is for networks of one hidden layer");
  refuses({"fit", "squared", "--data", data, "--train-output"}, "--train-output is for relu, not for squared.");
  const std::string model = folder.path("m.json");
  run(fit(one_target + Words{"--train-output", "--save", model, "--quiet"}));
  Json saved = json("m.json");
  saved["train_output"] = false;
  refuses({"predict", "--model", folder.write("broken.json", saved.dump()), "--data", data}, "weights are missing");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(penalty, Files)

BOOST_AUTO_TEST_CASE(a_smooth_net_converges_by_its_gradient) {
  const std::string json = folder.path("fit.json"), model = folder.path("m.json");
  for (const char* solver : {"auto", "exact", "preconditioned-cg", "lbfgs"}) {
    const Outcome outcome = run(fit({"--target", "y", "--ignore", "z", "--activation", "softplus", "--l2", "0.5", "--tolerance", "1e-6",
                                     "--solver", solver, "--json", json, "--save", model}));
    BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
    CHECK_HOLDS(outcome.out, "½·0.5·‖W − W₀‖²");
    CHECK_HOLDS(outcome.out, "rel.grad");
    CHECK_HOLDS(outcome.out, "converged: relative gradient");
    BOOST_TEST(this->json("fit.json")["residual_ratio"].is_null());
    BOOST_TEST(this->json("m.json")["l2"] == 0.5);
  }
}

BOOST_AUTO_TEST_CASE(a_relu_net_says_where_it_ends) {
  const Outcome outcome = run(fit({"--target", "y,z", "--l2", "0.5"}));
  BOOST_TEST(outcome.status == 1);
  CHECK_HOLDS(outcome.out, "minimizers of a penalized ReLU net lie on kinks");
  BOOST_TEST(run(fit({"--target", "y,z", "--l2", "0.5", "--tolerance", "0.05"})).status == 0);
}

BOOST_AUTO_TEST_CASE(a_penalty_out_of_range_is_refused) {
  refuses(fit({"--l2", "-1"}), "--l2 -1 must be a finite number >= 0.");
  refuses(fit({"--l2", "1", "--batch", "10"}), "--l2 does not go with --batch.");
  refuses(fit({"--l2", "inf"}), "--l2 inf must be a finite number >= 0.");
}

BOOST_AUTO_TEST_CASE(compare_shows_gradients) {
  const Outcome outcome = run({"compare", "relu", "--data", data, "--target", "y", "--width", "128", "--activation", "softplus", "--l2",
                               "1", "--solvers", "exact,preconditioned-cg", "--tolerance", "1e-5"});
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  CHECK_HOLDS(outcome.out, "rel.grad");
}

BOOST_AUTO_TEST_SUITE_END()
