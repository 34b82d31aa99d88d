// SPDX-License-Identifier: Apache-2.0
#include "audit/record/encoder.h"

#include <algorithm>

#include "agent/base/check.h"
#include "agent/base/digest.h"

namespace warden::audit {
namespace {

constexpr size_t kElementsMax = 64;
constexpr size_t kTextBytesMax = 4096;
constexpr size_t kPlainTextBytesMax = 64;   // of what may stand clear: an application's choice,
constexpr size_t kClearTextBytesMax = 256;  // and our own words
constexpr size_t kSaltBytes = 16;

std::string_view cut_text(std::string_view text) {
  if (text.size() <= kTextBytesMax) return text;
  size_t end = kTextBytesMax;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

bool is_cut(const Value& value, size_t elements_max) {
  const auto long_text = [](const std::string& text) { return text.size() > kTextBytesMax; };
  if (const auto* text = std::get_if<std::string>(&value)) return long_text(*text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
    return texts->size() > elements_max || std::any_of(texts->begin(), texts->end(), long_text);
  const auto* rows = std::get_if<std::vector<Row>>(&value);
  return rows != nullptr && rows->size() > elements_max;
}

// `write` for each of the first `elements_max`, with commas and brackets.
template <class List, class Write>
void write_list(Buffer& out, const List& list, size_t elements_max, Write&& write) {
  out.put('[');
  for (size_t i = 0; i < std::min(list.size(), elements_max); ++i) {
    if (i > 0) out.put(',');
    write(list[i]);
  }
  out.put(']');
}

}  // namespace

Encoder::Encoder(std::function<bool(std::string_view)> finds_data) : finds_data_(std::move(finds_data)) {
  struct Entry {
    std::string_view object, name;
    size_t field;
  };
  std::vector<Entry> entries;
  std::vector<std::string_view> objects = {{}};  // names
  for (size_t i = 0; i < schema().size(); ++i) {
    const std::string_view path = schema()[i].path;
    const size_t dot = path.find('.');
    const bool top = dot == std::string_view::npos;
    entries.push_back({top ? std::string_view() : path.substr(0, dot), top ? path : path.substr(dot + 1), i});
    WARDEN_CHECK(entries.back().name.find('.') == std::string_view::npos);
    if (std::find(objects.begin(), objects.end(), entries.back().object) == objects.end())
      objects.push_back(entries.back().object);
  }
  const size_t fields = entries.size();  // what follows are the objects within the leaf
  for (size_t i = 1; i < objects.size(); ++i) entries.push_back({{}, objects[i], fields + i});
  const auto rank = [&](const Entry& entry) {
    return std::pair(std::find(objects.begin(), objects.end(), entry.object) - objects.begin(), entry.name);
  };
  // Names are lower-case ASCII: byte order is RFC 8785's order, and "_sd" comes before them all.
  std::sort(entries.begin(), entries.end(),
            [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
  objects_.resize(objects.size());
  places_.resize(fields);
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto& [object, name, field] = entries[i];
    WARDEN_CHECK(name > "_sd" && name != "truncated");
    WARDEN_CHECK(i == 0 || rank(entries[i - 1]) < rank(entries[i]));
    const auto of = static_cast<size_t>(rank(entries[i]).first);
    if (objects_[of].end == 0) objects_[of].first = i;
    objects_[of].end = i + 1;
    Member& member = members_.emplace_back();
    member.name = name;
    member.token = ",\"" + std::string(name) + "\":";
    if (field >= fields) {
      member.object = static_cast<int>(field - fields);
    } else {
      member.privacy = schema()[field].privacy;
      places_[field] = {i, of};
    }
  }
}

Result<void, EncodeError> Encoder::encode(const Draft& draft, std::span<const FieldValue> own,
                                          std::string& leaf, std::string& disclosures) {
  for (Member& member : members_) member.value = nullptr;
  for (Object& object : objects_) object.present = false;
  for (const auto& list : {std::span<const FieldValue>(draft.fields()), draft.facts(), own})
    for (const FieldValue& field : list)
      if (auto placed = place(field); !placed) return placed;
  for (size_t elements_max = kElementsMax;; elements_max /= 2) {
    leaf_.clear();
    disclosures_.clear();
    write_object(objects_.front(), elements_max);
    if (leaf_.size() <= kLeafBytesMax) break;
    if (elements_max == 0) return fail(EncodeError::too_large);
  }
  leaf.assign(leaf_.view());
  disclosures.append(disclosures_.view());
  return {};
}

Result<void, EncodeError> Encoder::place(const FieldValue& field) {
  const FieldRow& known = row(field.first);
  if (!fits(known.type, field.second)) return fail(EncodeError::wrong_type, std::string(known.path));
  const Place& place = places_[static_cast<size_t>(field.first)];
  Member& member = members_[place.member];
  member.value = &field.second;
  objects_[place.object].present = true;
  const auto* text = std::get_if<std::string>(&field.second);
  if (known.privacy == Privacy::salted)
    member.form = Form::salted;
  else
    member.form = text == nullptr ? Form::verbatim : form_of(*text, known.privacy);
  return {};
}

Encoder::Form Encoder::form_of(std::string_view text, Privacy privacy) const {
  if (text.size() > kClearTextBytesMax) return Form::salted;
  const uint8_t bits = bits_of(text);
  if (privacy == Privacy::clear) {
    if ((bits & kPrintableBytes) == 0) return Form::salted;
    return (bits & kVerbatimBytes) != 0 ? Form::verbatim : Form::escaped;
  }
  const bool plain = (bits & kPlainBytes) != 0 && !text.empty() && text.size() <= kPlainTextBytesMax;
  return plain && !(finds_data_ && finds_data_(text)) ? Form::verbatim : Form::salted;
}

bool Encoder::is_clear(const Row& row) const {
  return std::all_of(row.members.begin(), row.members.end(), [&](const auto& member) {
    const auto* text = std::get_if<std::string>(&member.second);
    return is_plain(member.first) && (text == nullptr || form_of(*text, Privacy::checked) != Form::salted);
  });
}

void Encoder::write_name(const Member& member) {
  // The comma of the token is left out after the bracket.
  leaf_.put(std::string_view(member.token).substr(leaf_.back() == '{' ? 1 : 0));
}

void Encoder::write_object(const Object& object, size_t elements_max) {
  bool truncated = false, salted = false;
  for (size_t i = object.first; i < object.end; ++i) {
    const Member& member = members_[i];
    if (member.value == nullptr) continue;
    salted = salted || member.form == Form::salted;
    truncated = truncated || is_cut(*member.value, elements_max);
  }
  leaf_.put('{');
  if (salted) write_digests(object);
  const auto mark = [&] {
    leaf_.put(std::string_view(",\"truncated\":true").substr(leaf_.back() == '{' ? 1 : 0));
    truncated = false;
  };
  for (size_t i = object.first; i < object.end; ++i) {
    const Member& member = members_[i];
    const Object* const inner = member.object < 0 ? nullptr : &objects_[static_cast<size_t>(member.object)];
    if (inner == nullptr ? member.value == nullptr || member.form == Form::salted : !inner->present) continue;
    if (truncated && member.name > "truncated") mark();
    write_name(member);
    inner == nullptr ? write_value(member, elements_max) : write_object(*inner, elements_max);
  }
  if (truncated) mark();
  leaf_.put('}');
}

// Sorted, so that their order tells nothing of which member is which.
void Encoder::write_digests(const Object& object) {
  digests_.clear();
  for (size_t i = object.first; i < object.end; ++i) {
    const Member& member = members_[i];
    if (member.value == nullptr || member.form != Form::salted) continue;
    disclose(member.name, digests_.emplace_back().data(), [&] { write_hidden(*member.value); });
  }
  std::sort(digests_.begin(), digests_.end());
  leaf_.put("\"_sd\":");
  write_list(leaf_, digests_, digests_.size(), [&](const auto& digest) {
    leaf_.put_quoted({digest.data(), digest.size()});
  });
}

void Encoder::write_value(const Member& member, size_t elements_max) {
  const Value& value = *member.value;
  if (const auto* integer = std::get_if<int64_t>(&value)) return leaf_.put_integer(*integer);
  if (const auto* flag = std::get_if<bool>(&value)) return leaf_.put(*flag ? "true" : "false");
  if (const auto* text = std::get_if<std::string>(&value))
    return member.form == Form::verbatim ? leaf_.put_quoted(*text) : leaf_.put_string(*text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
    return write_list(leaf_, *texts, elements_max, [&](const std::string& text) {
      if (form_of(text, member.privacy) != Form::salted) return leaf_.put_string(text);
      hide_element([&] { content_.put_string(cut_text(text)); });
    });
  write_list(leaf_, std::get<std::vector<Row>>(value), elements_max, [&](const Row& row) {
    if (is_clear(row)) return write_row(row, leaf_);
    hide_element([&] { write_row(row, content_); });
  });
}

void Encoder::write_row(const Row& row, Buffer& out) {
  row_.clear();
  for (const auto& member : row.members) row_.push_back(&member);
  // Equal names keep their order: all pointers are into one array.
  std::sort(row_.begin(), row_.end(), [](const auto* a, const auto* b) {
    const int order = a->first.compare(b->first);
    return order < 0 || (order == 0 && a < b);
  });
  // A name set twice would not be canonical: the first stands.
  const auto end =
      std::unique(row_.begin(), row_.end(), [](auto* a, auto* b) { return a->first == b->first; });
  out.put('{');
  for (auto member = row_.begin(); member != end; ++member) {
    if (member != row_.begin()) out.put(',');
    out.put_string((*member)->first);
    out.put(':');
    if (const auto* integer = std::get_if<int64_t>(&(*member)->second))
      out.put_integer(*integer);
    else
      out.put_string(cut_text(std::get<std::string>((*member)->second)));
  }
  out.put('}');
}

// The parts of an array stand as they are: the whole is hidden already.
void Encoder::write_hidden(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return content_.put_string(cut_text(*text));
  if (const auto* integer = std::get_if<int64_t>(&value)) return content_.put_integer(*integer);
  if (const auto* flag = std::get_if<bool>(&value)) return content_.put(*flag ? "true" : "false");
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
    return write_list(content_, *texts, kElementsMax,
                      [&](const std::string& text) { content_.put_string(cut_text(text)); });
  write_list(content_, std::get<std::vector<Row>>(value), kElementsMax,
             [&](const Row& row) { write_row(row, content_); });
}

template <class Write>
void Encoder::disclose(std::string_view name, char* digest, Write&& write) {
  content_.clear();
  content_.put("[\"");
  content_.put_base64url(salt());
  content_.put("\",");
  if (!name.empty()) {
    content_.put_quoted(name);
    content_.put(',');
  }
  write();
  content_.put(']');
  const size_t start = disclosures_.size();
  disclosures_.put_base64url(content_.view());
  const Digest hash = sha256(disclosures_.view().substr(start));
  disclosures_.put('~');
  write_base64url(digest, view(hash));
}

template <class Write>
void Encoder::hide_element(Write&& write) {
  std::array<char, 43> digest;
  disclose({}, digest.data(), write);
  leaf_.put("{\"...\":");
  leaf_.put_quoted({digest.data(), digest.size()});
  leaf_.put('}');
}

std::string_view Encoder::salt() {
  if (pool_used_ + kSaltBytes > pool_.size()) {
    pool_ = random_bytes(kSaltBytes * 256);
    pool_used_ = 0;
  }
  pool_used_ += kSaltBytes;
  return std::string_view(pool_).substr(pool_used_ - kSaltBytes, kSaltBytes);
}

}  // namespace warden::audit
