// SPDX-License-Identifier: Apache-2.0
#include "audit/record/schema.h"

#include <algorithm>
#include <array>

#include "agent/base/check.h"

namespace warden::audit {
namespace {

constexpr FieldRow kSchema[] = {
#define FIELD(name, path, type, privacy, setter) {path, Type::type, Privacy::privacy, Setter::setter},
#include "audit/record/fields.def"
#undef FIELD
};

constexpr std::array<bool, 256> plain_bytes() {
  std::array<bool, 256> plain{};
  for (const char c :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@-"))
    plain[static_cast<uint8_t>(c)] = true;
  return plain;
}
constexpr std::array<bool, 256> kPlain = plain_bytes();

constexpr std::string_view kKinds[] = {
    "decision",    "outcome",       "flow", "start",  "stop",    "heartbeat",    "gap",
    "policy_load", "config_change", "key",  "import", "erasure", "admin_access", "correction",
};

}  // namespace

std::string_view name(Kind kind) {
  return kKinds[static_cast<size_t>(kind)];
}

std::span<const FieldRow> schema() {
  return kSchema;
}

const FieldRow& row(Field field) {
  const auto index = static_cast<size_t>(field);
  WARDEN_CHECK(index < std::size(kSchema));
  return kSchema[index];
}

std::optional<Field> find_field(std::string_view path) {
  const auto* found =
      std::find_if(std::begin(kSchema), std::end(kSchema), [&](const FieldRow& r) { return r.path == path; });
  if (found == std::end(kSchema)) return std::nullopt;
  return static_cast<Field>(found - std::begin(kSchema));
}

bool fits(Type type, const Value& value) {
  switch (type) {
    case Type::integer:
      return std::holds_alternative<int64_t>(value);
    case Type::boolean:
      return std::holds_alternative<bool>(value);
    case Type::text:
      return std::holds_alternative<std::string>(value);
    case Type::texts:
      return std::holds_alternative<std::vector<std::string>>(value);
    case Type::rows:
      return std::holds_alternative<std::vector<Row>>(value);
  }
  return false;
}

bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return kPlain[static_cast<uint8_t>(c)]; });
}

bool is_printable(std::string_view text) {
  return text.size() <= 256 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace warden::audit
