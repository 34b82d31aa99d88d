// SPDX-License-Identifier: Apache-2.0
// From a request's bytes to the bytes that are sent, in every dialect: with nothing to redact not one byte changes; with
// something, the edited body is the given one but for the tokens; and a conversation keeps its redacted beginning.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>
#include <random>

#include "agent/pipeline/joints.h"
#include "policy/classify/engine.h"
#include "policy/classify/redact.h"
#include "tests/unit/provider/samples.h"

namespace warden::pipeline {
namespace {

using provider::Sample;

constexpr size_t kRequestsEach = 1000;
// One number in the spellings that JSON allows it; all are the same text once decoded.
constexpr std::array<std::string_view, 3> kSpelt = {"536-22-1847", "536\\u002d22\\u002d1847", "\\u00353\\u0036-22-1847"};

class Redactor {
 public:
  // nullopt: the dialect cannot read it, or it may not be edited.
  std::optional<std::string> run(const Sample& sample, std::string_view body, size_t& findings) {
    const auto prompt = provider::find_dialect(sample.dialect)->read(sample.line(), body);
    if (!prompt) return std::nullopt;
    to_segments(*prompt, head_, service_, segments_);
    const classify::Report& report = scanner_.scan(segments_);
    EXPECT_EQ(report.status, classify::ScanStatus::complete);
    findings = report.findings.size();
    const auto edits = classify::redact(segments_, report.findings, "a key of the host");
    if (!edits) return std::nullopt;
    std::string edited;
    EXPECT_TRUE(apply_edits(body, segments_, *edits, [&](std::string_view bytes) {
      edited += bytes;
      return true;
    }));
    return edited;
  }

 private:
  http::Head head_;
  provider::Service service_;
  std::vector<classify::Segment> segments_;
  classify::Scanner scanner_{*classify::Pack::load()};
};

std::string words(std::mt19937& random, bool escapes) {
  static constexpr std::array<std::string_view, 9> kWords = {"tide", "harbour", "ledger", "gull", "lamp", "\u00e9t\u00e9", "\U0001F30A", "quiet", "boats"};
  std::string out;
  for (size_t i = 1 + random() % 8; i > 0; --i) {
    out.append(kWords[random() % kWords.size()]);
    if (escapes && random() % 5 == 0) out.append(random() % 2 == 0 ? "\\n" : "\\u0020\\\"");
    out.push_back(' ');
  }
  return out;
}

// White space where JSON allows it; not in forms, whose lines are counted.
std::string spaced(std::string_view body, std::mt19937& random) {
  std::string out;
  bool inside = false;
  for (size_t at = 0; at < body.size(); ++at) {
    const char c = body[at];
    out.push_back(c);
    if (inside && c == '\\') out.push_back(body[++at]);
    if (c == '"') inside = !inside;
    if (!inside && std::string_view("{}[],:").find(c) != std::string_view::npos && random() % 6 == 0)
      out.append(std::array{" ", "\n  ", "\t", "\r\n"}[random() % 4]);
  }
  return out;
}

struct Generated {
  std::string body;
  size_t numbers = 0;
};

Generated generate(const Sample& sample, bool sensitive, std::mt19937& random) {
  Generated out;
  std::string body = sample.form ? sample.body : spaced(sample.body, random);
  for (const std::string& position : provider::positions()) {
    const std::string mark = provider::marker(position);
    for (size_t at = body.find(mark); at != std::string::npos; at = body.find(mark, at)) {
      // In a string inside a string (a tool's arguments) or in a plain field an escape would be text.
      const bool plain = sample.form || position == "tool_arguments";
      std::string text = words(random, !plain);
      if (sensitive && random() % 3 != 0) {
        text += "her social security number (SSN) is " + std::string(kSpelt[plain ? 0 : random() % kSpelt.size()]) + " " + words(random, !plain);
        ++out.numbers;
      }
      body.replace(at, mark.size(), text);
      at += text.size();
    }
  }
  out.body = std::move(body);
  return out;
}

// The edited body against the given one: between tokens every byte is the same, and each token stands for one spelling.
void only_numbers_changed(std::string_view given, const std::string& edited, size_t numbers, const std::string& what) {
  size_t tokens = 0, from = 0;
  for (size_t start = edited.find("[PII:"); start != std::string::npos; start = edited.find("[PII:", from), ++tokens) {
    const std::string_view same = std::string_view(edited).substr(from, start - from);
    ASSERT_TRUE(given.starts_with(same)) << what;
    given.remove_prefix(same.size());
    const auto spelt = std::ranges::find_if(kSpelt, [&](std::string_view form) { return given.starts_with(form); });
    ASSERT_NE(spelt, kSpelt.end()) << what << ": " << given.substr(0, 60);
    given.remove_prefix(spelt->size());
    from = edited.find(']', start) + 1;
  }
  EXPECT_EQ(std::string_view(edited).substr(from), given) << what;
  EXPECT_EQ(tokens, numbers) << what;
}

TEST(ByteIdentity, NothingToRedactChangesNothing) {
  Redactor redactor;
  std::map<std::string, std::vector<const Sample*>> rows;
  for (const Sample& sample : provider::samples()) rows[sample.dialect].push_back(&sample);
  for (const auto& [dialect, list] : rows) {
    std::mt19937 random(7);
    for (size_t i = 0; i < kRequestsEach; ++i) {
      const Sample& sample = *list[i % list.size()];
      const Generated request = generate(sample, false, random);
      size_t findings = 0;
      const auto sent = redactor.run(sample, request.body, findings);
      ASSERT_TRUE(sent) << sample.path << " " << request.body;
      ASSERT_EQ(*sent, request.body) << sample.path << " with " << findings << " findings";
    }
  }
}

TEST(ByteIdentity, RedactionChangesNothingButTheValues) {
  Redactor redactor;
  std::map<std::string, std::vector<const Sample*>> rows;
  for (const Sample& sample : provider::samples()) rows[sample.dialect].push_back(&sample);
  for (const auto& [dialect, list] : rows) {
    std::mt19937 random(11);
    size_t edited = 0;
    for (size_t i = 0; i < kRequestsEach; ++i) {
      const Sample& sample = *list[i % list.size()];
      const Generated request = generate(sample, true, random);
      size_t findings = 0;
      const auto sent = redactor.run(sample, request.body, findings);
      ASSERT_TRUE(sent) << sample.path;
      only_numbers_changed(request.body, *sent, request.numbers, sample.row + " " + sample.path);
      if (testing::Test::HasFailure()) return;
      if (!sample.form) {
        boost::system::error_code error;
        (void)boost::json::parse(*sent, error);
        ASSERT_FALSE(error) << "no longer JSON: " << *sent;
      }
      edited += request.numbers > 0;
    }
    EXPECT_GT(edited, kRequestsEach / 4) << dialect;
  }
}

// What a provider caches is the beginning of a conversation: redacted, it must be the same bytes turn after turn.
struct Talk {
  std::string_view dialect, path, open, close, user, assistant;  // turns with "@" for the text
};
constexpr std::array<Talk, 5> kTalks = {{
    {"openai", "/v1/chat/completions", R"({"model":"m","messages":[)", "]}", R"({"role":"user","content":"@"})", R"({"role":"assistant","content":"@"})"},
    {"openai", "/v1/responses", R"({"model":"m","input":[)", "]}", R"({"role":"user","content":"@"})",
     R"({"role":"assistant","content":[{"type":"output_text","text":"@"}]})"},
    {"anthropic", "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[)", "]}",
     R"({"role":"user","content":[{"type":"text","text":"@","cache_control":{"type":"ephemeral"}}]})", R"({"role":"assistant","content":"@"})"},
    {"gemini", "/v1beta/models/m:generateContent", R"({"contents":[)", "]}", R"({"role":"user","parts":[{"text":"@"}]})",
     R"({"role":"model","parts":[{"text":"@"}]})"},
    {"bedrock", "/model/m/converse", R"({"messages":[)", "]}", R"({"role":"user","content":[{"text":"@"},{"cachePoint":{"type":"default"}}]})",
     R"({"role":"assistant","content":[{"text":"@"}]})"},
}};

TEST(PromptCache, TenTurnsRedactedKeepTheirBeginning) {
  Redactor redactor;
  for (const Talk& talk : kTalks) {
    std::mt19937 random(3);
    std::string turns, before;
    for (int turn = 0; turn < 10; ++turn) {
      for (const std::string_view form : {talk.user, talk.assistant}) {
        std::string text(form);
        text.replace(text.find('@'), 1, words(random, true) + "the SSN of customer " + std::to_string(turn) + " is 536-22-" +
                                            std::to_string(1847 + turn) + " " + words(random, true));
        turns += (turns.empty() ? "" : ",") + text;
        if (form == talk.user) {
          Sample sample;
          sample.dialect = talk.dialect;
          sample.path = talk.path;
          sample.content_type = "application/json";
          const std::string body = std::string(talk.open) + turns + std::string(talk.close);
          size_t findings = 0;
          const auto sent = redactor.run(sample, body, findings);
          ASSERT_TRUE(sent) << talk.path;
          ASSERT_EQ(findings, static_cast<size_t>(2 * turn + 1)) << talk.path;
          ASSERT_EQ(sent->find("536-22-"), std::string::npos) << *sent;
          ASSERT_TRUE(sent->starts_with(before)) << talk.path << " turn " << turn;
          before = sent->substr(0, sent->size() - talk.close.size());
        }
      }
    }
  }
}

}  // namespace
}  // namespace warden::pipeline
