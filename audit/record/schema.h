// SPDX-License-Identifier: Apache-2.0
// The closed schema of record version 1 as data. A new field is one row in fields.def; nothing else may enter
// a leaf.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "audit/record/draft.h"

namespace warden::audit {

enum class Field : uint16_t {
#define FIELD(name, path, type, privacy, setter) name,
#include "audit/record/fields.def"
#undef FIELD
};

enum class Type : uint8_t { integer, boolean, text, texts, rows };
enum class Privacy : uint8_t { clear, checked, salted };
enum class Setter : uint8_t { worker, supervisor, log };

struct FieldRow {
  std::string_view path;
  Type type;
  Privacy privacy;
  Setter setter;
};

std::span<const FieldRow> schema();  // indexed by Field
const FieldRow& row(Field field);
std::optional<Field> find_field(std::string_view path);
bool fits(Type type, const Value& value);

// [A-Za-z0-9._:/@-]{1,64}: the form in which a value an application chose may stand clear.
bool is_plain(std::string_view text);
// Printable ASCII of at most 256 bytes: the form of our own words.
bool is_printable(std::string_view text);

}  // namespace warden::audit
