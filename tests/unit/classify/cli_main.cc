// SPDX-License-Identifier: Apache-2.0
// classify_cli: the two subcommands without the rest of the product, for the golden set and for tuning; and `segments`, which
// scans requests of several joined texts: {"id", "segments": ["...", "..."]} per line.
#include <boost/json.hpp>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "agent/cli/classify.h"
#include "policy/classify/engine.h"
#include "policy/classify/redact.h"

namespace {

namespace json = boost::json;
using namespace warden::classify;

json::object place(uint32_t segment, uint32_t begin, uint32_t end, std::string_view detector) {
  return {{"segment", segment}, {"start", begin}, {"end", end}, {"detector", json::string(detector.data(), detector.size())}};
}

json::object answer(const json::value& id, const Report& report, const std::vector<Segment>& segments) {
  json::array findings;
  json::array edits;
  std::vector<Finding> chosen;
  for (const Finding& f : report.findings) {
    json::object one = place(f.segment, f.begin, f.end, f.detector);
    one["tier"] = std::string(tier_name(f.tier));
    findings.push_back(std::move(one));
    if (f.tier != Tier::suppressed) chosen.push_back(f);
  }
  const auto redacted = redact(segments, chosen, "a key of the host");
  for (const Edit& edit : redacted.value()) {
    json::object one = place(edit.segment, edit.begin, edit.end, edit.detector);
    one["text"] = edit.replacement;
    edits.push_back(std::move(one));
  }
  json::object out{{"id", id}, {"findings", std::move(findings)}, {"edits", std::move(edits)}};
  if (report.status != ScanStatus::complete) out["status"] = report.status == ScanStatus::partial ? "partial" : "error";
  return out;
}

int run_segments() {
  const auto pack = Pack::load();
  if (!pack) return 2;
  Scanner scanner(*pack);
  std::string line;
  while (std::getline(std::cin, line)) {
    const json::value request = json::parse(line);
    std::vector<Segment> segments;
    for (const json::value& text : request.at("segments").as_array()) {
      Segment segment;
      segment.raw = {text.as_string().data(), text.as_string().size()};
      segment.joins_previous = !segments.empty();
      segments.push_back(segment);
    }
    std::cout << json::serialize(answer(request.at("id"), scanner.scan(segments), segments)) << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto has = [&](const char* flag) {
    for (int i = 2; i < argc; ++i) {
      if (std::strcmp(argv[i], flag) == 0) return true;
    }
    return false;
  };
  if (argc > 1 && std::strcmp(argv[1], "classify") == 0)
    return warden::run_classify({has("--jsonl"), has("--explain"), {}});
  if (argc > 1 && std::strcmp(argv[1], "redact") == 0) return warden::run_redact({has("--jsonl"), {}, {}});
  if (argc > 1 && std::strcmp(argv[1], "segments") == 0) return run_segments();
  std::cerr << "use: classify_cli classify [--jsonl] [--explain] | redact [--jsonl] | segments\n";
  return 2;
}
