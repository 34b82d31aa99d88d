// SPDX-License-Identifier: Apache-2.0
#include "audit/record/draft.h"

#include <algorithm>
#include <optional>

#include "audit/record/schema.h"

namespace warden::audit {
namespace {

// Between processes: version, kind, field count, then per field its number and its value, integers
// little-endian, strings after their length. The limits are far above what a record may hold, since the
// encoder cuts arrays and texts.
constexpr char kVersion = 1;
constexpr size_t kBytesMax = 256 << 10;
constexpr size_t kElementsMax = 4096;
constexpr size_t kMembersMax = 16;

template <class Integer>
void put(std::string& out, Integer value) {
  for (size_t i = 0; i < sizeof value; ++i)
    out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xff);
}

void put(std::string& out, std::string_view text) {
  put(out, static_cast<uint32_t>(text.size()));
  out += text;
}

struct ValueWriter {
  std::string& out;
  void operator()(int64_t value) const { put(out, value); }
  void operator()(bool value) const { out += value ? '\1' : '\0'; }
  void operator()(const std::string& value) const { put(out, std::string_view(value)); }
  void operator()(const std::vector<std::string>& value) const {
    put(out, static_cast<uint16_t>(std::min(value.size(), kElementsMax)));
    for (size_t i = 0; i < std::min(value.size(), kElementsMax); ++i) put(out, std::string_view(value[i]));
  }
  void operator()(const std::vector<Row>& value) const {
    put(out, static_cast<uint16_t>(std::min(value.size(), kElementsMax)));
    for (size_t i = 0; i < std::min(value.size(), kElementsMax); ++i) {
      out += static_cast<char>(std::min(value[i].members.size(), kMembersMax));
      for (size_t m = 0; m < std::min(value[i].members.size(), kMembersMax); ++m) member(value[i].members[m]);
    }
  }
  void member(const std::pair<std::string, std::variant<int64_t, std::string>>& member) const {
    put(out, std::string_view(member.first));
    out += static_cast<char>(member.second.index());
    std::visit(*this, member.second);
  }
};

// Takes values off the front; after a shortfall every further take yields nothing and ok() stays false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  void refuse() { ok_ = false; }

  template <class Integer>
  Integer integer() {
    uint64_t value = 0;
    const std::string_view bytes = take(sizeof(Integer));
    for (size_t i = 0; i < bytes.size(); ++i)
      value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
    return static_cast<Integer>(value);
  }
  std::string text() { return std::string(take(integer<uint32_t>())); }

  template <class Element, class Read>
  std::vector<Element> list(Read read) {
    const auto count = integer<uint16_t>();
    if (count > kElementsMax) refuse();
    std::vector<Element> elements;
    for (size_t i = 0; ok_ && i < count; ++i) elements.push_back(read());
    return elements;
  }

 private:
  std::string_view take(size_t count) {
    if (!ok_ || rest_.size() < count) {
      ok_ = false;
      return {};
    }
    const std::string_view front = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return front;
  }
  std::string_view rest_;
  bool ok_ = true;
};

// A member's name becomes a JSON name in the leaf, so only the plain form may pass.
bool is_member_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9');
  });
}

Row read_row(Reader& in) {
  Row row;
  const auto count = in.integer<uint8_t>();
  if (count > kMembersMax) in.refuse();
  for (unsigned i = 0; in.ok() && i < count; ++i) {
    std::string name = in.text();
    const auto tag = in.integer<uint8_t>();
    if (!is_member_name(name) || tag > 1) in.refuse();
    for (const auto& member : row.members)
      if (member.first == name) in.refuse();
    if (tag == 0)
      row.members.emplace_back(std::move(name), in.integer<int64_t>());
    else
      row.members.emplace_back(std::move(name), in.text());
  }
  return row;
}

Value read_value(Type type, Reader& in) {
  switch (type) {
    case Type::integer:
      return in.integer<int64_t>();
    case Type::boolean: {
      const auto flag = in.integer<uint8_t>();
      if (flag > 1) in.refuse();
      return flag == 1;
    }
    case Type::text:
      return in.text();
    case Type::texts:
      return in.list<std::string>([&] { return in.text(); });
    case Type::rows:
      return in.list<Row>([&] { return read_row(in); });
  }
  return false;
}

}  // namespace

#define FIELD(...) +1
static_assert(0
#include "audit/record/fields.def"
                  <= Draft::kFieldsMax,
              "every field needs its bit");
#undef FIELD

void Draft::set(Field field, Value value) {
  const auto number = static_cast<size_t>(field);
  if (!set_[number]) {
    set_[number] = true;
    fields_.emplace_back(field, std::move(value));
    return;
  }
  std::find_if(fields_.begin(), fields_.end(), [&](const auto& f) { return f.first == field; })->second =
      std::move(value);
}

const Value* Draft::get(Field field) const {
  if (const Value* fact = facts_ ? facts_->get(field) : nullptr) return fact;
  if (!set_[static_cast<size_t>(field)]) return nullptr;
  return &std::find_if(fields_.begin(), fields_.end(), [&](const auto& f) {
            return f.first == field;
          })->second;
}

std::span<const std::pair<Field, Value>> Draft::facts() const {
  if (facts_ == nullptr) return {};
  return facts_->fields();
}

void Draft::serialise(std::string& out) const {
  out += kVersion;
  out += static_cast<char>(kind_);
  put(out, static_cast<uint16_t>(fields_.size()));
  for (const auto& [field, value] : fields_) {
    put(out, static_cast<uint16_t>(field));
    out += static_cast<char>(value.index());
    std::visit(ValueWriter{out}, value);
  }
}

Result<Draft, DraftError> Draft::parse(std::string_view bytes, bool from_worker) {
  if (bytes.size() > kBytesMax) return fail(DraftError::too_large);
  Reader in(bytes);
  const auto version = in.integer<uint8_t>();
  const auto kind = in.integer<uint8_t>();
  const auto count = in.integer<uint16_t>();
  if (!in.ok() || version != kVersion || kind > static_cast<uint8_t>(Kind::correction))
    return fail(DraftError::malformed);
  // Everything but the two records of an exchange, and its flow, is the supervisor's to say.
  if (from_worker && kind > static_cast<uint8_t>(Kind::flow)) return fail(DraftError::not_yours);
  Draft draft(static_cast<Kind>(kind));
  if (count > schema().size()) return fail(DraftError::malformed);
  for (unsigned i = 0; i < count; ++i) {
    const auto number = in.integer<uint16_t>();
    const auto tag = in.integer<uint8_t>();
    if (!in.ok()) return fail(DraftError::malformed);
    if (number >= schema().size()) return fail(DraftError::unknown_field);
    const auto field = static_cast<Field>(number);
    const FieldRow& known = row(field);
    if (known.setter == Setter::log || (from_worker && known.setter != Setter::worker))
      return fail(DraftError::not_yours, std::string(known.path));
    if (tag != static_cast<uint8_t>(known.type)) return fail(DraftError::wrong_type, std::string(known.path));
    if (draft.set_[number]) return fail(DraftError::malformed, std::string(known.path));
    Value value = read_value(known.type, in);
    if (!in.ok()) return fail(DraftError::malformed, std::string(known.path));
    draft.set(field, std::move(value));
  }
  if (!in.at_end()) return fail(DraftError::malformed);
  return draft;
}

}  // namespace warden::audit
