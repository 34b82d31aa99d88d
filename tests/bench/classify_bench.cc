// SPDX-License-Identifier: Apache-2.0
// classify_bench [FILE...]: GB/s of the classifier on texts of several kinds (or on the files), beside the plain literal pass of
// the same anchors and beside the same detectors as regular expressions, interleaved in one run; then the latency of prompts.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "policy/classify/engine.h"
#include "policy/classify/pack.h"
#include "tests/bench/classify_corpus.h"
#ifdef WITH_PCRE2
#include "tests/bench/classify_regex.h"
#endif

namespace {

using namespace warden;
// Of this thread alone: what else runs on the machine says nothing about the classifier.
double now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}
constexpr size_t kPrompt = 32 * 1024;
constexpr size_t kCached = 512 * 1024;        // fits the second-level cache
constexpr size_t kUncached = 96 * 1024 * 1024;
constexpr int kRounds = 7;

double seconds(double from) { return now() - from; }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<std::string_view> prompts(std::string_view text, size_t size) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at < text.size(); at += size) out.push_back(text.substr(at, size));
  return out;
}

class Engines {
 public:
  explicit Engines(std::shared_ptr<const classify::CompiledPack> pack) : pack_(pack), scanner_(pack) { pack_->anchor_set->prepare(scratch_); }

  size_t classify(std::string_view text) {
    classify::Segment segment;
    segment.raw = text;
    const classify::Report& report = scanner_.scan({&segment, 1});
    partial_ += report.status != classify::ScanStatus::complete ? 1 : 0;
    return report.findings.size();
  }
  size_t literals(std::string_view text) {
    hits_.clear();
    pack_->anchor_set->scan(text, scratch_, 1 << 20, hits_);
    return hits_.size();
  }
  size_t regexes([[maybe_unused]] std::string_view text) {
#ifdef WITH_PCRE2
    return regexes_.matches(text);
#else
    return 0;
#endif
  }
  [[nodiscard]] size_t partial() const { return partial_; }

 private:
  std::shared_ptr<const classify::CompiledPack> pack_;
  classify::Scanner scanner_;
  classify::Scratch scratch_;
  std::vector<classify::LiteralHit> hits_;
  size_t partial_ = 0;
#ifdef WITH_PCRE2
  bench::Regexes regexes_;
#endif
};

double rate(Engines& engines, size_t (Engines::*run)(std::string_view), const std::vector<std::string_view>& texts, size_t bytes, size_t& found) {
  found = 0;
  const auto start = now();
  for (const std::string_view text : texts) found += (engines.*run)(text);
  return static_cast<double>(bytes) / 1e9 / seconds(start);
}

void throughput(Engines& engines, std::string_view name, std::string_view text, const char* where, bool regexes) {
  const auto texts = prompts(text, kPrompt);
  std::vector<double> ours, floor, regex;
  size_t found = 0, hits = 0, matches = 0;
  for (int round = 0; round < kRounds; ++round) {
    ours.push_back(rate(engines, &Engines::classify, texts, text.size(), found));
    floor.push_back(rate(engines, &Engines::literals, texts, text.size(), hits));
    if (regexes) regex.push_back(rate(engines, &Engines::regexes, texts, text.size(), matches));
  }
  std::printf("%-14.*s %-9s %7.3f [%6.3f %6.3f] %8.3f %7.2f", static_cast<int>(name.size()), name.data(), where, median(ours), *std::min_element(ours.begin(), ours.end()),
              *std::max_element(ours.begin(), ours.end()), median(floor), median(ours) / median(floor));
  if (regexes)
    std::printf(" %8.3f %7.1f", median(regex), median(ours) / median(regex));
  else
    std::printf(" %8s %7s", "-", "-");
  std::printf(" %9zu\n", found);
}

void latency(Engines& engines, std::string_view name, std::string_view text, size_t size) {
  std::vector<double> micros;
  const auto texts = prompts(text, size);
  for (const std::string_view one : texts) engines.classify(one);
  while (micros.size() < 4000) {
    for (const std::string_view one : texts) {
      if (one.size() < size) continue;
      const auto start = now();
      engines.classify(one);
      micros.push_back(seconds(start) * 1e6);
    }
  }
  std::sort(micros.begin(), micros.end());
  std::printf("%-14.*s %6zu KB  p50 %8.1f us  p99 %8.1f us\n", static_cast<int>(name.size()), name.data(), size / 1024, micros[micros.size() / 2],
              micros[micros.size() * 99 / 100]);
}

}  // namespace

int main(int argc, char** argv) {
  const auto start = now();
  const auto loaded = classify::Pack::load();
  if (!loaded) return 2;
  std::printf("pack loaded in %.1f ms\n", seconds(start) * 1e3);
  Engines engines(std::dynamic_pointer_cast<const classify::CompiledPack>(*loaded));
  std::vector<std::pair<std::string, std::string>> texts;
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    texts.emplace_back(argv[i], std::string(std::istreambuf_iterator<char>(file), {}));
  }
  using bench::Kind;
  if (texts.empty()) {
    for (const Kind kind : {Kind::prose, Kind::code, Kind::json, Kind::logs, Kind::dense}) texts.emplace_back(bench::kind_name(kind), bench::corpus(kind, kCached, 1));
  }
  std::printf("%-14s %-9s %7s [%6s %6s] %8s %7s %8s %7s %9s\n", "GB/s", "", "ours", "min", "max", "literals", "x floor", "regexes", "x regex", "findings");
  for (const auto& [name, text] : texts) throughput(engines, name, text, argc > 1 ? "file" : "cached", true);
  for (const Kind kind : {Kind::prose, Kind::json}) {
    if (argc == 1) throughput(engines, bench::kind_name(kind), bench::corpus(kind, kUncached, 2), "memory", false);
  }
  for (const size_t size : {size_t{4096}, kPrompt}) {
    for (const auto& [name, text] : texts) latency(engines, name, text, size);
  }
  if (engines.partial() > 0) std::printf("%zu scans were partial\n", engines.partial());
  return 0;
}
