// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/provider/parts.h"

namespace warden::provider {
namespace {

using namespace std::string_literals;

std::string field(std::string_view name, std::string_view value) {
  return "--b\r\nContent-Disposition: form-data; name=\"" + std::string(name) + "\"\r\n\r\n" + std::string(value) + "\r\n";
}
std::string file(std::string_view filename, std::string_view content, std::string_view more = {}) {
  return "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + std::string(filename) + "\"\r\n" +
         std::string(more) + "\r\n" + std::string(content) + "\r\n";
}

std::expected<Prompt, Unreadable> read_form(std::string_view path, std::string_view body,
                                            std::string_view type = "multipart/form-data; boundary=b") {
  return find_dialect("openai")->read({"POST", path, "", "multipart/form-data", type}, body);
}

TEST(Upload, LinesOfABatchAreRequests) {
  const std::string lines =
      R"({"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-x","max_tokens":5,"messages":[{"role":"system","content":"s1"}]}})"
      "\n"
      R"({"custom_id":"2","method":"POST","url":"/v1/embeddings","body":{"model":"gpt-x","input":"e2"}})"
      "\r\n\n";
  const std::string form = field("purpose", "batch") + file("b.jsonl", lines) + "--b--\r\n";
  const auto prompt = read_form("/v1/files", form);
  ASSERT_TRUE(prompt) << name(prompt.error());
  EXPECT_EQ(prompt->operation, "files");
  EXPECT_EQ(prompt->model, "gpt-x");
  EXPECT_EQ(prompt->max_tokens, 5);
  EXPECT_EQ(role_of(*prompt, "s1"), Role::system);
  EXPECT_EQ(role_of(*prompt, "e2"), Role::embedding);
  EXPECT_TRUE(part_of(*prompt, "e2")->editable);
  EXPECT_EQ(role_of(*prompt, "2"), Role::file);
  EXPECT_NE(part_of(*prompt, "batch", PartForm::plain), nullptr);
}

TEST(Upload, TextIsAPartJsonIsWalkedMediaIsSealed) {
  const std::string png = "\x89PNG\r\n\x1a\n\0\0"s;
  const std::string form = file("note.txt", "my number") + file("x.json", R"({"a":"\u0041bc"})") + file("p.png", png) + "--b--";
  const auto prompt = read_form("/v1/files", form);
  ASSERT_TRUE(prompt) << name(prompt.error());
  EXPECT_EQ(role_of(*prompt, "my number", PartForm::plain), Role::file);
  EXPECT_TRUE(part_of(*prompt, "my number", PartForm::plain)->editable);
  EXPECT_EQ(role_of(*prompt, R"(\u0041bc)"), Role::file);
  ASSERT_NE(part_of(*prompt, png, PartForm::plain), nullptr);
  EXPECT_FALSE(part_of(*prompt, png, PartForm::plain)->editable);
}

TEST(Upload, APartThatNamesItsLengthStaysAsItIs) {
  const std::string form = file("n.txt", "abc", "Content-Length: 3\r\n") + "--b--";
  const auto prompt = read_form("/v1/files", form);
  ASSERT_TRUE(prompt);
  EXPECT_FALSE(part_of(*prompt, "abc", PartForm::plain)->editable);
}

TEST(Upload, RefusesWhatItCannotSee) {
  const auto why = [](const std::string& body, std::string_view path = "/v1/files") {
    const auto prompt = read_form(path, body);
    return prompt ? "read" : std::string(name(prompt.error()));
  };
  EXPECT_EQ(why(file("d.pdf", "%PDF-1.7\n\x80\x81") + "--b--"), "opaque_file");
  EXPECT_EQ(why(file("u.txt", "a\0b\0"s) + "--b--"), "opaque_file") << "UTF-16";
  EXPECT_EQ(why(file("b.jsonl", "{\"a\":1}\nnot json") + "--b--"), "invalid_json");
  EXPECT_EQ(why(file("b.jsonl", "{\"body\":{\"model\":\"a\"}}\n{\"body\":{\"model\":\"b\"}}") + "--b--"), "mixed_models");
  EXPECT_EQ(why(field("model", "a") + field("model", "b") + "--b--"), "duplicate_member");
  EXPECT_EQ(why("hidden" + field("model", "a") + "--b--"), "unknown_shape");
  EXPECT_EQ(why(field("model", "a") + "--b--\r\nhidden"), "trailing_data");
  EXPECT_EQ(why(field("model", "a")), "unknown_shape") << "no last delimiter";
  EXPECT_EQ(why(file("a", "x", "Content-Transfer-Encoding: base64\r\n") + "--b--"), "unknown_shape");
  EXPECT_EQ(why(file("a", "x", "Content-Encoding: gzip\r\n") + "--b--"), "unknown_shape");
  EXPECT_EQ(why(file("a", "x") + "--b--", "/v1/chat/completions"), "unknown_shape");
  EXPECT_EQ(read_form("/v1/files", "--b--", "multipart/form-data").error(), Unreadable::unknown_shape);
  EXPECT_EQ(read_form("/v1/files", "--b--", "multipart/form-data; boundary=a; boundary=b").error(), Unreadable::unknown_shape);
}

TEST(Upload, ReadsTranscriptionsAndOtherForms) {
  const std::string form =
      field("model", "whisper-1") + field("prompt", "names: Ann") + file("a.mp3", "ID3\x03\xff") + "--b--\r\n";
  const auto prompt = read_form("/v1/audio/transcriptions", form);
  ASSERT_TRUE(prompt) << name(prompt.error());
  EXPECT_EQ(prompt->operation, "transcriptions");
  EXPECT_EQ(prompt->model, "whisper-1");
  EXPECT_EQ(role_of(*prompt, "names: Ann", PartForm::plain), Role::user);
}

TEST(Upload, AJsonRouteReadsJsonWhateverTheTypeSays) {
  const auto prompt = find_dialect("openai")->read({"POST", "/v1/chat/completions", "", "text/plain", "text/plain"},
                                                   R"({"model":"m","messages":[{"role":"user","content":"u"}]})");
  ASSERT_TRUE(prompt);
  EXPECT_EQ(prompt->model, "m");
  EXPECT_EQ(role_of(*prompt, "u"), Role::user);
}

TEST(Upload, AnthropicBatchesAreRequestsToo) {
  const auto prompt = read_post("anthropic", "/v1/messages/batches",
                                R"({"requests":[{"custom_id":"a","params":{"model":"c","max_tokens":3,"messages":[{"role":"user","content":"u"}]}}]})");
  ASSERT_TRUE(prompt) << name(prompt.error());
  EXPECT_EQ(prompt->model, "c");
  EXPECT_EQ(role_of(*prompt, "u"), Role::user);
  EXPECT_EQ(read_post("anthropic", "/v1/messages/batches",
                      R"({"requests":[{"params":{"model":"a","messages":[]}},{"params":{"model":"b","messages":[]}}]})")
                .error(),
            Unreadable::mixed_models);
}

}  // namespace
}  // namespace warden::provider
