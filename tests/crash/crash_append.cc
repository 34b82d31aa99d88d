// SPDX-License-Identifier: Apache-2.0
// Appends records until it is killed: crash_append DIR. Each record that the writer answered is one line on
// stdout, "req seq", written after the answer, so whoever reads knows what must still be there. crash_append
// DIR bench COUNT measures instead, with as many records in flight as the queue takes, then one by one.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <mutex>
#include <thread>

#include "agent/base/clock.h"
#include "agent/base/uuid.h"
#include "audit/record/encoder.h"
#include "audit/store/writer.h"
#include "tests/crash/sample.h"

namespace {

using namespace warden;
using namespace warden::audit;

LogConfig config_of(const char* folder) {
  LogConfig config;
  config.state_dir = folder;
  config.log_domain = "log.example";
  config.tenant = "crash";
  config.reserve_bytes = 1 << 20;
  return config;
}

int append_forever(const char* folder) {
  std::mutex mutex;
  std::deque<std::string> waiting;  // ids in the order of submission, which is the order of answers
  auto writer = Writer::open(config_of(folder), [&](std::vector<Committed> group) {
    std::string lines;
    const std::lock_guard lock(mutex);
    for (const Committed& answer : group) {
      if (answer.seq) lines += waiting.front() + ' ' + std::to_string(*answer.seq) + '\n';
      waiting.pop_front();
    }
    if (::write(STDOUT_FILENO, lines.data(), lines.size()) < 0) std::_Exit(3);
  });
  if (!writer) {
    std::fprintf(stderr, "open: %s\n", writer.error().detail.c_str());
    return 1;
  }
  for (uint64_t i = 0;; ++i) {
    const std::string req = uuid7();
    const std::lock_guard lock(mutex);
    if (!(*writer)->submit(i, i % 3 == 2 ? sample_outcome(req) : sample_decision(req))) continue;
    waiting.push_back(req);
    if (i % 64 == 0) ::usleep(200);
  }
}

void bench_encoder() {
  Encoder encoder;
  std::string leaf, disclosures;
  const Draft draft = sample_decision(uuid7());
  constexpr int kRounds = 20'000;
  const std::clock_t began = std::clock();  // of this process: the machine may be busy
  for (int i = 0; i < kRounds; ++i) {
    disclosures.clear();
    static_cast<void>(encoder.encode(draft, {}, leaf, disclosures));
  }
  std::printf("encoder: %.2f us per record, leaf %zu bytes, disclosures %zu bytes\n",
              static_cast<double>(std::clock() - began) * 1e6 / CLOCKS_PER_SEC / kRounds, leaf.size(),
              disclosures.size());
}

int bench(const char* folder, uint64_t count) {
  bench_encoder();
  std::atomic<uint64_t> answered{0}, groups{0};
  std::mutex mutex;
  std::condition_variable wake;
  auto writer = Writer::open(config_of(folder), [&](std::vector<Committed> group) {
    answered += group.size();
    ++groups;
    const std::lock_guard lock(mutex);
    wake.notify_one();
  });
  if (!writer) return 1;
  const int64_t began = monotonic_ns();
  const std::clock_t cpu = std::clock();
  for (uint64_t i = 0; i < count; ++i) {
    Draft draft = sample_decision(uuid7());
    while (i - answered.load() >= 4096) std::this_thread::sleep_for(std::chrono::microseconds(50));
    while (!(*writer)->submit(i, draft)) std::this_thread::yield();
  }
  while (answered < count) std::this_thread::yield();
  const double seconds = static_cast<double>(monotonic_ns() - began) / 1e9;
  std::printf("groups: %.0f records/s durable, %.1f us of CPU per record, %.0f records per commit\n",
              static_cast<double>(count) / seconds,
              static_cast<double>(std::clock() - cpu) * 1e6 / CLOCKS_PER_SEC / static_cast<double>(count),
              static_cast<double>(count) / static_cast<double>(groups.load()));
  std::vector<int64_t> micros;
  for (int i = 0; i < 3000; ++i) {  // 1,000 a second, one at a time
    const uint64_t before = answered;
    const int64_t start = monotonic_ns();
    static_cast<void>((*writer)->submit(0, sample_decision(uuid7())));
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return answered > before; });
    micros.push_back((monotonic_ns() - start) / 1000);
    lock.unlock();
    if (micros.back() < 1000) ::usleep(static_cast<useconds_t>(1000 - micros.back()));
  }
  std::sort(micros.begin(), micros.end());
  std::printf("single: p50 %lld us, p99 %lld us\n", static_cast<long long>(micros[1500]),
              static_cast<long long>(micros[2970]));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4) return bench(argv[1], std::strtoull(argv[3], nullptr, 10));
  return argc == 2 ? append_forever(argv[1]) : 2;
}
