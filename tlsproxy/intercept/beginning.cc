// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/intercept/beginning.h"

#include <algorithm>

#include "tlsproxy/intercept/opening.h"

namespace warden::intercept {
namespace {

using Kind = Beginning::Kind;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

// The host of "user@host:port": lower case, without trailing dot; of an IPv6 literal what is between the brackets.
std::string host_of(std::string_view authority) {
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  while (!authority.empty() && (authority.front() == ' ' || authority.front() == '\t')) authority.remove_prefix(1);
  if (authority.starts_with('[')) return lower(authority.substr(1, authority.find_first_of("] \t\r") - 1));
  authority = authority.substr(0, authority.find_first_of(": \t\r"));
  if (authority.ends_with('.')) authority.remove_suffix(1);
  return lower(authority);
}

void name(std::string_view authority, Beginning& out) {
  if (std::string host = host_of(authority); !host.empty()) out.names.push_back(std::move(host));
}

// "CONNECT host:port HTTP/1.1", "GET http://host/path HTTP/1.1", "GET /path HTTP/1.1". False: no request line.
bool read_request_line(std::string_view line, Beginning& out) {
  const size_t method = line.find(' ');
  const size_t version = line.rfind(' ');
  if (method == version || !line.substr(version + 1).starts_with("HTTP/1.")) return false;
  std::string_view target = line.substr(method + 1, version - method - 1);
  out.tunnel = !target.starts_with('/') && !target.starts_with('*');
  if (!out.tunnel) return true;
  if (const size_t scheme = target.find("://"); scheme != std::string_view::npos) target.remove_prefix(scheme + 3);
  name(target.substr(0, target.find_first_of("/?#")), out);
  return true;
}

// A head as whole as it will get. Lenient, since a server may be: every Host counts, whatever surrounds it.
Beginning read_head(std::string_view head) {
  Beginning out;
  out.kind = Kind::other;
  bool first = true;
  while (!head.empty()) {
    const size_t end = head.find('\n');
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (first && !read_request_line(line, out)) return out;
    const size_t colon = line.find(':');
    if (!first && colon != std::string_view::npos) {
      std::string_view field = line.substr(0, colon);
      while (field.ends_with(' ') || field.ends_with('\t')) field.remove_suffix(1);
      if (lower(field) == "host") name(line.substr(colon + 1), out);
    }
    first = false;
  }
  out.kind = Kind::http;
  return out;
}

Beginning of(Kind kind) {
  Beginning out;
  out.kind = kind;
  return out;
}

// A text protocol whose first line is no request's is told from the first line: its server may answer it.
Beginning read_http(std::string_view bytes) {
  const size_t line_end = bytes.find('\n');
  if (line_end != std::string_view::npos) {
    std::string_view line = bytes.substr(0, line_end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    Beginning request;
    if (!read_request_line(line, request)) return of(Kind::other);
  }
  // The head ends with an empty line, with or without carriage returns.
  for (size_t at = line_end; at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    if (bytes.substr(at + 1, 1) == "\n" || bytes.substr(at + 1, 2) == "\r\n") return read_head(bytes.substr(0, at));
    if (at >= kBeginningBytesMax) break;
  }
  return of(bytes.size() < kBeginningBytesMax ? Kind::partial : Kind::unreadable);
}

Beginning read_tls(std::string_view bytes) {
  auto hello = tls::read_client_hello(bytes);
  if (!hello) {
    if (hello.error().code == tls::HelloError::not_tls) return of(Kind::other);
    const bool incomplete = hello.error().code == tls::HelloError::incomplete && bytes.size() < kBeginningBytesMax;
    return of(incomplete ? Kind::partial : Kind::unreadable);
  }
  Beginning out = of(Kind::tls);
  out.hello = std::move(*hello);
  return out;
}

}  // namespace

Beginning read_beginning(std::string_view bytes) {
  switch (guess_layer(bytes)) {
    case Guess::undecided: return of(Kind::undecided);
    case Guess::tls: return read_tls(bytes);
    case Guess::http: return read_http(bytes);
    case Guess::other: break;
  }
  return of(Kind::other);
}

}  // namespace warden::intercept
