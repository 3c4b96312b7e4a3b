#include "benchmarks/support/report.hpp"

#include <raphson/core/interrupt.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <sstream>

namespace raphson::bench {
namespace {

/// The text after "name<blanks>:" in a file such as /proc/cpuinfo; empty when it is not there.
std::string field(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

std::string output_of(const std::string& command) {
  std::string text;
  if (FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r")) {
    std::array<char, 256> buffer;
    while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe)) text += buffer.data();
    pclose(pipe);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string vector_instructions() {
  const std::string flags = " " + field("/proc/cpuinfo", "flags") + " ";
  for (const char* name : {"avx512f", "avx2", "avx", "sse2"})
    if (flags.find(fmt::format(" {} ", name)) != std::string::npos) return name;
  return {};
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string now_utc() {
  const std::time_t t = std::time(nullptr);
  std::array<char, 32> buffer{};
  std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M UTC", std::gmtime(&t));
  return buffer.data();
}

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

Json machine(int threads) {
  utsname system{};
  uname(&system);
  const char* core = std::getenv("OPENBLAS_CORETYPE");
  Json m;
  m["date"] = now_utc();
  m["raphson"] = RAPHSON_VERSION;
  m["commit"] = output_of("git -C '" RAPHSON_SOURCE_DIR "' describe --always --dirty");
  m["processor"] = field("/proc/cpuinfo", "model name");
  m["vector_instructions"] = vector_instructions();
  m["cores"] = hardware_threads();
  m["threads"] = threads;
  m["memory_gib"] = std::round(std::strtod(field("/proc/meminfo", "MemTotal").c_str(), nullptr) / (1 << 20) * 10) / 10;
  m["load_at_start"] = first_line("/proc/loadavg");
  m["system"] = fmt::format("{} {} {}", system.sysname, system.release, system.machine);
  m["compiler"] = RAPHSON_COMPILER " " RAPHSON_BUILD_TYPE;
  m["blas"] = blas_name() + (core ? fmt::format(", kernels for {}", core) : std::string());
  return m;
}

std::string machine_text(const Json& m) {
  const auto text = [&m](const char* key) { return m[key].is_string() ? m[key].get<std::string>() : m[key].dump(); };
  return fmt::format("Measured {} on {} ({} cores, {}, {} GiB), {}, {} threads; Raphson {} ({}), {}, {}. Load when it began: {}.",
                     text("date"), text("processor"), text("cores"), text("vector_instructions"), text("memory_gib"), text("system"),
                     text("threads"), text("raphson"), text("commit"), text("compiler"), text("blas"), text("load_at_start"));
}

std::string source_folder() { return RAPHSON_SOURCE_DIR; }

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::size_t middle = values.size() / 2;
  std::ranges::sort(values);
  return values.size() % 2 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

std::vector<double> timed(int repeats, double budget, const std::function<void()>& task) {
  std::vector<double> seconds;
  const Stopwatch all;
  do {
    const Stopwatch watch;
    task();
    seconds.push_back(watch.seconds());
  } while (static_cast<int>(seconds.size()) < repeats && all.seconds() < budget);
  return seconds;
}

double peak_memory() { return 1024 * std::strtod(field("/proc/self/status", "VmHWM").c_str(), nullptr); }

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 3);
  for (const auto& row : rows)
    for (std::size_t j = 0; j < row.size(); ++j) widths[j] = std::max(widths[j], width_of(row[j]));
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows[i].size(); ++j) text += "| " + rows[i][j] + std::string(widths[j] - width_of(rows[i][j]) + 1, ' ');
    text += "|\n";
    if (i > 0) continue;
    for (const std::size_t width : widths) text += "|" + std::string(width + 2, '-');
    text += "|\n";
  }
  return text;
}

std::string seconds_text(double seconds) {
  if (!std::isfinite(seconds)) return "–";
  return seconds < 1e-3 ? fmt::format("{:.2e}", seconds) : fmt::format("{:.3g}", seconds);
}

std::string rounded(double value) {
  if (std::isnan(value)) return "–";
  if (std::isinf(value)) return "∞";
  const double size = std::abs(value);
  return value == 0 || (size >= 0.01 && size < 1e5) ? fmt::format("{:.4g}", value) : fmt::format("{:.1e}", value);
}

void write_file(const std::string& path, const std::string& text) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder);
  std::ofstream file(path);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

void write_json(const std::string& path, const Json& json) { write_file(path, json.dump(1) + "\n"); }

bool picture(const std::string& svg, const std::string& script, const std::string& size) {
  const std::string path = svg + ".gnuplot";
  write_file(path, fmt::format("set terminal svg size {} dynamic enhanced font 'sans-serif,13' background '#ffffff'\nset output '{}'\n{}",
                               size, svg, script));
  const bool done = std::system(fmt::format("gnuplot '{}'", path).c_str()) == 0;
  std::filesystem::remove(path);
  if (!done) std::cerr << "no picture " << svg << ": gnuplot is missing or failed\n";
  return done;
}

Arguments::Arguments(int count, char** words, const std::string& usage, std::vector<std::array<std::string, 3>> known)
    : known_(std::move(known)), command_(std::filesystem::path(words[0]).filename()) {
  const std::vector<std::string> given(words + 1, words + count);
  for (std::size_t i = 0; i < given.size(); ++i) {
    command_ += " " + given[i];
    const auto row = std::ranges::find_if(known_, [&](const auto& k) { return "--" + k[0] == given[i]; });
    const bool is_flag = row != known_.end() && ((*row)[1] == "flag" || (*row)[1] == "yes");
    if (row == known_.end() || (!is_flag && i + 1 == given.size())) {
      std::cerr << usage << "\n";
      for (const auto& [name, value, meaning] : known_)
        std::cerr << fmt::format("  --{:<14} {}{}\n", name, meaning, value == "flag" ? "" : fmt::format(" (default {})", value));
      std::exit(given[i] == "--help" ? 0 : 2);
    }
    (*row)[1] = is_flag ? "yes" : given[++i];
    if (!is_flag) command_ += " " + given[i];
  }
}

std::string Arguments::text(const std::string& name) const {
  const auto row = std::ranges::find_if(known_, [&](const auto& k) { return k[0] == name; });
  if (row == known_.end()) throw std::logic_error("no option --" + name);
  return (*row)[1];
}

double Arguments::number(const std::string& name) const {
  const std::string value = text(name);
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != 0) {
    std::cerr << fmt::format("--{} {} is not a number\n", name, value);
    std::exit(2);
  }
  return number;
}

}  // namespace raphson::bench
