// SPDX-License-Identifier: Apache-2.0
// Section: one mapping of a config file, read key by key. It remembers which keys were asked for: what is left over is
// unknown, and what was read is, as "path=value" lines, the canonical text that the digest covers. Only config.cc includes
// this; yaml-cpp's exceptions end there.
#pragma once

#include <fcntl.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/app/config_values.h"
#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/fd.h"

namespace warden::app {

struct Document {
  std::string file;
  std::string errors;  // one line each
  std::set<std::string> effective;

  void complain(const YAML::Mark& mark, const std::string& what) {
    if (!errors.empty()) errors += '\n';
    errors +=
        file + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1) + ": " + what;
  }
  [[nodiscard]] std::string absolute(const std::string& path) const {
    if (path.empty() || path[0] == '/') return path;
    return (std::filesystem::absolute(file).parent_path() / path).lexically_normal().string();
  }
  [[nodiscard]] std::string digest() const {
    Sha256 sum;
    for (const std::string& line : effective) sum.update(line + "\n");
    return hex(view(sum.finish()));
  }
};

class Section {
 public:
  Section(Document& document, YAML::Node node, std::string path)
      : document_(document), node_(std::move(node)), path_(std::move(path)) {
    if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap()) {
      document_.complain(node_.Mark(), label("") + "expected keys and values; indent them below the name");
      node_ = YAML::Node();
    }
    if (!node_.IsMap()) return;
    for (const auto& entry : node_) {
      const YAML::Node key = entry.first;
      const std::string name = key.IsScalar() ? key.Scalar() : "?";
      if (!nodes_.emplace(name, std::pair(key.Mark(), YAML::Node(entry.second))).second)
        document_.complain(key.Mark(), label(name) + "given twice; remove one");
    }
  }

  [[nodiscard]] bool has(const std::string& key) const { return nodes_.contains(key); }

  // A key without default exists even when it was not given, so that the message about a typo names it.
  void optional(const std::string& key) { asked_.insert(key); }

  void text(const std::string& key, std::string& value) {
    scalar(key, value, value, "text",
           [](const std::string& t) { return t.empty() ? std::nullopt : std::optional(t); });
  }
  void path(const std::string& key, std::string& value) {
    text(key, value);
    value = document_.absolute(value);
  }
  void file(const std::string& key, std::string& value) {
    path(key, value);
    if (has(key)) readable(nodes_.at(key).second.Mark(), key, value);
  }
  void name(const std::string& key, std::string& value) {
    scalar(key, value, value, "letters, digits, '.', '-' and '_'",
           [](const std::string& t) { return is_name(t) ? std::optional(t) : std::nullopt; });
  }
  void boolean(const std::string& key, bool& value) { either(key, value, "false", "true"); }
  // Two words; the second is `true`.
  void either(const std::string& key, bool& value, const std::string& no, const std::string& yes) {
    scalar(key, value, value ? yes : no, no + " or " + yes, [&](const std::string& t) {
      return t == yes ? std::optional(true) : t == no ? std::optional(false) : std::nullopt;
    });
  }
  void one_of(const std::string& key, std::string& value, const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
    scalar(key, value, value, "one of " + all, [&](const std::string& t) {
      return std::ranges::count(words, t) ? std::optional(t) : std::nullopt;
    });
  }
  template <class T>
  void integer(const std::string& key, T& value, uint64_t least, uint64_t most) {
    scalar(key, value, std::to_string(value),
           "a whole number from " + std::to_string(least) + " to " + std::to_string(most),
           [&](const std::string& t) {
             const auto n = parse_integer(t);
             return n && *n >= least && *n <= most ? std::optional(static_cast<T>(*n)) : std::nullopt;
           });
  }
  void size(const std::string& key, uint64_t& value) {
    scalar(key, value, std::to_string(value), "a size above zero such as 512KiB, 32MiB or 8GiB",
           [](const std::string& t) {
             const auto n = parse_size_bytes(t);
             return n && *n > 0 ? n : std::nullopt;
           });
  }
  void duration(const std::string& key, std::chrono::milliseconds& value) {
    scalar(key, value, std::to_string(value.count()) + "ms", "a duration above zero such as 500ms, 30s or 5m",
           [](const std::string& t) {
             const auto d = parse_duration(t);
             return d && d->count() > 0 ? d : std::nullopt;
           });
  }
  void listen(const std::string& key, std::optional<Endpoint>& value, bool may_be_off) {
    scalar(key, value, value ? value->to_string() : "off",
           may_be_off ? "address:port such as 127.0.0.1:9466, or off" : "address:port such as 127.0.0.1:9467",
           [&](const std::string& t) -> std::optional<std::optional<Endpoint>> {
             using Maybe = std::optional<std::optional<Endpoint>>;
             if (may_be_off && t == "off") return Maybe(std::in_place, std::nullopt);
             const auto endpoint = parse_listen(t);
             return endpoint ? Maybe(std::in_place, endpoint) : Maybe();
           });
  }
  // `word` stands for "unset": auto, system.
  template <class Read>
  void unless(const std::string& key, const std::string& word, Read&& read) {
    const auto at = nodes_.find(key);
    if (at != nodes_.end() && !(at->second.second.IsScalar() && at->second.second.Scalar() == word))
      return read();
    asked_.insert(key);
    effective(key, word);
  }
  std::vector<YAML::Node> list(const std::string& key) {
    asked_.insert(key);
    const auto at = nodes_.find(key);
    if (at == nodes_.end() || at->second.second.IsNull()) return {};
    if (!at->second.second.IsSequence()) {
      document_.complain(at->second.second.Mark(),
                         label(key) + "expected a list; write [a, b] or one '- item' per line");
      return {};
    }
    return {at->second.second.begin(), at->second.second.end()};
  }
  std::vector<std::string> files(const std::string& key) {
    std::vector<std::string> paths;
    for (const YAML::Node& item : list(key)) {
      if (!item.IsScalar()) {
        document_.complain(item.Mark(), label(key) + "expected the path of a file");
        continue;
      }
      paths.push_back(document_.absolute(item.Scalar()));
      readable(item.Mark(), key, paths.back());
      effective(key + "[" + std::to_string(paths.size() - 1) + "]", paths.back());
    }
    return paths;
  }
  Section section(const std::string& key) {
    asked_.insert(key);
    const auto at = nodes_.find(key);
    return {document_, at == nodes_.end() ? YAML::Node(YAML::NodeType::Null) : at->second.second, full(key)};
  }
  [[nodiscard]] YAML::Mark mark(const std::string& key) const {
    const auto at = nodes_.find(key);
    return at == nodes_.end() ? node_.Mark() : at->second.second.Mark();
  }
  void complain(const std::string& key, const std::string& what) {
    document_.complain(mark(key), label(key) + what);
  }
  void effective(const std::string& key, const std::string& value) {
    document_.effective.insert(full(key) + "=" + value);
  }
  [[nodiscard]] const auto& nodes() const { return nodes_; }

  void finish() {
    std::string known;
    for (const std::string& key : asked_) known += (known.empty() ? "" : ", ") + key;
    for (const auto& [key, entry] : nodes_)
      if (!asked_.contains(key))
        document_.complain(entry.first, label(key) + "unknown key; known here: " + known);
  }

 private:
  [[nodiscard]] std::string full(const std::string& key) const {
    return path_.empty() ? key : key.empty() ? path_ : path_ + "." + key;
  }
  [[nodiscard]] std::string label(const std::string& key) const {
    const std::string name = full(key);
    return name.empty() ? "" : name + ": ";
  }
  void readable(const YAML::Mark& mark, const std::string& key, const std::string& value) {
    const Fd fd(::open(value.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) document_.complain(mark, label(key) + value + " cannot be read; " + remedy_of_unread());
  }
  template <class T, class Parse>
  void scalar(const std::string& key, T& value, std::string shown, const std::string& expected,
              Parse&& parse) {
    asked_.insert(key);
    if (const auto at = nodes_.find(key); at != nodes_.end()) {
      const YAML::Node& node = at->second.second;
      const auto read = node.IsScalar() ? parse(node.Scalar()) : decltype(parse(std::string()))();
      if (!read) {
        const std::string got = node.IsScalar() ? "'" + node.Scalar() + "' is not valid; " : "";
        document_.complain(node.Mark(), label(key) + got + "give " + expected);
        return;
      }
      value = *read;
      shown = node.Scalar();
    }
    effective(key, shown);
  }

  Document& document_;
  YAML::Node node_;
  std::string path_;
  std::map<std::string, std::pair<YAML::Mark, YAML::Node>> nodes_;
  std::set<std::string> asked_;
};

}  // namespace warden::app
