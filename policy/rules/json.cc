// SPDX-License-Identifier: Apache-2.0
// The only file that includes Boost.JSON.
#include <boost/json.hpp>

#include "policy/rules/tree.h"

namespace warden::policy {
namespace {

namespace json = boost::json;

std::string number_text(const json::value& value) {
  return json::serialize(value);
}

// Depth is bounded by the parser's own limit.
Tree from(const json::value& value) {
  Tree tree;
  tree.kind = Tree::Kind::scalar;
  switch (value.kind()) {
    case json::kind::null:
      tree.kind = Tree::Kind::null;
      break;
    case json::kind::string:
      tree.text = std::string(value.get_string());
      tree.quoted = true;
      break;
    case json::kind::array:
      tree.kind = Tree::Kind::sequence;
      for (const json::value& item : value.get_array()) tree.items.push_back(from(item));
      break;
    case json::kind::object:
      tree.kind = Tree::Kind::map;
      for (const auto& [name, item] : value.get_object()) {
        tree.names.push_back({std::string(name), 0, 0});
        tree.items.push_back(from(item));
      }
      break;
    default:
      tree.text = number_text(value);
  }
  return tree;
}

}  // namespace

std::variant<Tree, TreeError> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kTreeDepthMax;
  json::error_code error;
  const json::value value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return TreeError{0, 0, error.message()};
  return from(value);
}

std::string json_quote(std::string_view text) {
  return json::serialize(json::string_view(text.data(), text.size()));
}

}  // namespace warden::policy
