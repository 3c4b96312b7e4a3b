#include "cli/model_file.hpp"

#include <raphson/core/error.hpp>

#include <fmt/format.h>
#include <boost/iostreams/copy.hpp>
#include <boost/iostreams/device/array.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace raphson::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace io = boost::iostreams;

constexpr const char* format_name = "raphson model";
constexpr int format_version = 1;

std::string compress(const std::string& text) {
  std::ostringstream packed;
  io::filtering_ostream out;
  out.push(io::gzip_compressor());
  out.push(packed);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.reset();
  return packed.str();
}

std::string decompress(const std::string& packed) {
  std::ostringstream text;
  io::filtering_istream in;
  in.push(io::gzip_decompressor());
  in.push(io::array_source(packed.data(), packed.size()));
  io::copy(in, text);
  return text.str();
}

std::string file_content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw InputError(fmt::format("{}: cannot read: {}.", path, std::strerror(errno)));
  std::string content{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) throw InputError(fmt::format("{}: cannot read: {}.", path, std::strerror(errno)));
  return content.starts_with("\x1f\x8b") ? decompress(content) : content;
}

bool is_name(const std::string& column) { return column.find_first_not_of("-0123456789") != std::string::npos; }

std::vector<double> numbers(const Vec& v) { return {v.begin(), v.end()}; }
Vec vector_of(const Json& json) { return Vec(json.get<std::vector<double>>()); }

/// Of a net with one output a number, of others a list.
Json numbers_or_one(const arma::rowvec& v) { return v.n_elem == 1 ? Json(v(0)) : Json(std::vector<double>(v.begin(), v.end())); }
arma::rowvec numbers_or_one_of(const Json& json) {
  return json.is_array() ? arma::rowvec(json.get<std::vector<double>>()) : arma::rowvec{json.get<double>()};
}

Json scaling_json(const Standardization& s) {
  return {{"columns", s.columns},
          {"sparse", s.sparse},
          {"constant", s.constant},
          {"unit_rows", s.unit_rows},
          {"target", s.target},
          {"mean", numbers(s.mean)},
          {"deviation", numbers(s.deviation)},
          {"target_mean", numbers_or_one(s.target_mean)},
          {"target_deviation", numbers_or_one(s.target_deviation)}};
}

Standardization scaling_of(const Json& json) {
  Standardization s;
  json.at("columns").get_to(s.columns);
  json.at("sparse").get_to(s.sparse);
  json.at("constant").get_to(s.constant);
  json.at("unit_rows").get_to(s.unit_rows);
  json.at("target").get_to(s.target);
  s.mean = vector_of(json.at("mean"));
  s.deviation = vector_of(json.at("deviation"));
  s.target_mean = numbers_or_one_of(json.at("target_mean"));
  s.target_deviation = numbers_or_one_of(json.at("target_deviation"));
  return s;
}

Json model_json(const SavedModel& m) {
  Json json = {{"format", format_name},
               {"version", format_version},
               {"loss", m.loss},
               {"status", m.status},
               {"target", m.target},
               {"target_labels", m.target_labels},
               {"columns", m.columns},
               {"feature_names", m.feature_names},
               {"ignored", m.ignored},
               {"index_base", m.index_base},
               {"coefficients", numbers(m.coefficients)}};
  if (m.is_network()) {
    if (m.widths.size() == 1)
      json["width"] = m.widths[0];
    else
      json["widths"] = m.widths;
    json["outputs"] = m.outputs;
    json["l2"] = m.l2;
    json["train_output"] = m.train_output;
    json["activation"] = m.activation.kind == Activation::Kind::relu ? "relu" : "softplus";
    json["sharpness"] = m.activation.sharpness;
    json["seed"] = m.seed;
    json["signs"] = numbers(m.signs);
    json["standardization"] = scaling_json(m.scaling);
  } else {
    json["intercept"] = m.intercept;
    json["l2"] = m.l2;
    json["huber_delta"] = m.of_loss.huber_delta;
    json["quantile"] = m.of_loss.quantile;
    json["smoothing"] = m.of_loss.smoothing;
    json["labels"] = m.labels;
    json["offset"] = m.offset;
  }
  return json;
}

void read_network(const Json& json, SavedModel& m) {
  m.widths = json.contains("widths") ? json.at("widths").get<std::vector<Index>>() : std::vector<Index>{json.at("width").get<Index>()};
  m.outputs = json.value("outputs", Index{1});  // older files have one, no penalty, and a fixed output
  m.l2 = json.value("l2", 0.0);
  m.train_output = json.value("train_output", false);
  const auto activation = json.at("activation").get<std::string>();
  if (activation != "relu" && activation != "softplus") unknown_name("activation", activation, {"relu", "softplus"});
  m.activation = activation == "relu" ? Activation::relu() : Activation::softplus(json.at("sharpness").get<double>());
  json.at("seed").get_to(m.seed);
  m.signs = vector_of(json.at("signs"));
  m.scaling = scaling_of(json.at("standardization"));
}

void read_linear(const Json& json, SavedModel& m) {
  json.at("intercept").get_to(m.intercept);
  json.at("l2").get_to(m.l2);
  json.at("huber_delta").get_to(m.of_loss.huber_delta);
  if (m.loss == "quantile") {
    json.at("quantile").get_to(m.of_loss.quantile);
    json.at("smoothing").get_to(m.of_loss.smoothing);
  }
  json.at("labels").get_to(m.labels);
  json.at("offset").get_to(m.offset);
}

void require(bool holds, const char* what) {
  if (!holds) throw InputError(what);
}

Index weight_count(const SavedModel& m) {
  Index count = 0, inputs = m.columns + (m.scaling.constant ? 1 : 0);
  for (const Index width : m.widths) {
    count += inputs * width;
    inputs = width;
  }
  if (m.train_output) count += m.widths.back();
  return count;
}

void check_consistency(const SavedModel& m) {
  require(std::ranges::find(loss_names(), m.loss) != loss_names().end(), "its loss is unknown");
  require(m.feature_names.empty() || m.feature_names.size() == m.columns, "the number of names is not the number of columns");
  require(m.target_labels.empty() || m.target_labels.size() == 2, "its target does not have two classes");
  require(m.index_base <= 1, "its columns count neither from 0 nor from 1");
  require(m.coefficients.is_finite(), "it has coefficients that are not finite");
  if (m.is_network()) {
    const Standardization& s = m.scaling;
    require(!m.widths.empty() && std::ranges::find(m.widths, Index{0}) == m.widths.end(), "a hidden layer has no neurons");
    require(m.outputs > 0 && m.signs.n_elem == m.widths.back() * m.outputs, "signs are missing");
    require(m.widths.size() == 1 || m.outputs == 1, "it has several hidden layers and several outputs");
    require(!m.train_output || (m.widths.size() == 1 && m.outputs == 1), "its output is trained with several hidden layers or outputs");
    require(s.target_mean.n_elem == m.outputs && s.target_deviation.n_elem == m.outputs, "the scale of a target is missing");
    require(m.coefficients.n_elem == weight_count(m), "weights are missing");
    require(s.mean.n_elem == s.deviation.n_elem && (!s.columns || s.sparse || s.mean.n_elem == m.columns),
            "the standardization has another size");
  } else {
    require(m.coefficients.n_elem == m.columns, "the number of coefficients is not the number of columns");
    require(std::isfinite(m.intercept), "its intercept is not finite");
    require(!has_classes(m.loss) || m.labels.size() == 2, "its labels are missing");
    require(m.of_loss.quantile > 0 && m.of_loss.quantile < 1, "its quantile does not lie between 0 and 1");
    require(m.of_loss.smoothing > 0 && m.of_loss.huber_delta > 0, "the width of its loss is not positive");
  }
}

SavedModel parse_model(const std::string& text) {
  const Json json = Json::parse(text);
  require(json.is_object() && json.value("format", "") == format_name, "it does not say that it is one");
  if (json.at("version") != format_version) throw InputError(fmt::format("it is of another version ({})", json.at("version").dump()));
  SavedModel m;
  json.at("loss").get_to(m.loss);
  json.at("status").get_to(m.status);
  json.at("target").get_to(m.target);
  json.at("columns").get_to(m.columns);
  json.at("feature_names").get_to(m.feature_names);
  json.at("ignored").get_to(m.ignored);
  json.at("target_labels").get_to(m.target_labels);
  json.at("index_base").get_to(m.index_base);
  m.coefficients = vector_of(json.at("coefficients"));
  if (m.is_network())
    read_network(json, m);
  else
    read_linear(json, m);
  check_consistency(m);
  return m;
}

}  // namespace

SavedModel saved_model(const Problem& problem, const ProblemArguments& arguments, const Summary& summary, const Vec& theta) {
  SavedModel m;
  m.loss = arguments.model.loss;
  m.status = to_string(summary.status);
  m.target = problem.data.target_name;
  m.columns = problem.data.features.cols();
  m.feature_names = problem.data.feature_names;
  // A number would mean another column in a file without the target.
  if (!m.feature_names.empty()) std::ranges::copy_if(arguments.read.ignore, std::back_inserter(m.ignored), is_name);
  m.target_labels = problem.data.target_labels;
  m.index_base = problem.data.index_base;
  if (problem.is_network()) {
    m.coefficients = theta;
    m.widths = problem.widths;
    m.activation = problem.deep ? problem.deep->activation() : problem.network->activation();
    m.seed = arguments.options.seed;
    m.signs = problem.deep ? problem.deep->output_signs() : Vec(arma::vectorise(problem.network->output_signs()));
    if (problem.network) {
      m.outputs = problem.network->outputs();
      m.l2 = problem.network->l2();
      m.train_output = problem.network->output_trained();
    }
    m.scaling = problem.scaling;
  } else {
    m.coefficients = theta.head(m.columns);
    m.intercept = problem.linear->has_intercept() ? theta(m.columns) : 0;
    m.l2 = arguments.model.l2;
    m.of_loss = arguments.model.of_loss;
    m.labels = problem.labels;
    m.offset = arguments.read.offset;
  }
  return m;
}

std::string model_text(const SavedModel& model, const std::string& path) {
  const std::string text = model_json(model).dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  return path.ends_with(".gz") ? compress(text) : text;
}

SavedModel load_model(const std::string& path) {
  try {
    return parse_model(file_content(path));
  } catch (const nlohmann::json::parse_error& error) {
    throw InputError(fmt::format("{} is not a Raphson model: no JSON after byte {}; is it truncated?", path, error.byte));
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("{} is not a Raphson model: {}.", path, error.what()));
  } catch (const io::gzip_error&) {
    throw InputError(fmt::format("{} is not a Raphson model: its compression is broken; is it truncated?", path));
  } catch (const std::ios_base::failure&) {
    throw InputError(fmt::format("{} is not a Raphson model: its compression is broken; is it truncated?", path));
  } catch (const InputError& error) {
    const std::string text = error.what();
    if (text.starts_with(path)) throw;
    throw InputError(fmt::format("{} is not a Raphson model: {}.", path, text));
  }
}

}  // namespace raphson::cli
