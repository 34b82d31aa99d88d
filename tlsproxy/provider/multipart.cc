// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/multipart.h"

#include <algorithm>

#include "tlsproxy/http/media_type.h"

namespace warden::provider {
namespace {

constexpr size_t kBoundaryMax = 70;  // RFC 2046

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// A parameter's value, up to its end; `rest` moves behind it. False: an open quote.
bool take_value(std::string_view& rest, std::string& value) {
  rest = trimmed(rest);
  if (!rest.starts_with('"')) {
    const size_t end = std::min(rest.find(';'), rest.size());
    value = trimmed(rest.substr(0, end));
    rest.remove_prefix(end);
    return true;
  }
  for (size_t at = 1; at < rest.size(); ++at) {
    if (rest[at] == '"') {
      rest.remove_prefix(at + 1);
      return true;
    }
    if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
    value.push_back(rest[at]);
  }
  return false;
}

// Of "form-data; name="a"; filename="b"". False: malformed, or a parameter stands twice.
bool parameter(std::string_view field, std::string_view wanted, std::string& out) {
  bool seen = false;
  for (size_t semicolon = field.find(';'); semicolon != field.npos; semicolon = field.find(';')) {
    field.remove_prefix(semicolon + 1);
    const size_t equals = field.find('=');
    if (equals == field.npos) return trimmed(field).empty();
    const std::string name = lower(trimmed(field.substr(0, equals)));
    field.remove_prefix(equals + 1);
    std::string value;
    if (!take_value(field, value)) return false;
    if (name != wanted) continue;
    if (seen) return false;
    seen = true;
    out = std::move(value);
  }
  return true;
}

bool read_field(std::string_view line, FormPart& part) {
  const size_t colon = line.find(':');
  if (colon == line.npos || colon == 0) return false;
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (name == "content-disposition")
    // A second spelling of the file's name ("filename*") may say another one.
    return value.find("filename*") == value.npos && parameter(value, "name", part.name) &&
           parameter(value, "filename", part.filename);
  if (name == "content-type") {
    if (!part.content_type.empty()) return false;
    part.content_type = lower(http::media_type(value));
    return true;
  }
  if (name == "content-length") part.own_length = true;
  if (name == "content-transfer-encoding") {
    const std::string coding = lower(value);
    return coding == "binary" || coding == "8bit" || coding == "7bit";
  }
  return name != "content-encoding";
}

bool read_part(std::string_view bytes, FormPart& part) {
  size_t head = 0;
  if (!bytes.starts_with("\r\n")) {
    const size_t blank = bytes.find("\r\n\r\n");
    if (blank == bytes.npos) return false;
    head = blank + 2;
  }
  part.head = bytes.substr(0, head);
  part.content = bytes.substr(head + 2);
  for (std::string_view rest = part.head; !rest.empty();) {
    const size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    if (line.find_first_of("\r\n") != line.npos || line.starts_with(' ') || line.starts_with('\t'))
      return false;
    if (!read_field(line, part)) return false;
    rest.remove_prefix(end + 2);
  }
  return true;
}

std::string boundary_of(std::string_view field) {
  std::string boundary;
  if (!parameter(field, "boundary", boundary) || boundary.size() > kBoundaryMax ||
      boundary.find_first_of("\r\n") != boundary.npos)
    return {};
  return boundary;
}

}  // namespace

std::expected<std::vector<FormPart>, Unreadable> split_multipart(std::string_view content_type_field,
                                                                 std::string_view body) {
  const std::string boundary = boundary_of(content_type_field);
  if (boundary.empty() || !body.starts_with("--" + boundary))
    return std::unexpected(Unreadable::unknown_shape);
  const std::string delimiter = "\r\n--" + boundary;
  std::vector<FormPart> parts;
  std::string_view rest = body.substr(2 + boundary.size());
  while (!rest.starts_with("--")) {
    if (!rest.starts_with("\r\n") || parts.size() == kMultipartPartsMax)
      return std::unexpected(Unreadable::unknown_shape);
    // The line end that closes the delimiter may be the one that opens the next: an empty part without a
    // head.
    rest.remove_prefix(2);
    const size_t end = rest.find(delimiter);
    if (end == rest.npos) return std::unexpected(Unreadable::unknown_shape);
    FormPart part;
    if (!read_part(rest.substr(0, end), part)) return std::unexpected(Unreadable::unknown_shape);
    parts.push_back(std::move(part));
    rest.remove_prefix(end + delimiter.size());
  }
  rest.remove_prefix(2);
  if (!rest.empty() && rest != "\r\n") return std::unexpected(Unreadable::trailing_data);
  return parts;
}

}  // namespace warden::provider
