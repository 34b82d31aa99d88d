// SPDX-License-Identifier: Apache-2.0
// Every dialect over the sample requests: each marked text is a Part with its role, the answer's form is known, errors are
// sound JSON, and malformed requests of each kind are refused or read, never more.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "tests/unit/provider/parts.h"
#include "tests/unit/provider/samples.h"
#include "tlsproxy/provider/json_walk.h"

namespace warden::provider {
namespace {

const Dialect& dialect_of(const Sample& sample) {
  const Dialect* dialect = find_dialect(sample.dialect);
  if (dialect == nullptr) std::abort();
  return *dialect;
}

const std::map<std::string, std::set<Role>> kRoles = {
    {"system", {Role::system}},
    {"user", {Role::user}},
    {"history", {Role::assistant}},
    {"tool_definition", {Role::tool_definition}},
    {"tool_arguments", {Role::tool_call}},
    {"tool_result", {Role::tool_result}},
    {"file", {Role::file, Role::user}},  // a part of a message whose provider gives files no type of their own
    {"batch_line", {Role::user, Role::file}},
    {"embeddings", {Role::embedding, Role::user}},  // Vertex's :predict serves both
    {"multimodal", {Role::file, Role::user}},
};

TEST(Dialects, EveryMarkedTextIsAPartWithItsRole) {
  size_t seen = 0;
  for (const Sample& sample : samples()) {
    const auto prompt = dialect_of(sample).read(sample.line(), sample.body);
    ASSERT_TRUE(prompt) << sample.row << " " << sample.path << ": " << name(prompt.error());
    EXPECT_FALSE(prompt->operation.empty()) << sample.path;
    EXPECT_EQ(prompt->stream, sample.stream) << sample.row << " " << sample.path << "?" << sample.query;
    for (const std::string& position : positions()) {
      const std::string mark = marker(position);
      if (sample.body.find(mark) == std::string::npos) continue;
      size_t found = 0;
      for (const Part& part : prompt->parts) {
        if (part.raw.find(mark) == std::string_view::npos) continue;
        ++found;
        EXPECT_TRUE(kRoles.at(position).contains(part.role))
            << sample.row << " " << sample.path << " " << position << " has role " << static_cast<int>(part.role);
        EXPECT_TRUE(part.editable) << sample.row << " " << sample.path << " " << position;
      }
      EXPECT_GT(found, 0U) << sample.row << " " << sample.path << " " << position;
      seen += found;
    }
  }
  EXPECT_GT(seen, 300U);
}

TEST(Dialects, EveryDialectHasSamplesAndNamesAModel) {
  std::set<std::string> sampled;
  for (const Sample& sample : samples()) {
    sampled.insert(sample.dialect);
    const auto prompt = dialect_of(sample).read(sample.line(), sample.body);
    if (!prompt || sample.body.find("model-x") == std::string::npos) continue;
    EXPECT_NE(prompt->model.find("model-x"), std::string::npos) << sample.row << " " << sample.path;
  }
  for (const std::string_view dialect : dialect_names()) EXPECT_TRUE(sampled.contains(std::string(dialect))) << dialect;
}

TEST(Dialects, SealedPartsAreNeverEditable) {
  for (const Sample& sample : samples()) {
    const auto prompt = dialect_of(sample).read(sample.line(), sample.body);
    ASSERT_TRUE(prompt);
    for (const std::string_view sealed : {"sealed", "sig"})
      for (const Part& part : prompt->parts)
        EXPECT_FALSE(part.raw == sealed && part.editable) << sample.row << " " << sample.path;
  }
}

TEST(Dialects, ErrorsAreSoundInEveryShape) {
  for (const Sample& sample : samples())
    for (const int status : {400, 429, 503}) {
      const Refusal refusal{
          .status = status, .code = "c", .message = "\x01\"\\\xff\n", .request_id = "r", .path = sample.path};
      Tape tape;
      const std::string body = dialect_of(sample).error_body(refusal);
      EXPECT_FALSE(walk_json(body, tape)) << body;
      const std::string event = dialect_of(sample).stream_error(refusal, "text/event-stream");
      EXPECT_FALSE(event.empty()) << sample.dialect;
    }
  EXPECT_EQ(find_dialect("bedrock")->error_field({.status = 400, .message = {}, .request_id = {}}).value, "ValidationException");
  EXPECT_TRUE(find_dialect("openai")->error_field({.status = 400, .message = {}, .request_id = {}}).name.empty());
}

// A terminal stream error is itself read as an error by the dialect's own answer reader, where that dialect streams.
TEST(Dialects, AFailedStreamReadsAsFailed) {
  for (const Sample& sample : samples()) {
    if (!sample.stream) continue;
    const bool events = sample.dialect == "bedrock" && sample.path.find("/model/") != std::string::npos;
    const bool lines = sample.dialect == "ollama";
    const std::string_view type = events ? "application/vnd.amazon.eventstream" : lines ? "application/x-ndjson" : "text/event-stream";
    const Refusal refusal{.message = "no", .request_id = "r", .path = sample.path};
    const auto reader = dialect_of(sample).answer(sample.line(), 200, type);
    reader->body(dialect_of(sample).stream_error(refusal, type));
    const Usage usage = reader->finish();
    ASSERT_FALSE(usage.finish.empty()) << sample.row << " " << sample.path;
  }
}

TEST(Dialects, ReadingsOfResourcesCarryNoPrompt) {
  EXPECT_TRUE(find_dialect("ollama")->read({"GET", "/api/tags", "", ""}, ""));
  EXPECT_TRUE(find_dialect("replicate")->read({"GET", "/v1/predictions/x", "", ""}, ""));
  EXPECT_TRUE(find_dialect("coding-agent")->read({"GET", "/backend-api/me", "", ""}, ""));
  EXPECT_FALSE(find_dialect("coding-agent")->read({"POST", "/backend-api/sentinel", "", ""}, "{}"));
  for (const std::string_view dialect : dialect_names())
    EXPECT_FALSE(find_dialect(dialect)->read({"POST", "/nobody/knows", "", "application/json"}, "{}")) << dialect;
}

TEST(SignedBodies, AreRecognised) {
  EXPECT_TRUE(body_is_signed("AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/bedrock/aws4_request, Signature=0", ""));
  EXPECT_TRUE(body_is_signed("", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"));
  EXPECT_FALSE(body_is_signed("Bearer abc", "alt=sse"));
  auto prompt = *find_dialect("bedrock")->read({"POST", "/model/m/converse", "", "application/json"},
                                               R"({"messages":[{"role":"user","content":[{"text":"t"}]}]})");
  seal(prompt);
  EXPECT_FALSE(part_of(prompt, "t")->editable);
}

// One malformed variant: bytes changed, cut, doubled, moved, or a word of JSON put in.
std::string mutated(const Sample& sample, std::mt19937& random) {
  static constexpr std::array<std::string_view, 12> kWords = {
      "{", "}", "[", "]", "\"", "\\u0", ",\"model\":1", "null", "\xff", "\r\n--samples\r\n", "--samples--", "\\ud800"};
  std::string body = sample.body;
  const size_t changes = 1 + random() % 4;
  for (size_t i = 0; i < changes && !body.empty(); ++i) {
    const size_t at = random() % body.size();
    switch (random() % 6) {
      case 0: body[at] = static_cast<char>(random()); break;
      case 1: body.resize(at); break;
      case 2: body.insert(at, kWords[random() % kWords.size()]); break;
      case 3: body.insert(at, body.substr(random() % body.size(), random() % 64)); break;
      case 4: body.erase(at, 1 + random() % 16); break;
      default: std::swap(body[at], body[random() % body.size()]); break;
    }
  }
  return body;
}

// WARDEN_MUTATIONS: how many for each dialect; the default is the bounded form for every run.
TEST(Dialects, MalformedRequestsAreReadOrRefused) {
  const char* asked = std::getenv("WARDEN_MUTATIONS");
  const size_t each = asked == nullptr ? 2000 : std::strtoul(asked, nullptr, 10);
  std::map<std::string, std::vector<const Sample*>> by_dialect;
  for (const Sample& sample : samples()) by_dialect[sample.dialect].push_back(&sample);
  for (const auto& [dialect, list] : by_dialect) {
    std::mt19937 random(20261126);
    size_t read = 0, refused = 0;
    for (size_t i = 0; i < each; ++i) {
      const Sample& sample = *list[i % list.size()];
      const std::string body = mutated(sample, random);
      const auto prompt = dialect_of(sample).read(sample.line(), body);
      ++(prompt ? read : refused);
      if (!prompt) continue;
      const char* last = body.data();
      for (const Part& part : prompt->parts) {
        ASSERT_TRUE(part.raw.data() >= last && part.raw.data() + part.raw.size() <= body.data() + body.size())
            << dialect << " " << sample.path;
        last = part.raw.data();
      }
    }
    std::printf("%-14s %zu mutations: %zu refused, %zu read\n", dialect.c_str(), each, refused, read);
    EXPECT_GT(refused, each / 4);
    EXPECT_GT(read, 0U);
  }
}

}  // namespace
}  // namespace warden::provider
