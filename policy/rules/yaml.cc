// SPDX-License-Identifier: Apache-2.0
// The only file that includes yaml-cpp, which reports by exception: caught here. We take its events rather
// than its nodes: they carry every mark, show duplicate keys, and an alias is an event instead of a copy.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "policy/rules/tree.h"

namespace warden::policy {
namespace {

class Builder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document: give each document a file of its own");
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuse(mark, kNoAliases); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, kNoAliases); }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    open(mark, "?", anchor, Tree::Kind::null);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Tree* node = open(mark, tag, anchor, Tree::Kind::scalar);
    if (node == nullptr) return;
    node->text = value;
    node->quoted = tag != "?";
    if (node == &key_) name_done();
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    push(mark, tag, anchor, Tree::Kind::sequence);
  }
  void OnSequenceEnd() override { pop(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    push(mark, tag, anchor, Tree::Kind::map);
  }
  void OnMapEnd() override {
    if (!failed_) check_names(stack_.back().node);
    pop();
  }

  void refuse(const YAML::Mark& mark, std::string what) {
    refuse(mark.line + 1, mark.column + 1, std::move(what));
  }
  void refuse(int line, int column, std::string what) {
    if (failed_) return;
    failed_ = true;
    error_ = {line, column, std::move(what)};
  }
  [[nodiscard]] bool failed() const { return failed_; }
  std::variant<Tree, TreeError> take() {
    if (failed_) return std::move(error_);
    return std::move(root_);
  }

 private:
  static constexpr const char* kNoAliases =
      "anchors and aliases are not accepted: name the values under spec.lists";
  struct Level {
    Tree* node;
    bool at_value = false;  // of a map: the key was read
  };

  // The place for a new node: the root, the next item, or (nullptr and a name added) a map's key.
  Tree* open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Tree::Kind kind) {
    if (failed_) return nullptr;
    if (anchor != 0) refuse(mark, kNoAliases);
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str")
      refuse(mark, "unknown tag " + tag.substr(0, 64));
    if (++nodes_ > kTreeNodesMax)
      refuse(mark, "more than " + std::to_string(kTreeNodesMax) + " values in one file");
    if (failed_) return nullptr;
    Tree* node = &root_;
    if (!stack_.empty()) {
      Level& level = stack_.back();
      if (level.node->kind == Tree::Kind::map && !level.at_value) {
        if (kind != Tree::Kind::scalar) return refuse(mark, "a key must be a plain word"), nullptr;
        key_ = {};
        node = &key_;
      } else {
        node = &level.node->items.emplace_back();
        level.at_value = false;
      }
    }
    node->kind = kind;
    node->line = mark.line + 1;
    node->column = mark.column + 1;
    return node;
  }
  void name_done() {
    Level& level = stack_.back();
    level.node->names.push_back({std::move(key_.text), key_.line, key_.column});
    level.at_value = true;
  }
  void push(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Tree::Kind kind) {
    if (stack_.size() >= kTreeDepthMax) refuse(mark, "nested too deeply");
    if (Tree* node = open(mark, tag, anchor, kind); node != nullptr) stack_.push_back({node});
  }
  void pop() {
    if (!failed_ && !stack_.empty()) stack_.pop_back();
  }
  void check_names(const Tree* map) {
    std::vector<const Tree::Name*> names;
    for (const Tree::Name& name : map->names) names.push_back(&name);
    std::ranges::stable_sort(names, {}, &Tree::Name::text);
    const auto twice = std::ranges::adjacent_find(names, {}, &Tree::Name::text);
    if (twice == names.end()) return;
    const Tree::Name& second = **(twice + 1);
    refuse(second.line, second.column, "key " + second.text.substr(0, 64) + " stands twice in this map");
  }

  Tree root_, key_;
  // Pointers into `items` stay valid: only the innermost open node grows.
  std::vector<Level> stack_;
  TreeError error_;
  size_t nodes_ = 0;
  int documents_ = 0;
  bool failed_ = false;
};

}  // namespace

const Tree* Tree::find(std::string_view name) const {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i].text == name) return &items[i];
  return nullptr;
}

std::variant<Tree, TreeError> parse_yaml(std::string_view text) {
  if (text.size() > kTreeBytesMax)
    return TreeError{1, 1, "more than " + std::to_string(kTreeBytesMax) + " bytes in one file"};
  Builder builder;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // Two at most: at a ',' where a document should begin yaml-cpp stays in place and reports documents for
    // ever.
    while (!builder.failed() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& exception) {
    builder.refuse(exception.mark, exception.msg);
  }
  return builder.take();
}

}  // namespace warden::policy
