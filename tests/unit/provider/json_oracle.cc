// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/provider/json_oracle.h"

#include <boost/json/basic_parser_impl.hpp>

#include "tlsproxy/provider/json_walk.h"

namespace warden::provider {
namespace {

struct Recorder {
  static constexpr size_t max_object_size = SIZE_MAX;
  static constexpr size_t max_array_size = SIZE_MAX;
  static constexpr size_t max_key_size = SIZE_MAX;
  static constexpr size_t max_string_size = SIZE_MAX;
  using Text = boost::json::string_view;
  using Code = boost::json::error_code;

  JsonEvents events;
  std::string text;

  bool add(std::string event) {
    events.push_back(std::move(event));
    return true;
  }
  bool part(Text piece) {
    text.append(piece.data(), piece.size());
    return true;
  }
  bool whole(const char* kind, Text last) {
    part(last);
    add(kind + text);
    text.clear();
    return true;
  }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_array_begin(Code&) { return add("["); }
  bool on_array_end(size_t, Code&) { return add("]"); }
  bool on_object_begin(Code&) { return add("{"); }
  bool on_object_end(size_t, Code&) { return add("}"); }
  bool on_string_part(Text piece, size_t, Code&) { return part(piece); }
  bool on_string(Text last, size_t, Code&) { return whole("s:", last); }
  bool on_key_part(Text piece, size_t, Code&) { return part(piece); }
  bool on_key(Text last, size_t, Code&) { return whole("k:", last); }
  bool on_number_part(Text piece, Code&) { return part(piece); }
  bool on_int64(int64_t, Text last, Code&) { return whole("n:", last); }
  bool on_uint64(uint64_t, Text last, Code&) { return whole("n:", last); }
  bool on_double(double, Text last, Code&) { return whole("n:", last); }
  bool on_bool(bool value, Code&) { return add(value ? "b:true" : "b:false"); }
  bool on_null(Code&) { return add("0"); }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

}  // namespace

OracleReading read_by_boost(std::string_view json) {
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::basic_parser<Recorder> parser(options);
  boost::json::error_code error;
  const size_t taken = parser.write_some(false, json.data(), json.size(), error);
  OracleReading out;
  out.accepted = !error && parser.done() && taken == json.size();
  out.beyond_oracle = error == boost::json::error::exponent_overflow;
  if (out.accepted) out.events = std::move(parser.handler().events);
  return out;
}

std::optional<JsonEvents> read_by_walk(std::string_view json) {
  Tape tape;
  if (walk_json(json, tape)) return std::nullopt;
  JsonEvents events;
  std::vector<std::pair<size_t, const char*>> open;
  for (size_t at = 0; at <= tape.size(); ++at) {
    while (!open.empty() && open.back().first == at) {
      events.emplace_back(open.back().second);
      open.pop_back();
    }
    if (at == tape.size()) break;
    const Node& node = tape[at];
    if (node.has_name) events.push_back("k:" + decode_json(node.label));
    const std::string raw(node.raw);
    switch (node.kind) {
      case NodeKind::object:
      case NodeKind::array:
        events.push_back(raw);
        open.emplace_back(node.end, node.kind == NodeKind::object ? "}" : "]");
        break;
      case NodeKind::string:
        events.push_back("s:" + decode_json(node.raw));
        break;
      case NodeKind::number:
        events.push_back("n:" + raw);
        break;
      case NodeKind::boolean:
        events.push_back("b:" + raw);
        break;
      case NodeKind::null:
        events.emplace_back("0");
        break;
    }
  }
  return events;
}

}  // namespace warden::provider
