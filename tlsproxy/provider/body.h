// SPDX-License-Identifier: Apache-2.0
// Body: a walked JSON body as the dialects look at it: members by name, marks (role, opaque, joins) on
// subtrees, and the Parts in order of appearance. Internal to tlsproxy/provider.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "tlsproxy/provider/json_walk.h"

namespace warden::provider {

class Body {
 public:
  static constexpr size_t kNone = SIZE_MAX;  // no such node; every method takes it and finds nothing
  using Names = std::initializer_list<std::string_view>;

  // nullopt: walked, and the root is an object.
  std::optional<Unreadable> load(std::string_view json);

  [[nodiscard]] const Tape& tape() const { return tape_; }
  [[nodiscard]] size_t member(size_t object, std::string_view name) const;
  [[nodiscard]] bool is(size_t node, NodeKind kind) const {
    return node != kNone && tape_[node].kind == kind;
  }
  [[nodiscard]] bool absent(size_t node) const { return node == kNone || tape_[node].kind == NodeKind::null; }
  [[nodiscard]] bool named(size_t node, std::string_view name) const;
  [[nodiscard]] std::string text(size_t node) const;  // decoded; empty unless a string
  [[nodiscard]] std::string text(size_t object, std::string_view name) const {
    return text(member(object, name));
  }
  [[nodiscard]] std::optional<int64_t> integer(size_t node) const;
  [[nodiscard]] bool is_true(size_t node) const;
  // Two members whose names are equal, or differ in case alone, as some servers take them: which one counts
  // is unsaid.
  [[nodiscard]] bool doubled(size_t object, Names names) const;

  // Direct children of a container; nothing for other nodes.
  template <class Visit>
  void each(size_t container, const Visit& visit) const {
    if (!is(container, NodeKind::array) && !is(container, NodeKind::object)) return;
    for (size_t at = container + 1; at < tape_[container].end; at = tape_[at].end) visit(at);
  }

  void mark(size_t node, Role role);    // with all below it; a later mark wins
  void mark_opaque(size_t node);        // with all below it
  void mark_text_runs(size_t content);  // adjacent text parts of one message continue each other

  void emit(std::vector<Part>& parts) const;

 private:
  Tape tape_;
};

// What the dialects share at the root of a body. nullopt: good.
std::optional<Unreadable> read_common(const Body& body, Body::Names max_tokens_names, Prompt& prompt);
void claim(const Body& body, size_t node, std::string_view name, Prompt& prompt);

}  // namespace warden::provider
