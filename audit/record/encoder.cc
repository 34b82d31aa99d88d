// SPDX-License-Identifier: Apache-2.0
#include "audit/record/encoder.h"

#include <algorithm>

#include "agent/base/bytes.h"
#include "agent/base/check.h"
#include "agent/base/digest.h"
#include "audit/chain/utf8.h"
#include "audit/record/json.h"

namespace warden::audit {
namespace {

constexpr size_t kElementsMax = 64;
constexpr size_t kTextBytesMax = 4096;
constexpr size_t kSaltBytes = 16;

std::string_view cut_text(std::string_view text) {
  if (text.size() <= kTextBytesMax) return text;
  size_t end = kTextBytesMax;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

// As base/bytes.h has it, but to the end of a buffer and three bytes at a time: this is most of an encoding's
// work.
void append_base64url(std::string& out, std::string_view bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])); };
  const size_t whole = bytes.size() / 3 * 3, left = bytes.size() - whole;
  size_t to = out.size();
  out.resize(to + whole / 3 * 4 + (left == 0 ? 0 : left + 1));
  for (size_t i = 0; i < whole; i += 3) {
    const uint32_t bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) out[to++] = kAlphabet[bits >> shift & 63];
  }
  if (left == 0) return;
  const uint32_t bits = at(whole) << 16 | (left == 2 ? at(whole + 1) << 8 : 0);
  for (size_t i = 0; i <= left; ++i) out[to++] = kAlphabet[bits >> (18 - 6 * i) & 63];
}

template <class List>
size_t kept(const List& list, size_t elements_max) {
  return std::min(list.size(), elements_max);
}

}  // namespace

Encoder::Encoder(std::function<bool(std::string_view)> finds_data)
    : finds_data_(std::move(finds_data)), slots_(schema().size()) {
  std::vector<std::string_view> names;  // of groups_
  for (size_t i = 0; i < schema().size(); ++i) {
    const std::string_view path = schema()[i].path;
    const size_t dot = path.find('.');
    if (dot == std::string_view::npos) {
      top_.push_back({path, static_cast<int>(i), -1});
      continue;
    }
    const std::string_view group = path.substr(0, dot), member = path.substr(dot + 1);
    WARDEN_CHECK(member.find('.') == std::string_view::npos);
    const auto known = std::find(names.begin(), names.end(), group);
    const auto at = static_cast<size_t>(known - names.begin());
    if (known == names.end()) {
      names.push_back(group);
      groups_.emplace_back();
      top_.push_back({group, -1, static_cast<int>(at)});
    }
    groups_[at].push_back({member, static_cast<int>(i), -1});
  }
  // Names are lower-case ASCII: byte order is RFC 8785's order, and "_sd" comes before them all.
  const auto sort = [](std::vector<Member>& members) {
    std::sort(members.begin(), members.end(),
              [](const Member& a, const Member& b) { return a.name < b.name; });
    for (size_t i = 0; i < members.size(); ++i) {
      WARDEN_CHECK(members[i].name > "_sd" && members[i].name != "truncated");
      WARDEN_CHECK(i == 0 || members[i - 1].name < members[i].name);
    }
  };
  sort(top_);
  for (auto& group : groups_) sort(group);
}

Result<void, EncodeError> Encoder::encode(std::span<const FieldValue> fields, std::span<const FieldValue> own,
                                          std::string& leaf, std::string& disclosures) {
  std::fill(slots_.begin(), slots_.end(), nullptr);
  for (const auto& list : {fields, own}) {
    for (const auto& [field, value] : list) {
      const FieldRow& known = row(field);
      if (!fits(known.type, value)) return fail(EncodeError::wrong_type, std::string(known.path));
      slots_[static_cast<size_t>(field)] = &value;
    }
  }
  const size_t before = disclosures.size();
  for (size_t elements_max = kElementsMax;; elements_max /= 2) {
    leaf.clear();
    disclosures.resize(before);
    write_object(top_, elements_max, leaf, disclosures);
    if (leaf.size() <= kLeafBytesMax) return {};
    if (elements_max == 0) return fail(EncodeError::too_large);
  }
}

// False, with nothing written, when no member is present.
bool Encoder::write_object(const std::vector<Member>& members, size_t elements_max, std::string& leaf,
                           std::string& disclosures) {
  std::vector<Present> present;
  bool truncated = false, salted = false, groups = false;
  for (const Member& member : members) {
    if (member.group >= 0) {
      present.push_back({&member, nullptr, false});
      groups = true;
      continue;
    }
    const Value* value = slots_[static_cast<size_t>(member.field)];
    if (value == nullptr) continue;
    present.push_back({&member, value, must_salt(row(static_cast<Field>(member.field)), *value)});
    salted = salted || present.back().salted;
    truncated = truncated || cut(*value, elements_max);
  }
  if (present.empty()) return false;
  const size_t start = leaf.size();
  leaf += '{';
  if (salted) write_digests(present, leaf, disclosures);
  const auto name = [&](std::string_view text) {
    if (leaf.back() != '{') leaf += ',';
    leaf += '"';
    leaf += text;
    leaf += "\":";
  };
  const auto mark = [&] {
    name("truncated");
    leaf += "true";
    truncated = false;
  };
  for (const Present& p : present) {
    if (p.salted) continue;
    if (truncated && p.member->name > "truncated") mark();
    const size_t before = leaf.size();
    name(p.member->name);
    if (p.value != nullptr) {
      const Privacy privacy = row(static_cast<Field>(p.member->field)).privacy;
      write_value(*p.value, privacy == Privacy::checked, elements_max, leaf, disclosures);
    } else if (!write_object(groups_[static_cast<size_t>(p.member->group)], elements_max, leaf,
                             disclosures)) {
      leaf.resize(before);
    }
  }
  if (truncated) mark();
  leaf += '}';
  if (groups && leaf.size() - start == 2) leaf.resize(start);
  return leaf.size() > start;
}

// Sorted, so that their order tells nothing of which member is which.
void Encoder::write_digests(const std::vector<Present>& present, std::string& leaf,
                            std::string& disclosures) {
  std::vector<std::string> digests;
  for (const Present& p : present)
    if (p.salted) digests.push_back(disclose(p.member->name, *p.value, disclosures));
  std::sort(digests.begin(), digests.end());
  leaf += "\"_sd\":[";
  for (const std::string& digest : digests) {
    if (leaf.back() != '[') leaf += ',';
    leaf += '"';
    leaf += digest;
    leaf += '"';
  }
  leaf += ']';
}

void Encoder::write_value(const Value& value, bool checked, size_t elements_max, std::string& leaf,
                          std::string& disclosures) {
  const Privacy privacy = checked ? Privacy::checked : Privacy::clear;
  const auto hidden = [&](std::string_view json) {
    leaf += "{\"...\":\"";
    leaf += disclose_json({}, json, disclosures);
    leaf += "\"}";
  };
  if (const auto* integer = std::get_if<int64_t>(&value)) return append_integer(leaf, *integer);
  if (const auto* flag = std::get_if<bool>(&value)) {
    leaf += *flag ? "true" : "false";
    return;
  }
  if (const auto* text = std::get_if<std::string>(&value)) return append_string(leaf, *text);
  leaf += '[';
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    for (size_t i = 0; i < kept(*texts, elements_max); ++i) {
      if (i > 0) leaf += ',';
      std::string json;
      append_string(json, cut_text((*texts)[i]));
      clear((*texts)[i], privacy) ? void(leaf += json) : hidden(json);
    }
  } else if (const auto* rows = std::get_if<std::vector<Row>>(&value)) {
    for (size_t i = 0; i < kept(*rows, elements_max); ++i) {
      if (i > 0) leaf += ',';
      std::string json;
      write_row((*rows)[i], json);
      clear((*rows)[i]) ? void(leaf += json) : hidden(json);
    }
  }
  leaf += ']';
}

void Encoder::write_row(const Row& row, std::string& out) {
  std::vector<const std::pair<std::string, std::variant<int64_t, std::string>>*> members;
  for (const auto& member : row.members) members.push_back(&member);
  // Equal names keep their order: all pointers are into one array.
  std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) {
    const int order = a->first.compare(b->first);
    return order < 0 || (order == 0 && a < b);
  });
  // A name set twice would not be canonical: the first stands.
  const auto end =
      std::unique(members.begin(), members.end(), [](auto* a, auto* b) { return a->first == b->first; });
  out += '{';
  for (auto member = members.begin(); member != end; ++member) {
    if (member != members.begin()) out += ',';
    append_string(out, (*member)->first);
    out += ':';
    if (const auto* integer = std::get_if<int64_t>(&(*member)->second))
      append_integer(out, *integer);
    else
      append_string(out, cut_text(std::get<std::string>((*member)->second)));
  }
  out += '}';
}

bool Encoder::clear(std::string_view text, Privacy privacy) const {
  if (privacy == Privacy::clear) return is_printable(text);
  return is_plain(text) && !(finds_data_ && finds_data_(text));
}

bool Encoder::clear(const Row& row) const {
  return std::all_of(row.members.begin(), row.members.end(), [&](const auto& member) {
    const auto* text = std::get_if<std::string>(&member.second);
    return is_plain(member.first) && (text == nullptr || clear(*text, Privacy::checked));
  });
}

bool Encoder::must_salt(const FieldRow& known, const Value& value) const {
  if (known.privacy == Privacy::salted) return true;
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && !clear(*text, known.privacy);
}

bool Encoder::cut(const Value& value, size_t elements_max) const {
  const auto long_text = [](const std::string& text) { return text.size() > kTextBytesMax; };
  if (const auto* text = std::get_if<std::string>(&value)) return long_text(*text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
    return texts->size() > elements_max || std::any_of(texts->begin(), texts->end(), long_text);
  const auto* rows = std::get_if<std::vector<Row>>(&value);
  return rows != nullptr && rows->size() > elements_max;
}

std::string Encoder::disclose(std::string_view name, const Value& value, std::string& disclosures) {
  std::string json;
  if (const auto* text = std::get_if<std::string>(&value)) {
    append_string(json, cut_text(*text));
    return disclose_json(name, json, disclosures);
  }
  if (const auto* integer = std::get_if<int64_t>(&value)) append_integer(json, *integer);
  if (const auto* flag = std::get_if<bool>(&value)) json = *flag ? "true" : "false";
  // Inside a disclosure the parts of an array stand as they are: the whole is hidden already.
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    json += '[';
    for (size_t i = 0; i < kept(*texts, kElementsMax); ++i) {
      if (i > 0) json += ',';
      append_string(json, cut_text((*texts)[i]));
    }
    json += ']';
  }
  if (const auto* rows = std::get_if<std::vector<Row>>(&value)) {
    json += '[';
    for (size_t i = 0; i < kept(*rows, kElementsMax); ++i) {
      if (i > 0) json += ',';
      write_row((*rows)[i], json);
    }
    json += ']';
  }
  return disclose_json(name, json, disclosures);
}

std::string Encoder::disclose_json(std::string_view name, std::string_view json, std::string& disclosures) {
  std::string content = "[\"";
  append_base64url(content, salt());
  content += "\",";
  if (!name.empty()) {
    append_string(content, name);
    content += ',';
  }
  content += json;
  content += ']';
  const size_t start = disclosures.size();
  append_base64url(disclosures, content);
  const Digest digest = sha256(std::string_view(disclosures).substr(start));
  disclosures += '~';
  std::string text;
  append_base64url(text, view(digest));
  return text;
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
