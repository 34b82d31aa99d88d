// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/parser.h"

#include <algorithm>

#include "tlsproxy/http/body_framer.h"
#include "tlsproxy/http/head.h"
#include "tlsproxy/http/second_reading.h"

namespace warden::http {

struct Parser::State {
  enum class Phase : uint8_t { head, body, closed, failed };

  Side side;
  Limits limits;
  Phase phase = Phase::head;
  bool no_body = false;
  std::string text;       // the head so far; never touched again once the head is complete
  size_t line_start = 0;  // of the line that is arriving, in `text`
  Head head;
  BodyFramer framer;
  Error<ParseError> error{ParseError::malformed, {}};

  std::unexpected<Error<ParseError>> refuse(ParseError code, std::string detail) {
    phase = Phase::failed;
    error = {code, std::move(detail)};
    return std::unexpected(error);
  }

  enum class Scan : uint8_t { more, end, malformed };
  Scan take_head_bytes(std::string_view bytes, size_t& taken);
  Result<size_t, ParseError> feed_head(std::string_view bytes);
  void start_body();
};

namespace {

bool allowed(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 ? byte != 0x7f : byte == '\t' || byte == '\r' || byte == '\n';
}

}  // namespace

// Line ends are judged byte by byte, so that the verdict does not depend on how the bytes were cut.
Parser::State::Scan Parser::State::take_head_bytes(std::string_view bytes, size_t& taken) {
  for (; taken < bytes.size(); ++taken) {
    const char c = bytes[taken];
    const bool after_cr = !text.empty() && text.back() == '\r';
    if (!allowed(c) || after_cr != (c == '\n')) return Scan::malformed;
    if (c != '\r' && c != '\n') {
      size_t end = taken + 1;
      while (end < bytes.size() && (static_cast<unsigned char>(bytes[end]) >= 0x20 && bytes[end] != 0x7f))
        ++end;
      text.append(bytes.substr(taken, end - taken));
      taken = end - 1;
      continue;
    }
    text.push_back(c);
    if (c != '\n') continue;
    const bool empty_line = text.size() - line_start == 2;
    if (empty_line && line_start == 0) return Scan::malformed;
    line_start = text.size();
    if (empty_line) {
      ++taken;
      return Scan::end;
    }
  }
  return Scan::more;
}

Result<size_t, ParseError> Parser::State::feed_head(std::string_view bytes) {
  size_t taken = 0;
  const Scan scan = take_head_bytes(bytes.substr(0, limits.head_bytes_max - text.size()), taken);
  if (scan == Scan::malformed) return refuse(ParseError::malformed, "stray byte or line end in the head");
  if (scan == Scan::more) {
    if (taken < bytes.size()) return refuse(ParseError::head_too_large, "head exceeds the limit");
    return taken;
  }
  head.raw = text;
  if (auto read = read_head(side, limits, head); !read) return refuse(read.error().code, read.error().detail);
  if (!agrees_with_llhttp(side, head)) return refuse(ParseError::malformed, "head is read in two ways");
  start_body();
  return taken;
}

void Parser::State::start_body() {
  phase = Phase::body;
  const bool bodiless = head.status != 0 && (head.status < 200 || head.status == 204 || head.status == 304);
  if (bodiless || no_body) return framer.start_empty();
  if (head.chunked) return framer.start_chunked(/*bare=*/side == Side::request);
  if (head.content_length) return framer.start_length(*head.content_length);
  if (side == Side::request) return framer.start_empty();
  head.keep_alive = false;  // only the end of the connection ends such an answer
  framer.start_until_close();
}

Parser::Parser(Side side, const Limits& limits) : state_(std::make_unique<State>()) {
  state_->side = side;
  state_->limits = limits;
}
Parser::~Parser() = default;
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;

Result<size_t, ParseError> Parser::feed(std::string_view bytes,
                                        const std::function<void(std::string_view)>& body) {
  State& state = *state_;
  if (state.phase == State::Phase::failed) return std::unexpected(state.error);
  if (state.phase == State::Phase::closed) return size_t{0};
  if (state.phase == State::Phase::head) return state.feed_head(bytes);
  size_t taken = 0;
  if (!state.framer.feed(bytes, taken, body)) return state.refuse(ParseError::malformed, "chunk framing");
  return taken;
}

bool Parser::finish() {
  State& state = *state_;
  if (state.phase == State::Phase::body && state.framer.until_close()) state.phase = State::Phase::closed;
  return complete();
}

void Parser::expect_no_body() {
  state_->no_body = true;
}

bool Parser::head_complete() const {
  return !state_->head.raw.empty() &&
         (state_->phase == State::Phase::body || state_->phase == State::Phase::closed);
}

bool Parser::complete() const {
  return state_->phase == State::Phase::closed ||
         (state_->phase == State::Phase::body && state_->framer.done());
}

const Head& Parser::head() const {
  return state_->head;
}

void Parser::reset() {
  State& state = *state_;
  state.phase = State::Phase::head;
  state.no_body = false;
  state.text.clear();
  state.line_start = 0;
  std::vector<Header> headers = std::move(state.head.headers);
  headers.clear();
  state.head = {};
  state.head.headers = std::move(headers);
}

std::string_view Head::header(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [&](const Header& h) { return same_word(h.name, name); });
  return found == headers.end() ? std::string_view() : found->value;
}

}  // namespace warden::http
