#pragma once
/// What every benchmark needs beside the thing it measures: who measured where, medians, tables, files, pictures.

#include <nlohmann/json.hpp>

#include <array>
#include <functional>
#include <string>
#include <vector>

namespace raphson::bench {

using Json = nlohmann::ordered_json;

/// Processor, cores, memory, load, system, compiler, BLAS and its environment, commit, date: what a figure depends on.
Json machine(int threads);
/// The same as one paragraph of Markdown.
std::string machine_text(const Json& machine);

/// Where the sources lie, for the data that come with them.
std::string source_folder();

double median(std::vector<double> values);  ///< NaN of nothing
/// Runs `task` `repeats` times, or until `budget` seconds are spent (once at least); seconds of each.
std::vector<double> timed(int repeats, double budget, const std::function<void()>& task);

/// Largest resident memory of this process so far, bytes (VmHWM of Linux).
double peak_memory();

/// A Markdown table: first row the head; columns are padded so that the source reads well too.
std::string table(const std::vector<std::vector<std::string>>& rows);

std::string seconds_text(double seconds);  ///< three digits: "0.0123", "12.3"; "–" for NaN
std::string rounded(double value);         ///< "1.2e-09", "37", "–" for NaN

void write_file(const std::string& path, const std::string& text);
void write_json(const std::string& path, const Json& json);
/// Runs gnuplot on `script` (which writes to the file given as SVG). False, with a line on stderr, where gnuplot is missing or fails.
bool picture(const std::string& svg, const std::string& script, const std::string& size = "1000,420");

/// Options written `--name value` or `--flag`; anything unknown ends the program with the list of those known.
class Arguments {
 public:
  /// `usage` says what the program does; `known` has rows {name, default, meaning}; default "flag" marks one without a value.
  Arguments(int count, char** words, const std::string& usage, std::vector<std::array<std::string, 3>> known);
  std::string text(const std::string& name) const;
  double number(const std::string& name) const;
  bool flag(const std::string& name) const { return text(name) == "yes"; }
  std::string command() const { return command_; }

 private:
  std::vector<std::array<std::string, 3>> known_;
  std::string command_;
};

}  // namespace raphson::bench
