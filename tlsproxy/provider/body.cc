// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/body.h"

#include <algorithm>
#include <charconv>

namespace warden::provider {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_name(const Node& node, std::string_view name) {
  const auto same = [name](std::string_view text) {
    return text.size() == name.size() &&
           std::ranges::equal(text, name, [](char a, char b) { return lower(a) == lower(b); });
  };
  return node.escaped_name ? same(decode_json(node.label)) : same(node.label);
}

}  // namespace

std::optional<Unreadable> Body::load_any(std::string_view json) {
  root_ = 0;
  tape_.reserve(256);
  return walk_json(json, tape_);
}

std::optional<Unreadable> Body::load(std::string_view json) {
  if (const auto fault = load_any(json)) return fault;
  if (!is(0, NodeKind::object)) return Unreadable::unknown_shape;
  return std::nullopt;
}

bool Body::named(size_t node, std::string_view name) const {
  const Node& n = tape_[node];
  if (!n.has_name) return false;
  return n.escaped_name ? decode_json(n.label) == name : n.label == name;
}

size_t Body::member(size_t object, std::string_view name) const {
  if (!is(object, NodeKind::object)) return kNone;
  for (size_t at = object + 1; at < tape_[object].end; at = tape_[at].end)
    if (named(at, name)) return at;
  return kNone;
}

std::string Body::text(size_t node) const {
  if (!is(node, NodeKind::string)) return {};
  const Node& n = tape_[node];
  return n.escaped ? decode_json(n.raw) : std::string(n.raw);
}

std::optional<int64_t> Body::integer(size_t node) const {
  if (!is(node, NodeKind::number)) return std::nullopt;
  const std::string_view raw = tape_[node].raw;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (error != std::errc() || end != raw.data() + raw.size()) return std::nullopt;
  return value;
}

bool Body::is_true(size_t node) const {
  return is(node, NodeKind::boolean) && tape_[node].raw == "true";
}

bool Body::doubled(size_t object, Names names) const {
  uint64_t seen = 0;
  bool twice = false;
  each(object, [&](size_t at) {
    uint64_t bit = 1;
    for (const std::string_view name : names) {
      if (tape_[at].has_name && same_name(tape_[at], name)) {
        twice |= (seen & bit) != 0;
        seen |= bit;
      }
      bit <<= 1;
    }
  });
  return twice;
}

void Body::mark(size_t node, Role role) {
  if (node == kNone) return;
  const size_t end = tape_[node].end;
  for (size_t at = node; at < end; ++at) tape_[at].role = role;
}

void Body::mark_opaque(size_t node) {
  if (node == kNone) return;
  const size_t end = tape_[node].end;
  for (size_t at = node; at < end; ++at) tape_[at].editable = false;
}

void Body::mark_text_runs(size_t content) {
  if (!is(content, NodeKind::array)) return;
  bool after_text = false;
  for (size_t at = content + 1; at < tape_[content].end; at = tape_[at].end) {
    const size_t text = is(at, NodeKind::string) ? at : member(at, "text");
    const bool has_text = is(text, NodeKind::string);
    if (has_text) tape_[text].joins_previous = after_text;
    after_text = has_text;
  }
}

void Body::mark_sealed(Names names) {
  for (size_t at = root_; at < tape_[root_].end; ++at)
    if (std::ranges::any_of(names, [&](std::string_view sealed) { return named(at, sealed); }))
      mark_opaque(at);
}

bool Body::emit(std::vector<Part>& parts) const {
  if (parts.size() + tape_.size() * 2 > kPartsMax) return false;
  // Doubling, not the exact size: many bodies may follow one another.
  if (parts.capacity() < parts.size() + tape_.size() * 2)
    parts.reserve(std::max(parts.capacity() * 2, parts.size() + tape_.size() * 2));
  for (const Node& node : tape_) {
    if (node.has_name)
      parts.push_back({node.label, PartForm::json_name, node.role, node.label, node.editable, false});
    if (node.kind == NodeKind::string)
      parts.push_back(
          {node.raw, PartForm::json_string, node.role, node.label, node.editable, node.joins_previous});
    else if (node.kind == NodeKind::number)
      parts.push_back({node.raw, PartForm::json_scalar, node.role, node.label, node.editable, false});
  }
  return true;
}

std::optional<Unreadable> read_common(const Body& body, Body::Names max_tokens_names, Prompt& prompt) {
  if (body.doubled(body.root(), {"model", "stream", "messages", "input", "system", "tools", "prompt",
                                 "instructions", "functions", "user", "metadata", "safety_identifier"}) ||
      body.doubled(body.root(), max_tokens_names))
    return Unreadable::duplicate_member;
  const size_t model = body.top("model");
  const size_t stream = body.top("stream");
  if (!body.absent(model) && !body.is(model, NodeKind::string)) return Unreadable::unknown_shape;
  if (!body.absent(stream) && !body.is(stream, NodeKind::boolean)) return Unreadable::unknown_shape;
  prompt.model = body.text(model);
  prompt.stream = body.is_true(stream);
  // More than one may be given; a limit must hold for the largest.
  for (const std::string_view name : max_tokens_names)
    if (const auto value = body.integer(body.top(name)))
      prompt.max_tokens = std::max(*value, prompt.max_tokens.value_or(*value));
  return std::nullopt;
}

void claim(const Body& body, size_t node, std::string_view name, Prompt& prompt) {
  if (body.is(node, NodeKind::string)) prompt.claims.push_back({std::string(name), body.text(node)});
}

std::string_view name(Unreadable reason) {
  switch (reason) {
    case Unreadable::unknown_path:
      return "unknown_path";
    case Unreadable::unknown_shape:
      return "unknown_shape";
    case Unreadable::invalid_json:
      return "invalid_json";
    case Unreadable::invalid_utf8:
      return "invalid_utf8";
    case Unreadable::duplicate_member:
      return "duplicate_member";
    case Unreadable::trailing_data:
      return "trailing_data";
    case Unreadable::too_deep:
      return "too_deep";
    case Unreadable::unknown_coding:
      return "unknown_coding";
    case Unreadable::body_too_large:
      return "body_too_large";
    case Unreadable::expansion_too_large:
      return "expansion_too_large";
    case Unreadable::too_many_values:
      return "too_many_values";
    case Unreadable::upgrade:
      return "upgrade";
    case Unreadable::mixed_models:
      return "mixed_models";
    case Unreadable::opaque_file:
      return "opaque_file";
  }
  return "unknown_shape";
}

}  // namespace warden::provider
