#include "cli/checkpoint_file.hpp"

#include <raphson/core/byte_archive.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace raphson::cli {
namespace {

constexpr const char* kind = "raphson checkpoint 1";

std::string file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in || in.bad()) throw InputError(fmt::format("--resume {}: cannot read: {}.", path, std::strerror(errno)));
  return bytes;
}

CheckpointContent parsed(const std::string& bytes) {
  ByteReader reader(bytes, kind);
  CheckpointContent content;
  std::string training, watch;
  reader(content.typed, content.held_out, training, watch);
  reader.finish();
  content.training = train_state(training);
  if (!watch.empty()) content.watch = early_stopping_state(watch);
  return content;
}

std::string value_of(const TypedOptions& options, const std::string& name) {
  const auto found = std::ranges::find(options, name, &TypedOptions::value_type::first);
  if (found == options.end()) return {};
  return found->second == "true" ? name : name + " " + found->second;  // a flag says nothing more
}

}  // namespace

std::string checkpoint_bytes(const CheckpointContent& content) {
  ByteWriter writer;
  writer(content.typed, content.held_out, to_bytes(content.training), content.watch ? to_bytes(*content.watch) : std::string());
  return writer.sealed(kind);
}

CheckpointContent load_checkpoint(const std::string& path) {
  const std::string bytes = file_bytes(path);
  try {
    return parsed(bytes);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{} {}.", path, error.what()));
  }
}

void check_same_options(const std::string& path, const TypedOptions& recorded, const TypedOptions& now) {
  const auto compare = [&](const std::string& name) {
    const std::string then = value_of(recorded, name), here = value_of(now, name);
    if (then == here) return;
    throw InputError(fmt::format("{} was made {} {}, this run has {}.", path, then.empty() ? "without" : "with", then.empty() ? name : then,
                                 here.empty() ? "none" : here));
  };
  for (const auto& option : now) compare(option.first);
  for (const auto& option : recorded) compare(option.first);
}

}  // namespace raphson::cli
