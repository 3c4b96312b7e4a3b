#include "cli/console.hpp"

#include "cli/output_file.hpp"

#include <fmt/format.h>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace raphson::cli {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

/// The first asks the work to end, the second ends the process.
extern "C" void on_interrupt(int number) {
  if (!interrupted.exchange(true, std::memory_order_relaxed)) return;
  remove_unfinished_files();
  signal(number, SIG_DFL);
  raise(number);
}

bool terminal_shows_progress() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) && terminal && std::string(terminal) != "dumb";
}

}  // namespace

const std::atomic<bool>* catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return &interrupted;
}

/// A thread of its own, because the work it reports on does not come back to us; it looks at the clock and computes nothing.
struct Console::Ticker {
  using Clock = std::chrono::steady_clock;

  Ticker() : thread([this](std::stop_token stop) { run(stop); }) {}
  ~Ticker() {
    thread.request_stop();
    thread.join();
    clear();
  }

  void run(std::stop_token stop) {
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      wake.wait_for(lock, stop, std::chrono::milliseconds(250), [] { return false; });
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - since).count();
      if (stop.stop_requested() || text.empty() || seconds < 1) continue;
      fmt::print(stderr, "\r\033[K{} … {} s", text, seconds);
      std::fflush(stderr);
      shown = true;
    }
  }

  void clear() {  // mutex held, or thread joined
    if (shown) fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
    shown = false;
  }

  std::mutex mutex;
  std::condition_variable_any wake;
  std::string text;
  Clock::time_point since = Clock::now();
  bool shown = false;
  std::jthread thread;
};

Console::Console(bool quiet) : quiet_(quiet) {
  if (!quiet && terminal_shows_progress()) ticker_ = std::make_unique<Ticker>();
}

Console::~Console() = default;

void Console::line(const std::string& text) {
  if (quiet_) return;
  std::unique_lock<std::mutex> lock;
  if (ticker_) {
    lock = std::unique_lock(ticker_->mutex);
    ticker_->clear();
    ticker_->since = Ticker::Clock::now();
  }
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Console::stage(const std::string& text) {
  if (!ticker_) return;
  const std::lock_guard lock(ticker_->mutex);
  if (ticker_->text.empty()) ticker_->since = Ticker::Clock::now();
  if (text.empty()) ticker_->clear();
  ticker_->text = text;
}

}  // namespace raphson::cli
