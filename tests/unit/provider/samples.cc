// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/provider/samples.h"

#include <boost/json.hpp>
#include <fstream>
#include <iterator>

namespace warden::provider {
namespace {

namespace json = boost::json;

const json::object& file() {
  static const json::value kFile = [] {
    std::ifstream in(WARDEN_DIALECT_REQUESTS);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    return json::parse(text);
  }();
  return kFile.as_object();
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? std::string() : std::string(value->as_string());
}

std::string lines_of(const json::array& lines) {
  std::string out;
  for (const json::value& line : lines) out += json::serialize(line) + "\n";
  return out;
}

std::string form_of(const json::array& parts) {
  std::string out;
  for (const json::value& value : parts) {
    const json::object& part = value.as_object();
    out += "--samples\r\nContent-Disposition: form-data; name=\"" + text_of(part, "name") + "\"";
    if (part.contains("filename"))
      out += "; filename=\"" + text_of(part, "filename") + "\"\r\nContent-Type: " + text_of(part, "type");
    out += "\r\n\r\n" + (part.contains("lines") ? lines_of(part.at("lines").as_array()) : text_of(part, "content")) + "\r\n";
  }
  return out + "--samples--\r\n";
}

void place(Sample& sample, std::string_view target) {
  const size_t mark = target.find('?');
  sample.path = target.substr(0, mark);
  sample.query = mark == target.npos ? "" : target.substr(mark + 1);
}

void add(const json::object& row, const json::object& call, std::vector<Sample>& plain, std::vector<Sample>& streamed) {
  Sample sample;
  sample.row = text_of(row, "dialect");
  sample.dialect = row.contains("speaks") ? text_of(row, "speaks") : sample.row;
  sample.form = call.contains("form");
  place(sample, text_of(call, "path"));
  sample.content_type = sample.form ? "multipart/form-data; boundary=samples" : "application/json";
  sample.body = sample.form ? form_of(call.at("form").as_array()) : json::serialize(call.at("body"));
  const std::string stream = text_of(call, "stream");
  const bool by_member = stream == "member";
  Sample other = sample;
  // Where streaming is the rule, a plain answer has to be asked for.
  json::value body = sample.form ? json::value() : call.at("body");
  if (by_member) {
    body.as_object()["stream"] = false;
    sample.body = json::serialize(body);
    body.as_object()["stream"] = true;
    other.body = json::serialize(body);
  }
  plain.push_back(sample);
  if (!by_member && stream != "path") return;
  if (stream == "path") place(other, text_of(call, "stream_path"));
  other.stream = true;
  streamed.push_back(other);
}

}  // namespace

const std::vector<Sample>& samples() {
  static const std::vector<Sample> kSamples = [] {
    std::vector<Sample> plain, streamed;
    for (const json::value& row : file().at("dialects").as_array())
      for (const json::value& call : row.at("calls").as_array()) add(row.as_object(), call.as_object(), plain, streamed);
    plain.insert(plain.end(), streamed.begin(), streamed.end());
    return plain;
  }();
  return kSamples;
}

std::string marker(std::string_view position) { return "@" + std::string(position) + "@"; }

const std::vector<std::string>& positions() {
  static const std::vector<std::string> kPositions = [] {
    std::vector<std::string> names;
    for (const json::value& name : file().at("positions").as_array()) names.emplace_back(name.as_string());
    return names;
  }();
  return kPositions;
}

}  // namespace warden::provider
