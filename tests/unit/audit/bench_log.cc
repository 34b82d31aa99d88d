// SPDX-License-Identifier: Apache-2.0
// What a record costs, in the thread that pays for it: bench_log FOLDER [GROUPS]. Decisions and outcomes in
// equal number, with the fields that the agent sets; for each size of group the CPU of this thread (user and
// system, which a busy machine changes least), the durable rate, and how long an append takes.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "agent/base/clock.h"
#include "agent/base/uuid.h"
#include "audit/record/encoder.h"
#include "audit/store/log.h"
#include "tests/crash/sample.h"

namespace warden::audit {
namespace {

double micros(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

struct Cpu {
  double user_us, system_us;
  static Cpu now() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return {micros(usage.ru_utime), micros(usage.ru_stime)};
  }
};

Row ancestor(int64_t pid, const char* comm, const char* exe) {
  return {{{"pid", pid}, {"start_us", pid * 1000}, {"comm", std::string(comm)}, {"exe", std::string(exe)}}};
}

Draft decision() {
  Draft draft = sample_decision(uuid7());
  draft.set(Field::proc_ancestry, std::vector<Row>{ancestor(4000, "bash", "/usr/bin/bash"),
                                                   ancestor(3900, "sshd", "/usr/sbin/sshd"),
                                                   ancestor(1, "systemd", "/usr/lib/systemd/systemd")});
  draft.set(Field::user_login_name, std::string("alice"));
  draft.set(Field::claim_user, std::string("customer-4711"));
  draft.set(Field::cred_kind, std::string("api_key"));
  draft.set(Field::cred_fp, std::string(32, 'f'));
  draft.set(Field::net_tls, std::string("TLSv1.3"));
  draft.set(Field::net_alpn, std::string("http/1.1"));
  draft.set(Field::llm_op, std::string("chat"));
  draft.set(Field::io_capture, std::string("hash"));
  draft.set(Field::dec_reason, std::string("rule redact-email"));
  return draft;
}

Draft outcome(const Draft& of) {
  Draft draft = sample_outcome(std::get<std::string>(*of.get(Field::req)));
  draft.set(Field::out_ttfb_us, int64_t{412'000});
  draft.set(Field::out_dur_us, int64_t{913'000});
  draft.set(Field::io_sent_bytes, int64_t{2345});
  draft.set(Field::io_resp_bytes, int64_t{1234});
  draft.set(Field::llm_model_resp, std::string("gpt-4o-2024-08-06"));
  draft.set(Field::llm_tok_in, int64_t{501});
  draft.set(Field::llm_tok_out, int64_t{77});
  draft.set(Field::llm_finish, std::vector<std::string>{"stop"});
  return draft;
}

void encoder(const char* what, const Draft& draft) {
  Encoder encoder;
  std::string leaf, disclosures;
  constexpr int kRounds = 20'000;
  const Cpu before = Cpu::now();
  for (int i = 0; i < kRounds; ++i) {
    disclosures.clear();
    static_cast<void>(encoder.encode(draft, {}, leaf, disclosures));
  }
  const Cpu after = Cpu::now();
  std::printf("encoder, %s of %zu fields: %.2f us, leaf %zu bytes, disclosures %zu bytes\n", what,
              draft.fields().size(), (after.user_us - before.user_us) / kRounds, leaf.size(),
              disclosures.size());
}

int append(const char* folder, size_t groups) {
  LogConfig config;
  config.state_dir = folder;
  config.log_domain = "log.example";
  config.tenant = "bench";
  config.reserve_bytes = 1 << 20;
  auto log = Log::open(config);
  if (!log) return 1;
  for (const size_t size : {2, 16, 64, 256, 2048}) {
    std::vector<int64_t> took_us;
    std::vector<Item> ends;
    Cpu spent{0, 0};
    const size_t rounds = std::max<size_t>(groups / size, 40);
    for (size_t round = 0; round < rounds; ++round) {
      // An outcome comes some groups after its decision.
      std::vector<Item> group = std::move(ends);
      ends.clear();
      while (group.size() < size) {
        group.push_back({1, decision()});
        ends.push_back({2, outcome(group.back().draft)});
      }
      const Cpu before = Cpu::now();
      const int64_t began_ns = monotonic_ns();
      for (const Committed& answer : (*log)->append(std::move(group)))
        if (!answer.seq) return 1;
      took_us.push_back((monotonic_ns() - began_ns) / 1000);
      const Cpu after = Cpu::now();
      spent.user_us += after.user_us - before.user_us;
      spent.system_us += after.system_us - before.system_us;
    }
    const auto records = static_cast<double>(rounds * size);
    int64_t wall_us = 0;
    for (const int64_t t : took_us) wall_us += t;
    std::sort(took_us.begin(), took_us.end());
    std::printf(
        "groups of %4zu: CPU per record %6.2f us user %6.2f us system, %6.0f records/s, "
        "append p50 %lld us p99 %lld us\n",
        size, spent.user_us / records, spent.system_us / records,
        records * 1e6 / static_cast<double>(wall_us), static_cast<long long>(took_us[rounds / 2]),
        static_cast<long long>(took_us[rounds * 99 / 100]));
  }
  return 0;
}

// 1,000 exchanges a second, each with a decision that is waited for and then an outcome that is not.
int paced(const char* folder) {
  LogConfig config;
  config.state_dir = folder;
  config.log_domain = "log.example";
  config.tenant = "bench";
  std::atomic<uint64_t> answered{0};
  auto writer = Writer::open(config, [&](const std::vector<Committed>& group) {
    for (const Committed& one : group) answered += one.token;
    answered.notify_one();
  });
  if (!writer) return 1;
  constexpr uint64_t kExchanges = 3000;
  const uint64_t commits = (*writer)->status().commits;
  const std::clock_t cpu = std::clock();
  std::vector<int64_t> took_us;
  for (uint64_t i = 0; i < kExchanges; ++i) {
    const int64_t began_ns = monotonic_ns();
    Draft draft = decision(), end = outcome(draft);
    (*writer)->submit(1, std::move(draft));
    while (answered.load() == i) answered.wait(i);
    took_us.push_back((monotonic_ns() - began_ns) / 1000);
    (*writer)->submit(0, std::move(end));
    if (took_us.back() < 1000) ::usleep(static_cast<useconds_t>(1000 - took_us.back()));
  }
  const double cpu_us = static_cast<double>(std::clock() - cpu) * 1e6 / CLOCKS_PER_SEC;
  std::sort(took_us.begin(), took_us.end());
  std::printf(
      "paced: %.2f commits and %.0f us of CPU per exchange, decision durable p50 %lld us p99 %lld us\n",
      static_cast<double>((*writer)->status().commits - commits) / kExchanges, cpu_us / kExchanges,
      static_cast<long long>(took_us[kExchanges / 2]),
      static_cast<long long>(took_us[kExchanges * 99 / 100]));
  return 0;
}

}  // namespace
}  // namespace warden::audit

int main(int argc, char** argv) {
  using namespace warden::audit;
  if (argc < 2) return 2;
  const Draft first = decision();
  encoder("decision", first);
  encoder("outcome", outcome(first));
  if (paced(argv[1]) != 0) return 1;
  return append(argv[1], argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 40'000);
}
