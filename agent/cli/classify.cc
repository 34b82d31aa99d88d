// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/classify.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <optional>

#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "policy/classify/engine.h"
#include "policy/classify/redact.h"

namespace warden {
namespace {

namespace json = boost::json;
using classify::Finding;
using classify::Report;
using classify::Scanner;
using classify::Segment;
using classify::Tier;

json::string_view text_of(std::string_view text) {
  return {text.data(), text.size()};
}

std::optional<Scanner> open_scanner(const std::string& folder, const char* command) {
  auto pack = classify::Pack::load(folder);
  if (pack) return std::optional<Scanner>(std::in_place, *pack);
  std::cerr << "egresswarden " << command << ": " << pack.error().detail << '\n';
  return std::nullopt;
}

std::string read_stdin() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

struct Line {
  json::value id;
  std::string text;
};

// One input line; nullopt (and a message) when it is not {"id": ..., "text": "..."}.
std::optional<Line> parse_line(const std::string& line, uint64_t number, const char* command) {
  json::error_code error;
  const json::value value = json::parse(text_of(line), error);
  const json::object* object = error ? nullptr : value.if_object();
  const json::value* text = object != nullptr ? object->if_contains("text") : nullptr;
  if (text == nullptr || !text->is_string()) {
    std::cerr << "egresswarden " << command << ": line " << number
              << R"(: not a JSON object with a string "text" (want {"id":"1","text":"..."}))" << '\n';
    return std::nullopt;
  }
  Line out;
  if (const json::value* id = object->if_contains("id")) out.id = *id;
  out.text = std::string(text->get_string().data(), text->get_string().size());
  return out;
}

template <class Use>
int for_each_line(const char* command, Use use) {
  std::string line;
  for (uint64_t number = 1; std::getline(std::cin, line); ++number) {
    if (line.empty()) continue;
    const std::optional<Line> parsed = parse_line(line, number, command);
    if (!parsed) return 2;
    std::cout << json::serialize(use(*parsed)) << '\n';
  }
  std::cout.flush();
  return std::cout ? 0 : 2;
}

Segment segment_of(std::string_view text) {
  Segment segment;
  segment.raw = text;
  return segment;
}

const char* why(const Finding& finding) {
  switch (finding.tier) {
    case Tier::validated:
      return "the shape and every check the format has hold";
    case Tier::asserted:
      return "a label or the form says what it is; the format has no check that proves it";
    case Tier::lexical:
      return "words and statistics suggest it";
    case Tier::suppressed:
      return "a documented example or placeholder: recorded, never blocking";
  }
  return "";
}

json::object finding_json(const Finding& finding, bool explain) {
  json::object out;
  out["detector"] = text_of(finding.detector);
  out["class"] = text_of(finding.data_class);
  out["start"] = finding.begin;
  out["end"] = finding.end;
  out["tier"] = text_of(classify::tier_name(finding.tier));
  out["confidence"] = finding.confidence;
  if (explain) out["why"] = why(finding);
  return out;
}

// Only what was fully looked at is plainly answered.
void add_status(json::object& out, classify::ScanStatus status) {
  if (status == classify::ScanStatus::partial) out["status"] = "partial";
  if (status == classify::ScanStatus::error) out["status"] = "error";
}

json::object report_json(const Report& report, bool explain) {
  json::array findings;
  for (const Finding& finding : report.findings) findings.push_back(finding_json(finding, explain));
  json::object out{{"findings", std::move(findings)}};
  add_status(out, report.status);
  return out;
}

void print_table(const Report& report, bool explain) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  if (report.findings.empty()) std::printf("nothing found\n");
  for (const Finding& f : report.findings) {
    const char* colour = !terminal                    ? ""
                         : f.tier == Tier::validated  ? "\033[31m"
                         : f.tier == Tier::suppressed ? "\033[2m"
                                                      : "\033[33m";
    std::printf("%s%8u %8u  %-10s %3u  %-12.*s %.*s%s\n", colour, f.begin, f.end,
                std::string(tier_name(f.tier)).c_str(), f.confidence, static_cast<int>(f.data_class.size()),
                f.data_class.data(), static_cast<int>(f.detector.size()), f.detector.data(),
                terminal ? "\033[0m" : "");
    if (explain) std::printf("%19s%s\n", "", why(f));
  }
  if (report.status == classify::ScanStatus::partial) std::printf("partial: the scan budget ran out\n");
  if (report.status == classify::ScanStatus::error) std::printf("error: the text is not valid UTF-8\n");
}

struct Redacted {
  classify::ScanStatus status = classify::ScanStatus::error;
  std::string text;
  std::vector<classify::Edit> edits;
};

Redacted redact_text(Scanner& scanner, std::string_view text, std::string_view key) {
  const Segment segment = segment_of(text);
  const Report& report = scanner.scan({&segment, 1});
  std::vector<Finding> chosen;
  for (const Finding& finding : report.findings)
    if (finding.tier != Tier::suppressed) chosen.push_back(finding);
  Redacted out;
  out.status = report.status;
  if (auto edits = classify::redact({&segment, 1}, chosen, key))
    out.edits = std::move(*edits);
  else
    out.status = classify::ScanStatus::error;
  // Text that was not looked at to the end is not given back as if it were clean.
  if (out.status != classify::ScanStatus::complete) return out;
  size_t at = 0;
  for (const classify::Edit& edit : out.edits) {
    out.text.append(text.substr(at, edit.begin - at)).append(edit.replacement);
    at = edit.end;
  }
  out.text.append(text.substr(at));
  return out;
}

json::array edits_json(const std::vector<classify::Edit>& edits) {
  json::array out;
  for (const classify::Edit& edit : edits)
    out.push_back({{"start", edit.begin},
                   {"end", edit.end},
                   {"class", text_of(edit.data_class)},
                   {"detector", text_of(edit.detector)}});
  return out;
}

std::optional<std::string> token_key(const std::string& file) {
  if (file.empty()) return random_bytes(32);
  auto key = read_file(file, 4096);
  if (key && !key->empty()) return std::move(*key);
  std::cerr << "egresswarden redact: " << file << ": cannot read a key (want a file of 1 to 4096 bytes)\n";
  return std::nullopt;
}

}  // namespace

int run_classify(const ClassifyOptions& options) {
  std::optional<Scanner> scanner = open_scanner(options.pack, "classify");
  if (!scanner) return 2;
  if (!options.jsonl) {
    const std::string text = read_stdin();
    const Segment segment = segment_of(text);
    const Report& report = scanner->scan({&segment, 1});
    if (options.json)
      std::cout << json::serialize(report_json(report, options.explain)) << std::endl;
    else
      print_table(report, options.explain);
    return 0;
  }
  return for_each_line("classify", [&](const Line& line) {
    const Segment segment = segment_of(line.text);
    json::object out{{"id", line.id}};
    for (auto& [key, value] : report_json(scanner->scan({&segment, 1}), options.explain))
      out[key] = std::move(value);
    return out;
  });
}

int run_redact(const RedactOptions& options) {
  std::optional<Scanner> scanner = open_scanner(options.pack, "redact");
  const std::optional<std::string> key = token_key(options.key_file);
  if (!scanner || !key) return 2;
  if (!options.jsonl) {
    const Redacted redacted = redact_text(*scanner, read_stdin(), *key);
    if (redacted.status != classify::ScanStatus::complete) {
      std::cerr << "egresswarden redact: not redacted: "
                << (redacted.status == classify::ScanStatus::partial
                        ? "the scan budget ran out; give less text at once"
                        : "the text is not valid UTF-8; convert it first")
                << '\n';
      return 1;
    }
    if (options.json)
      std::cout << json::serialize(
                       json::object{{"text", redacted.text}, {"edits", edits_json(redacted.edits)}})
                << std::endl;
    else
      std::cout.write(redacted.text.data(), static_cast<std::streamsize>(redacted.text.size())).flush();
    return std::cout ? 0 : 2;
  }
  return for_each_line("redact", [&](const Line& line) {
    const Redacted redacted = redact_text(*scanner, line.text, *key);
    if (redacted.status != classify::ScanStatus::complete) {
      json::object refused{{"id", line.id}, {"text", nullptr}, {"edits", json::array()}};
      add_status(refused, redacted.status);
      return refused;
    }
    return json::object{{"id", line.id}, {"text", redacted.text}, {"edits", edits_json(redacted.edits)}};
  });
}

}  // namespace warden
