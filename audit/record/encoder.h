// SPDX-License-Identifier: Apache-2.0
// Encoder: a record's fields to the bytes of its leaf, canonical JSON (RFC 8785), and to the disclosures of
// what may not stand in clear, in the form of RFC 9901: `_sd` beside the clear members of the same object,
// {"...":digest} in arrays, digests of base64url([salt, name, value]).
//
// It promises: no salted field and no unclear value ever in clear; at most 60,000 bytes; the same draft and
// salts give the same bytes. Clock, sequence and origin are the log's to add. Not thread-safe: one per
// thread, since it keeps its buffers.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/record/buffer.h"
#include "audit/record/draft.h"
#include "audit/record/schema.h"

namespace warden::audit {

constexpr size_t kLeafBytesMax = 60'000;

enum class EncodeError { wrong_type, too_large };

using FieldValue = std::pair<Field, Value>;

class Encoder {
 public:
  // `finds_data` says that the classifier found something in a value that an application chose: it becomes a
  // digest.
  explicit Encoder(std::function<bool(std::string_view)> finds_data = {});

  // Replaces `leaf`; appends each disclosure and a '~' to `disclosures`. The draft's facts win over its
  // fields, and `own`, the log's fields, over both.
  Result<void, EncodeError> encode(const Draft& draft, std::span<const FieldValue> own, std::string& leaf,
                                   std::string& disclosures);

 private:
  enum class Form : uint8_t {
    verbatim,  // stands clear, byte by byte; every value that is no text
    escaped,   // stands clear with escapes
    salted,
  };
  // A member of the leaf's object, or of an object in it. Those of one object stand together, sorted by name.
  struct Member {
    std::string_view name;
    std::string token;  // ,"name":
    Privacy privacy = Privacy::clear;
    int object = -1;               // the member is an object of objects_
    const Value* value = nullptr;  // in the record being encoded
    Form form = Form::verbatim;
  };
  struct Object {
    size_t first = 0, end = 0;  // in members_
    bool present = false;
  };

  Result<void, EncodeError> place(const FieldValue& field);
  [[nodiscard]] Form form_of(std::string_view text, Privacy privacy) const;
  [[nodiscard]] bool is_clear(const Row& row) const;
  void write_object(const Object& object, size_t elements_max);
  void write_name(const Member& member);
  void write_digests(const Object& object);
  void write_value(const Member& member, size_t elements_max);
  void write_row(const Row& row, Buffer& out);
  void write_hidden(const Value& value);  // all of it, inside a disclosure
  // Adds [salt, name, value] to the disclosures and puts its digest at `digest`; an empty name makes an array
  // element's. `write` appends the value to content_.
  template <class Write>
  void disclose(std::string_view name, char* digest, Write&& write);
  template <class Write>
  void hide_element(Write&& write);
  std::string_view salt();

  std::function<bool(std::string_view)> finds_data_;
  std::vector<Member> members_;
  std::vector<Object> objects_;  // the first is the leaf
  struct Place {
    size_t member, object;
  };
  std::vector<Place> places_;  // by field
  Buffer leaf_, disclosures_, content_;
  std::vector<std::array<char, 43>> digests_;
  std::vector<const std::pair<std::string, std::variant<int64_t, std::string>>*> row_;
  std::string pool_;
  size_t pool_used_ = 0;
};

}  // namespace warden::audit
