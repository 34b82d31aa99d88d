// SPDX-License-Identifier: Apache-2.0
// Draft: the fields of one record before it is given its place in the log. A bag of (field, value) over the
// closed schema of schema.h, so the form that crosses from a worker to the audit writer is small, bounded and
// typed, and a worker can only set what the schema lets a worker set.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/base/result.h"

namespace warden::audit {

enum class Kind : uint8_t {
  decision,
  outcome,
  flow,
  start,
  stop,
  heartbeat,
  gap,
  policy_load,
  config_change,
  key,
  import,
  erasure,
  admin_access,
  correction,
};
std::string_view name(Kind kind);

enum class Field : uint16_t;  // one enumerator per row of the table in audit.md; defined in
                              // audit/record/schema.h

// cls.found[], dec.edits[]
struct Row {
  std::vector<std::pair<std::string, std::variant<int64_t, std::string>>> members;
  bool operator==(const Row&) const = default;
};

using Value = std::variant<int64_t, bool, std::string, std::vector<std::string>, std::vector<Row>>;

enum class DraftError { malformed, too_large, unknown_field, wrong_type, not_yours };

class Draft {
 public:
  static constexpr size_t kFieldsMax = 256;  // of the schema
  explicit Draft(Kind kind = Kind::decision) : kind_(kind) { fields_.reserve(kFieldsUsual); }
  [[nodiscard]] Kind kind() const { return kind_; }
  void set(Field field, Value value);  // the last value set counts
  [[nodiscard]] const std::vector<std::pair<Field, Value>>& fields() const { return fields_; }
  [[nodiscard]] const Value* get(Field field) const;
  // Facts that many drafts share, such as whose connection it is. They count like fields of this draft, and
  // win.
  void stand_on(std::shared_ptr<const Draft> facts) { facts_ = std::move(facts); }
  [[nodiscard]] std::span<const std::pair<Field, Value>> facts() const;

  // The form between processes, without the shared facts. `from_worker`: fields only the supervisor may set
  // are refused (not_yours).
  void serialise(std::string& out) const;  // appends
  static Result<Draft, DraftError> parse(std::string_view bytes, bool from_worker);

 private:
  static constexpr size_t kFieldsUsual = 40;
  Kind kind_;
  std::bitset<kFieldsMax> set_;  // by field: which are in fields_
  std::shared_ptr<const Draft> facts_;
  std::vector<std::pair<Field, Value>> fields_;
};

}  // namespace warden::audit
