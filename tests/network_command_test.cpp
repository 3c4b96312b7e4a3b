/// `raphson fit relu`: rows to validate on, early stopping, checkpoints that survive kill -9, mini-batches, learning curves.

#include <raphson/problems/generators.hpp>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>

#include "support/command.hpp"

using namespace raphson;
using namespace raphson::test;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

namespace {

std::string csv(const arma::mat& rows, const Vec& y, const std::string& names) {
  std::string text = names + "\n";
  char buffer[32];
  const auto put = [&](double value, char end) { text.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr) += end; };
  for (Index i = 0; i < rows.n_cols; ++i) {
    for (Index j = 0; j < rows.n_rows; ++j) put(rows(j, i), ',');
    put(y(i), '\n');
  }
  return text;
}

/// 120 rows of noisy data: training passes through several stages, and the least validation error comes early.
struct Files {
  Folder folder;
  Generated all = generate_regression({.rows = 160, .columns = 3, .noise = 1, .seed = 4});
  std::string data = folder.write("train.csv", csv(all.C.dense().cols(0, 119), all.y.head(120), "a,b,c,y"));
  std::string more = folder.write("more.csv", csv(all.C.dense().cols(120, 159), all.y.tail(40), "a,b,c,y"));

  Words fit(Words rest) const {
    rest.insert(rest.begin(), {"fit", "relu", "--data", data, "--width", "256", "--solver", "exact"});
    return rest;
  }
  Json json(const std::string& name) const { return Json::parse(content(folder.path(name))); }
};

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// The history without the clock.
Json course(Json result) {
  for (Json& row : result["history"]) row.erase("seconds");
  return result["history"];
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(network_command, Files)

BOOST_AUTO_TEST_CASE(validation_is_reported_at_every_step) {
  const Outcome outcome = run(fit({"--validation", "0.25", "--json", folder.path("v.json")}));
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  for (const char* part :
       {"n = 90", "30 of 120 rows kept back", "held-out", "rmse ", "on the 90 fitted rows", "--patience returns that point"})
    CHECK_HOLDS(outcome.out, part);
  const Json result = json("v.json");
  BOOST_TEST(result["rows_fitted"] == 90);
  BOOST_TEST(result["rows_validated"] == 30);
  for (const Json& row : result["history"]) BOOST_TEST(row["validation_rmse"].get<double>() > 0);
  BOOST_TEST(result["validation_rmse"].get<double>() == result["history"].back()["validation_rmse"].get<double>(),
             boost::test_tools::tolerance(1e-3));

  // Rows of a file: the error is what predict reports for them.
  const std::string model = folder.path("net.json");
  BOOST_TEST(run(fit({"--validation-data", more, "--save", model, "--json", folder.path("f.json")})).status == 0);
  const Outcome predicted = run({"predict", "--model", model, "--data", more, "--target", "y", "--output", "/dev/null"});
  char rmse[32];
  std::snprintf(rmse, sizeof rmse, "RMSE %.6g", json("f.json")["validation_rmse"].get<double>());
  CHECK_HOLDS(predicted.out + predicted.err, rmse);
  BOOST_TEST(json("f.json")["rows_fitted"] == 120);
}

BOOST_AUTO_TEST_CASE(patience_returns_the_best_weights_and_says_so) {
  const std::string model = folder.path("net.json");
  const Outcome outcome = run(fit({"--validation-data", more, "--patience", "4", "--json", folder.path("p.json"), "--save", model}));
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  CHECK_HOLDS(outcome.out, "early_stopped: no better held-out error in 4 measurements; the point returned is that of iteration ");
  const Json result = json("p.json");
  BOOST_TEST(result["status"] == "early_stopped");
  double least = 1e300;
  for (const Json& row : result["history"]) least = std::min(least, row["validation_rmse"].get<double>());
  BOOST_TEST(result["validation_rmse"].get<double>() == least, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(Json::parse(content(model))["coefficients"] == result["coefficients"]);
  BOOST_TEST(result["history"].back()["validation_rmse"].get<double>() > least);
  // A run cut before its patience ran out has not ended as asked.
  const Outcome cut = run(fit({"--validation-data", more, "--patience", "1000", "--max-iterations", "3"}));
  BOOST_TEST(cut.status == 1);
  CHECK_HOLDS(cut.out, "iteration limit of 3");
}

BOOST_AUTO_TEST_CASE(a_killed_training_loses_the_steps_since_its_checkpoint_and_no_more) {
  const Words endless = fit({"--validation", "0.2", "--patience", "1000", "--tolerance", "1e-15", "--verbose"});
  const Words limit = {"--max-iterations", "60"};
  BOOST_TEST(run(endless + limit +
                 Words{"--checkpoint", folder.path("whole.ckpt"), "--checkpoint-every", "3", "--json", folder.path("whole.json")})
                 .status <= 1);
  const Json whole = json("whole.json");
  BOOST_REQUIRE(whole["history"].size() > 40u);
  const std::string file = folder.path("run.ckpt");
  Words next = endless + limit + Words{"--checkpoint", file, "--checkpoint-every", "3"};
  for (const std::string line : {"\n     5  ", "\n    14  ", "\n    30  "}) {
    Command command(next);
    command.wait_for(line);
    command.signal(SIGKILL);
    const Outcome killed = command.wait();
    BOOST_TEST((killed.status == 128 + SIGKILL || killed.status <= 1));  // it may have been quicker
    const Outcome asked = run(endless + Words{"--resume", file, "--max-iterations", "0"});
    const std::size_t at = asked.out.find(file + ": iteration ");
    BOOST_REQUIRE(at != std::string::npos);
    const int reached = std::stoi(line.substr(1)), kept = std::stoi(asked.out.substr(at + file.size() + 12));
    BOOST_TEST(kept >= reached - 3);
    next = endless + limit + Words{"--resume", file, "--threads", "1"};
  }
  const Outcome rest = run(next + Words{"--json", folder.path("rest.json")});
  CHECK_HOLDS(rest.out, "resume    " + file + ": iteration ");
  BOOST_TEST(!holds(rest.out, "\n     0  "));
  const Json resumed = json("rest.json");
  BOOST_TEST(resumed["coefficients"] == whole["coefficients"]);
  BOOST_TEST(course(resumed) == course(whole));
  BOOST_TEST(resumed["message"] == whole["message"]);
}

BOOST_AUTO_TEST_CASE(a_training_that_was_cut_says_how_to_go_on) {
  const std::string file = folder.path("cut.ckpt");
  const Outcome cut = run(fit({"--checkpoint", file, "--checkpoint-every", "2", "--max-iterations", "5"}));
  BOOST_TEST(cut.status == 1);
  CHECK_HOLDS(cut.out, "note      --resume " + file + " goes on from iteration 4");
  BOOST_TEST(content(file).starts_with("raphson checkpoint 1\n"));
  const Outcome rest = run(fit({"--resume", file}));
  BOOST_TEST(rest.status == 0, rest.out << rest.err);
}

BOOST_AUTO_TEST_CASE(checkpoints_of_something_else_are_refused) {
  const std::string file = folder.path("run.ckpt");
  const Words asked = {"--validation", "0.2", "--checkpoint-every", "2"};
  BOOST_TEST(run(fit(asked + Words{"--checkpoint", file, "--max-iterations", "9"})).status == 1);
  const Words again = asked + Words{"--resume", file};
  refuses({"fit", "relu", "--data", data, "--width", "128", "--solver", "exact", "--validation", "0.2", "--resume", file},
          file + " was made with --width 256, this run has --width 128.");
  refuses(fit({"--resume", file}), file + " was made with --validation 0.2, this run has none.");
  refuses(fit(again + Words{"--tolerance", "1e-3"}), file + " was made without --tolerance, this run has --tolerance 1e-3.");
  refuses(fit(again + Words{"--no-unit-rows"}), file + " was made without --no-unit-rows, this run has --no-unit-rows.");
  refuses(fit({"--validation", "0.2", "--checkpoint-every", "3", "--resume", file}),
          file + " was made with --checkpoint-every 2, this run has 3.");
  refuses(fit(again + Words{"--resume", folder.path("none")}), "--resume");
  refuses(fit({"--resume", folder.path("none")}), "cannot read: No such file or directory.");
  refuses(fit({"--resume", more}), more + " is not a raphson checkpoint: it does not begin as one.");

  // The same command on other data: without validation rows it is the rows to fit that tell.
  refuses({"fit", "relu", "--data", more, "--width", "256", "--solver", "exact", "--validation", "0.2", "--resume", file},
          file + " belongs to other validation rows");
  const std::string plain = folder.path("plain.ckpt");
  BOOST_TEST(run(fit({"--checkpoint", plain, "--checkpoint-every", "2", "--max-iterations", "5"})).status == 1);
  refuses({"fit", "relu", "--data", more, "--width", "256", "--solver", "exact", "--resume", plain}, plain + " belongs to other data");
}

BOOST_AUTO_TEST_CASE(damaged_checkpoints_are_refused) {
  const std::string file = folder.path("run.ckpt");
  BOOST_TEST(run(fit({"--checkpoint", file, "--checkpoint-every", "2", "--max-iterations", "5"})).status == 1);
  const std::string bytes = content(file);
  for (const Index length : {Index(0), Index(25), Index(bytes.size() / 2), Index(bytes.size() - 1)})
    refuses(fit({"--resume", folder.write("short.ckpt", bytes.substr(0, length))}),
            length == 0 ? "is not a raphson checkpoint" : "is damaged");
  std::string other = bytes;
  other[bytes.size() / 3] = static_cast<char>(other[bytes.size() / 3] ^ 1);
  refuses(fit({"--resume", folder.write("flipped.ckpt", other)}), "is damaged: its checksum does not match");
}

BOOST_AUTO_TEST_CASE(mini_batches_report_by_epochs) {
  const Outcome outcome = run(fit({"--batch", "30", "--batch-damping", "0.01", "--validation-data", more, "--patience", "5", "--json",
                                   folder.path("b.json"), "--save", folder.path("net.json")}));
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  CHECK_HOLDS(outcome.out, "batches   30 rows each, 4 an epoch");
  CHECK_HOLDS(outcome.out, "1024 x 30 system");
  const Json result = json("b.json");
  BOOST_TEST(result["status"] == "early_stopped");
  BOOST_TEST(result["history"][1]["iteration"] == 4);
  for (const Json& row : result["history"]) BOOST_TEST(row["validation_rmse"].get<double>() > 0);
  const Outcome limited = run(fit({"--batch", "30", "--batch-damping", "0.01", "--max-iterations", "8", "--tolerance", "1e-12"}));
  BOOST_TEST(limited.status == 1);
  CHECK_HOLDS(limited.out, "iteration limit of 8");
}

BOOST_AUTO_TEST_CASE(draws_learning_curves) {
  const std::string svg = folder.path("curves.svg");
  BOOST_TEST(run(fit({"--plot", svg}), {"PATH=/nowhere"}).status == 0);
  BOOST_TEST(!std::filesystem::exists(svg));
  if (std::system("command -v gnuplot >/dev/null") != 0) return;
  BOOST_TEST(run(fit({"--plot", svg, "--validation", "0.2"})).status == 0);
  for (const char* part : {"<svg", "</svg>", "training residual", "validation RMSE", "seconds", "iterations"})
    CHECK_HOLDS(content(svg), part);
  BOOST_TEST(run(fit({"--plot", svg})).status == 0);
  BOOST_TEST(!holds(content(svg), "validation RMSE"));
}

BOOST_AUTO_TEST_CASE(a_terminal_sees_a_long_step_go_on) {
  const Generated wide = generate_sphere(2500, 12, Seed(3));
  const std::string file = folder.write("wide.csv", csv(wide.C.dense(), wide.y, "a,b,c,d,e,f,g,h,i,j,k,l,y"));
  const Words slow = {"fit", "relu", "--data", file, "--width", "65536", "--solver", "cg", "--tolerance", "1e-14", "--time-limit", "4"};
  const std::string seen = seen_on_a_terminal(slow);
  CHECK_HOLDS(seen, "\r\033[Kiteration ");
  CHECK_HOLDS(seen, ", residual ");
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused_before_the_work) {
  refuses({"fit", "relu", "--data", data, "--width", "8,8", "--batch", "20"},
          "--batch is for networks of one hidden layer: give --width one number.");
  refuses(fit({"--validation", "0"}), "--validation 0 must lie between 0 and 1.");
  refuses(fit({"--validation", "1"}), "--validation 1 must lie between 0 and 1.");
  refuses(fit({"--validation", "nan"}), "--validation nan must lie between 0 and 1.");
  refuses(fit({"--validation", "0.001"}), "--validation 0.001 of 120 rows keeps 0 back and leaves 120 to fit; both need rows.");
  refuses(fit({"--validation", "0.5", "--validation-data", more}), "--validation and --validation-data exclude each other");
  refuses(fit({"--validation-data", folder.write("narrow.csv", "a,b,y\n1,2,3\n4,5,6\n")}), "has 2 columns, the training data 3.");
  refuses(fit({"--validation-data", folder.write("swapped.csv", "b,a,c,y\n1,2,3,4\n4,5,6,7\n")}),
          "column 0 is 'b', in the training data it is 'a'.");
  refuses(fit({"--patience", "3"}), "--patience needs rows to judge by: give --validation or --validation-data as well.");
  refuses(fit({"--validation", "0.2", "--patience", "0"}), "--patience 0: give the number of steps");
  refuses(fit({"--batch", "0"}), "--batch 0: a mini-batch needs at least one row.");
  refuses(fit({"--batch-damping", "1"}), "--batch-damping needs --batch.");
  refuses(fit({"--batch", "9", "--batch-damping", "-1"}), "--batch-damping -1 must be a finite number >= 0.");
  refuses(fit({"--batch", "9", "--globalization", "armijo"}), "--globalization does not go with --batch.");
  refuses(fit({"--batch", "9", "--checkpoint", folder.path("x")}), "--checkpoint does not go with --batch.");
  refuses(fit({"--checkpoint", folder.path("none/x")}), "cannot write: No such file or directory");
  refuses(fit({"--checkpoint", data}), "--data and --checkpoint are both");
  refuses(fit({"--checkpoint-every", "3"}), "--checkpoint-every needs --checkpoint FILE.");
  refuses(fit({"--checkpoint", folder.path("x"), "--checkpoint-every", "0"}),
          "--checkpoint-every 0: give the steps between two checkpoints.");
  refuses(fit({"--plot", "x.jpg"}), "must end in .svg, .png or .pdf");
  refuses(fit({"--initial-damping", "0"}), "initial damping = 0: give a positive number");
  const Words lbfgs = {"fit", "relu", "--data", data, "--solver", "lbfgs"};
  refuses(lbfgs + Words{"--checkpoint", folder.path("x")}, "--checkpoint is for solvers of linear systems, not for lbfgs");
  refuses(lbfgs + Words{"--batch", "9"}, "--batch takes Gauss-Newton steps; lbfgs is first-order.");
  for (const Words& option :
       {Words{"--checkpoint", "x"}, {"--resume", "x"}, {"--batch", "9"}, {"--validation", "0.2"}, {"--plot", "x.svg"}})
    refuses(Words{"fit", "squared", "--data", data} + option, option[0] + " is for relu, not for squared.");
  BOOST_TEST(folder.files().size() == 4u);  // the two data files and the two made here
}

/// Of several hidden layers, and with a penalty.
BOOST_AUTO_TEST_CASE(other_nets_resume_to_the_same_bits_too) {
  for (const Words& net : {Words{"--width", "40,30"}, Words{"--width", "64", "--l2", "0.5"}}) {
    // The limit is everybody's: the run to be killed may have been quicker.
    const Words asked = Words{"fit", "relu", "--data", data, "--solver", "exact", "--tolerance", "1e-15", "--max-iterations", "60"} + net;
    const auto ended = [&](const Words& more, const std::string& name) {
      run(asked + more + Words{"--json", folder.path(name)});
      return json(name);
    };
    const std::string file = folder.path("net.ckpt");
    const Words every = {"--checkpoint-every", "3"};
    const Json whole = ended(every + Words{"--checkpoint", folder.path("whole.ckpt")}, "whole.json");
    Command command(asked + every + Words{"--checkpoint", file});
    command.wait_for("\n     7  ");
    command.signal(SIGKILL);
    command.wait();
    const Json rest = ended(Words{"--resume", file}, "rest.json");
    BOOST_TEST(rest["coefficients"] == whole["coefficients"]);
    BOOST_TEST(course(rest) == course(whole));
    refuses(asked + Words{"--seed", "9", "--resume", file}, "--seed 9");
  }
}

/// 120 rows: 112 KiB for JJᵀ, 56 KiB in single precision, some 13 KiB for products alone.
BOOST_AUTO_TEST_CASE(memory_is_asked_for_beforehand_and_done_without) {
  const auto with = [&](const std::string& solver, const std::string& limit) {
    return Words{"fit", "relu", "--data", data, "--width", "256", "--solver", solver, "--memory-limit", limit, "--max-iterations", "40"};
  };
  refuses(with("exact", "80K"), "exact needs a 120 x 120 matrix (112 KiB, limit 80 KiB). Use ");
  refuses(with("chord", "80K"), "chord needs a 120 x 120 matrix (");
  refuses(with("kernel-cg", "40K"), "kernel-cg needs work space (");
  refuses(with("auto", "5K"), "auto needs work space (");
  for (const std::string limit : {"1M", "40K"}) {
    const Outcome outcome = run(with("auto", limit));
    BOOST_TEST(holds(outcome.out, "auto → jacobi-cg") == (limit == "40K"), outcome.out << outcome.err);
    BOOST_TEST(outcome.status <= 1);
  }
  refuses({"fit", "relu", "--data", data, "--width", "100000000000"},
          "a net of width 100000000000 on 120 x 4 data does not fit in memory (");
}

/// Without JJᵀ training gets as far.
BOOST_AUTO_TEST_CASE(products_alone_train_to_zero_residual) {
  const std::string smooth =
      folder.write("smooth.csv", csv(all.C.dense().cols(0, 59), arma::sin(all.C.dense().row(0).head(60)).t(), "a,b,c,y"));
  const Outcome outcome = run({"fit", "relu", "--data", smooth, "--width", "1024", "--memory-limit", "25K"});
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
}

BOOST_AUTO_TEST_CASE(sketches_that_know_neurons_and_features_are_reached_by_name) {
  const Words sketched = {"fit", "relu", "--data", data, "--width", "256", "--solver", "preconditioned-cg", "--max-iterations", "3"};
  for (const std::string sketch : {"tensor", "uniform-neurons", "leverage-neurons"}) {
    const Outcome outcome = run(sketched + Words{"--sketch", sketch, "--json", folder.path("s.json")});
    BOOST_TEST(outcome.status == 1, outcome.out << outcome.err);
    BOOST_TEST(json("s.json")["iterations"] == 3);
    CHECK_HOLDS(run({"solvers"}).out, sketch);
  }
  BOOST_TEST(run(sketched + Words{"--sketch", "tensor", "--batch", "40"}).status == 1);
  refuses({"fit", "squared", "--data", data, "--sketch", "tensor"}, "--sketch tensor is for relu, not for squared.");
  refuses(fit({"--sketch", "tensr"}), "Did you mean tensor?");
  refuses(sketched + Words{"--sketch", "tensor", "--train-output"}, "--sketch tensor does not go with --train-output");
  refuses({"fit", "relu", "--data", data, "--width", "16,16", "--sketch", "tensor"}, "--sketch tensor is for networks of one hidden layer");
  refuses({"fit", "relu", "--data", data, "--width", "20", "--sketch", "tensor"},
          "--sketch tensor is for more weights than residuals: 80 for 120 here. Give a larger --width.");
}

BOOST_AUTO_TEST_SUITE_END()
