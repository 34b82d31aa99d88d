// SPDX-License-Identifier: Apache-2.0
// Encoder: a record's fields to the bytes of its leaf, canonical JSON (RFC 8785), and to the disclosures of
// what may not stand in clear, in the form of RFC 9901: `_sd` beside the clear members of the same object,
// {"...":digest} in arrays, digests of base64url([salt, name, value]).
//
// It promises: no salted field and no unclear value ever in clear; at most 60,000 bytes; the same draft and
// salts give the same bytes. Clock, sequence and origin are the log's to add. Not thread-safe: one per
// thread, since it keeps its buffers.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

  // Replaces `leaf`; appends each disclosure and a '~' to `disclosures`. `own` are the log's fields and win.
  Result<void, EncodeError> encode(std::span<const FieldValue> fields, std::span<const FieldValue> own,
                                   std::string& leaf, std::string& disclosures);

 private:
  struct Member {  // of an object; sorted by name
    std::string_view name;
    int field = -1;  // or a group
    int group = -1;
  };
  struct Present {
    const Member* member;
    const Value* value;
    bool salted;
  };

  bool write_object(const std::vector<Member>& members, size_t elements_max, std::string& leaf,
                    std::string& disclosures);
  void write_digests(const std::vector<Present>& present, std::string& leaf, std::string& disclosures);
  void write_value(const Value& value, bool checked, size_t elements_max, std::string& leaf,
                   std::string& disclosures);
  void write_row(const Row& row, std::string& out);
  [[nodiscard]] bool clear(const Row& row) const;
  [[nodiscard]] bool clear(std::string_view text, Privacy privacy) const;
  bool must_salt(const FieldRow& row, const Value& value) const;
  bool cut(const Value& value, size_t elements_max) const;
  // Adds [salt, name, value] to the disclosures and returns its digest; an empty name makes an array
  // element's.
  std::string disclose(std::string_view name, const Value& value, std::string& disclosures);
  std::string disclose_json(std::string_view name, std::string_view json, std::string& disclosures);
  std::string_view salt();

  std::function<bool(std::string_view)> finds_data_;
  std::vector<Member> top_;
  std::vector<std::vector<Member>> groups_;
  std::vector<const Value*> slots_;
  std::string pool_;
  size_t pool_used_ = 0;
};

}  // namespace warden::audit
