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

// Of one request. A walked body stays below by its nodes; a file of many small JSON texts needs this bound.
constexpr size_t kPartsMax = 2 * kNodesMax;

class Body {
 public:
  static constexpr size_t kNone = SIZE_MAX;  // no such node; every method takes it and finds nothing
  using Names = std::initializer_list<std::string_view>;

  // nullopt: walked, and the root is an object.
  std::optional<Unreadable> load(std::string_view json);
  std::optional<Unreadable> load_any(std::string_view json);  // the root may be any value

  // The object that a dialect reads as a request: the whole body, or a request inside it (a line of a batch).
  [[nodiscard]] size_t root() const { return root_; }
  void enter(size_t node) { root_ = node; }
  [[nodiscard]] size_t top(std::string_view name) const { return member(root_, name); }

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

  // Every member of these names, wherever it stands below the root: signatures and sealed content.
  void mark_sealed(Names names);

  // True: appended; false: with these there would be more than kPartsMax, and nothing was.
  [[nodiscard]] bool emit(std::vector<Part>& parts) const;

 private:
  Tape tape_;
  size_t root_ = 0;
};

// What the dialects share at the root of a body. nullopt: good.
std::optional<Unreadable> read_common(const Body& body, Body::Names max_tokens_names, Prompt& prompt);
void claim(const Body& body, size_t node, std::string_view name, Prompt& prompt);

}  // namespace warden::provider
