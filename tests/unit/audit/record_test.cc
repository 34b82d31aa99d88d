// SPDX-License-Identifier: Apache-2.0
// Drafts, the schema's rules and the encoder: what may stand clear, in which bytes, and what never does.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "audit/record/encoder.h"
#include "audit/record/json.h"

namespace warden::audit {
namespace {

std::string json_string(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

std::string encoded(const Draft& draft, std::string* disclosures = nullptr) {
  Encoder encoder;
  std::string leaf, list;
  EXPECT_TRUE(encoder.encode(draft, {}, leaf, list));
  EXPECT_TRUE(is_canonical(leaf)) << leaf;
  if (disclosures != nullptr) *disclosures = list;
  return leaf;
}

TEST(Canonical, StringOfRfc8785) {
  // Section 3.2.2's string, and its serialisation in 3.2.3.
  EXPECT_EQ(json_string("\xe2\x82\xac$\x0f\x0a"
                        "A'B\"\\\\\"/"),
            "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
  EXPECT_EQ(json_string("\b\t\n\f\r\x1f\x7f"), "\"\\b\\t\\n\\f\\r\\u001f\x7f\"");
  EXPECT_EQ(json_string("a\xff z"), "\"a\xef\xbf\xbd z\"");
}

TEST(Canonical, SortingOfRfc8785) {
  // Section 3.2.3: by UTF-16 code units, so U+1F600 stands before U+FB33.
  EXPECT_TRUE(
      is_canonical("{\"\\r\":1,\"1\":2,\"\xc2\x80\":3,\"\xc3\xb6\":4,\"\xe2\x82\xac\":5,\"\xf0\x9f\x98\x80\":"
                   "6,\"\xef\xac\xb3\":7}"));
  EXPECT_FALSE(is_canonical("{\"\xef\xac\xb3\":7,\"\xf0\x9f\x98\x80\":6}"));
  for (const char* bad :
       {"{\"b\":1,\"a\":2}", "{\"a\":1,\"a\":2}", "{ }", "[1, 2]", "01", "-0", "1.0", "1e3", "\"\\u0041\"",
        "\"\\/\"", "\"\\u000A\"", "\"\xff\"", "{\"a\":1}x", "", "nul", "9007199254740993", "[1,]", "{\"a\"}"})
    EXPECT_FALSE(is_canonical(bad)) << bad;
  std::string deep(40, '[');
  EXPECT_FALSE(is_canonical(deep + std::string(40, ']')));
}

TEST(Canonical, Integers) {
  std::string out;
  append_integer(out, (int64_t{1} << 53));
  out += ' ';
  append_integer(out, (int64_t{1} << 53) + 1);
  out += ' ';
  append_integer(out, INT64_MIN);
  EXPECT_EQ(out, "9007199254740992 \"9007199254740993\" \"-9223372036854775808\"");
}

TEST(Encoder, NestsSortsAndHides) {
  Draft draft;
  draft.set(Field::user_uid, int64_t{1000});
  draft.set(Field::user_name, std::string("alice"));
  draft.set(Field::llm_model, std::string("my prompt is here"));  // not plain: hidden
  draft.set(Field::llm_stream, true);
  draft.set(Field::req, std::string("r1"));
  draft.set(Field::unit, std::string("a b"));
  std::string disclosures;
  const std::string leaf = encoded(draft, &disclosures);
  EXPECT_EQ(find(leaf, "user.uid"), "1000");
  EXPECT_EQ(find(leaf, "llm.stream"), "true");
  for (const char* secret : {"alice", "prompt", "a b"}) EXPECT_EQ(leaf.find(secret), std::string::npos);
  std::set<std::string> opened;
  for (std::string_view rest = disclosures; !rest.empty(); rest.remove_prefix(rest.find('~') + 1)) {
    const std::string_view one = rest.substr(0, rest.find('~'));
    EXPECT_NE(leaf.find(base64url(view(sha256(one)))), std::string::npos);
    opened.insert(from_base64url(one)->substr(26));  // after ["<22 characters of salt>",
  }
  EXPECT_EQ(opened, (std::set<std::string>{"\"name\",\"alice\"]", "\"model\",\"my prompt is here\"]",
                                           "\"unit\",\"a b\"]"}));
}

TEST(Encoder, UnclearElementsAreHiddenOneByOne) {
  Draft draft;
  draft.set(Field::llm_tools, std::vector<std::string>{"search", "call Bob"});
  draft.set(Field::cls_found, std::vector<Row>{{{{"n", int64_t{1}}, {"class", std::string("pii.email")}}},
                                               {{{"class", std::string("with space")}}}});
  std::string disclosures;
  const std::string leaf = encoded(draft, &disclosures);
  EXPECT_TRUE(find(leaf, "llm.tools")->starts_with("[\"search\",{\"...\":\""));
  EXPECT_TRUE(find(leaf, "cls.found")->starts_with("[{\"class\":\"pii.email\",\"n\":1},{\"...\":\""));
  EXPECT_EQ(std::count(disclosures.begin(), disclosures.end(), '~'), 2);
}

TEST(Encoder, TheClassifierCanHideAPlainValue) {
  Encoder encoder([](std::string_view text) { return text.find('@') != std::string_view::npos; });
  Draft draft;
  draft.set(Field::proc_comm, std::string("bob@example.com"));
  draft.set(Field::llm_model, std::string("gpt-4o"));
  std::string leaf, disclosures;
  ASSERT_TRUE(encoder.encode(draft, {}, leaf, disclosures));
  EXPECT_EQ(leaf.find("bob"), std::string::npos);
  EXPECT_NE(leaf.find("gpt-4o"), std::string::npos);
}

TEST(Encoder, CutsArraysAndStaysBelowTheLimit) {
  Draft draft;
  draft.set(Field::llm_tools, std::vector<std::string>(500, "tool"));
  const std::string leaf = encoded(draft);
  EXPECT_EQ(find(leaf, "llm.truncated"), "true");
  EXPECT_LT(leaf.size(), 600u);
  Row big;
  for (int i = 0; i < 16; ++i) big.members.emplace_back("m" + std::to_string(i), std::string(64, 'x'));
  draft.set(Field::cls_found, std::vector<Row>(64, big));
  draft.set(Field::dec_edits, std::vector<Row>(64, big));
  const std::string cut = encoded(draft);
  EXPECT_LE(cut.size(), kLeafBytesMax);
  EXPECT_EQ(find(cut, "cls.truncated"), "true");
}

TEST(Encoder, NoFieldsAreAnEmptyObject) {
  EXPECT_EQ(encoded(Draft()), "{}");
}

TEST(Encoder, RefusesAWrongType) {
  Encoder encoder;
  Draft draft;
  draft.set(Field::user_uid, std::string("root"));
  std::string leaf, disclosures;
  EXPECT_EQ(encoder.encode(draft, {}, leaf, disclosures).error().code, EncodeError::wrong_type);
}

TEST(Draft, CrossesBetweenProcesses) {
  Draft draft(Kind::outcome);
  draft.set(Field::req, std::string("r"));
  draft.set(Field::llm_stream, false);
  draft.set(Field::out_status, int64_t{-1});
  draft.set(Field::llm_tools, std::vector<std::string>{"a", ""});
  draft.set(Field::dec_edits, std::vector<Row>{{{{"class", std::string("pii.email")}, {"n", int64_t{3}}}}});
  std::string bytes;
  draft.serialise(bytes);
  const auto parsed = Draft::parse(bytes, true);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->kind(), Kind::outcome);
  EXPECT_EQ(parsed->fields(), draft.fields());
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(Draft::parse(bytes.substr(0, cut), true)) << cut;
  EXPECT_FALSE(Draft::parse(bytes + 'x', true));
}

TEST(Draft, AWorkerSaysOnlyWhatAWorkerMay) {
  const auto parse = [](Kind kind, Field field, Value value, bool from_worker) {
    Draft draft(kind);
    draft.set(field, std::move(value));
    std::string bytes;
    draft.serialise(bytes);
    return Draft::parse(bytes, from_worker);
  };
  EXPECT_EQ(parse(Kind::decision, Field::user_uid, int64_t{0}, true).error().code, DraftError::not_yours);
  EXPECT_TRUE(parse(Kind::decision, Field::user_uid, int64_t{0}, false));
  EXPECT_EQ(parse(Kind::start, Field::req, std::string("r"), true).error().code, DraftError::not_yours);
  EXPECT_EQ(parse(Kind::decision, Field::seq, int64_t{7}, false).error().code, DraftError::not_yours);
  EXPECT_EQ(parse(Kind::decision, Field::req, int64_t{7}, true).error().code, DraftError::wrong_type);
}

TEST(Schema, IsDocumentedFieldByField) {
  const auto document = read_file(WARDEN_SOURCE_DIR "/audit/record/FIELDS.md");
  ASSERT_TRUE(document);
  for (const FieldRow& row : schema()) EXPECT_NE(document->find("`" + std::string(row.path) + "`"), std::string::npos) << row.path;
}

TEST(Draft, AnyBytesParseOrAreRefused) {
  rc::check([](const std::string& noise) {
    std::string bytes("\1\0", 2);
    bytes += noise;
    if (const auto draft = Draft::parse(bytes, true)) {
      std::string again;
      draft->serialise(again);
      RC_ASSERT(again == bytes);
    }
    RC_ASSERT(is_canonical(json_string(noise)));
  });
}

}  // namespace
}  // namespace warden::audit
