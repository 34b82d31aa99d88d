// SPDX-License-Identifier: Apache-2.0
#include "audit/ship/wire.h"

#include <algorithm>
#include <bit>

#include "audit/chain/checkpoint.h"

namespace warden::audit {
namespace {

constexpr size_t kOriginBytesMax = 512;

void append(std::string& out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

// Reads from the front of `bytes`; after a short read everything is nothing.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}
  uint64_t integer(int bytes) {
    uint64_t value = 0;
    for (const char c : take(static_cast<size_t>(bytes))) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  std::string_view take(size_t bytes) {
    if (bytes > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::optional<std::string_view> take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

void append_origin(std::string& out, std::string_view origin) {
  append(out, origin.size(), 2);
  out += origin;
}

std::optional<std::string_view> take_origin(Cursor& cursor) {
  const std::string_view origin = cursor.take(cursor.integer(2));
  return cursor.good() && OriginParts::parse(origin) ? std::optional(origin) : std::nullopt;
}

}  // namespace

std::string CheckpointRequest::format() const {
  std::string body = "old " + std::to_string(old_size) + '\n';
  for (const Digest& hash : proof) body += base64(view(hash)) + '\n';
  return body + '\n' + note;
}

std::optional<CheckpointRequest> CheckpointRequest::parse(std::string_view body) {
  CheckpointRequest request;
  const auto first = take_line(body);
  if (!first || !first->starts_with("old ")) return std::nullopt;
  const auto size = chain::parse_decimal(first->substr(4));
  if (!size) return std::nullopt;
  request.old_size = *size;
  for (;;) {
    const auto line = take_line(body);
    if (!line) return std::nullopt;
    if (line->empty()) break;
    const auto hash = chain::parse_hash(*line);
    if (!hash || request.proof.size() == kProofHashesMax) return std::nullopt;
    request.proof.push_back(*hash);
  }
  request.note = body;
  return request;
}

std::string EntriesRequest::format() const {
  std::string body;
  append_origin(body, origin);
  append(body, start, 8);
  append(body, end, 8);
  for (const std::string_view entry : entries) chain::append_entry(body, entry);
  append(body, proof.size(), 1);
  for (const Digest& hash : proof) body += view(hash);
  return body;
}

std::optional<EntriesRequest> EntriesRequest::parse(std::string_view body) {
  Cursor cursor(body);
  EntriesRequest request;
  const auto origin = take_origin(cursor);
  if (!origin) return std::nullopt;
  request.origin = *origin;
  request.start = cursor.integer(8);
  request.end = cursor.integer(8);
  if (!cursor.good() || request.end < request.start || request.end - request.start > chain::kTileWidth)
    return std::nullopt;
  const bool one_package = request.start == request.end ||
                           request.start / chain::kTileWidth == (request.end - 1) / chain::kTileWidth;
  if (!one_package) return std::nullopt;
  for (uint64_t i = request.start; i < request.end && cursor.good(); ++i)
    request.entries.push_back(cursor.take(cursor.integer(2)));
  const uint64_t hashes = cursor.integer(1);
  if (!cursor.good() || hashes > kProofHashesMax) return std::nullopt;
  const auto proof = chain::parse_tile(cursor.take(hashes * sizeof(Digest)), static_cast<unsigned>(hashes));
  if (!proof || !cursor.good() || !cursor.at_end()) return std::nullopt;
  request.proof = *proof;
  return request;
}

std::string DisclosuresRequest::format() const {
  std::string body;
  append_origin(body, origin);
  for (const Item& item : items) {
    append(body, item.seq, 8);
    append(body, item.text.size(), 4);
    body += item.text;
  }
  return body;
}

std::optional<DisclosuresRequest> DisclosuresRequest::parse(std::string_view body) {
  Cursor cursor(body);
  DisclosuresRequest request;
  const auto origin = take_origin(cursor);
  if (!origin) return std::nullopt;
  request.origin = *origin;
  while (!cursor.at_end()) {
    const uint64_t seq = cursor.integer(8);
    const std::string_view text = cursor.take(cursor.integer(4));
    if (!cursor.good() || text.empty() || text.back() != '~') return std::nullopt;
    // In order and once each: a body says nothing twice.
    if (!request.items.empty() && seq <= request.items.back().seq) return std::nullopt;
    request.items.push_back({seq, text});
  }
  return cursor.good() ? std::optional(std::move(request)) : std::nullopt;
}

std::optional<OriginParts> OriginParts::parse(std::string_view origin) {
  if (origin.size() > kOriginBytesMax) return std::nullopt;
  // It becomes a path: only these characters, no empty component and none that starts with a dot.
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:@/-").find(c) != std::string_view::npos;
  };
  if (!std::all_of(origin.begin(), origin.end(), good)) return std::nullopt;
  std::vector<std::string_view> parts;
  for (std::string_view rest = origin;;) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part.front() == '.') return std::nullopt;
    parts.push_back(part);
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  const size_t count = parts.size();
  if (count < 5 || parts[count - 3] != "h") return std::nullopt;
  const auto epoch = chain::parse_decimal(parts[count - 1]);
  if (!epoch || *epoch == 0 || *epoch > (uint64_t{1} << 53)) return std::nullopt;
  return OriginParts{origin.substr(0, origin.size() - parts[count - 1].size() - 1), parts[count - 2], *epoch};
}

std::string Latest::format() const {
  return std::to_string(size) + '\n' + std::to_string(epoch_max) + '\n' + vkey + '\n';
}

std::optional<Latest> Latest::parse(std::string_view body) {
  const auto size = take_line(body), epoch = take_line(body), vkey = take_line(body);
  if (!size || !epoch || !vkey || !body.empty()) return std::nullopt;
  const auto size_value = chain::parse_decimal(*size), epoch_value = chain::parse_decimal(*epoch);
  if (!size_value || !epoch_value || vkey->size() > 2048) return std::nullopt;
  return Latest{*size_value, *epoch_value, std::string(*vkey)};
}

namespace {

// The root of leaves [low, size), where low is the left edge of a subtree that `size` cuts.
std::optional<Digest> edge_root(uint64_t low, uint64_t size, const chain::SubtreeHash& hash) {
  std::vector<Digest> peaks;
  while (low < size) {
    const unsigned height = static_cast<unsigned>(std::bit_width(size - low)) - 1;
    const auto peak = hash(height, low >> height);
    if (!peak) return std::nullopt;
    peaks.push_back(*peak);
    low += uint64_t{1} << height;
  }
  if (peaks.empty()) return std::nullopt;
  Digest root = peaks.back();
  for (size_t i = peaks.size() - 1; i-- > 0;) root = chain::node_hash(peaks[i], root);
  return root;
}

constexpr uint64_t packages_of(uint64_t size) {
  return size / chain::kTileWidth + (size % chain::kTileWidth != 0);
}

}  // namespace

std::optional<chain::Proof> package_proof(uint64_t index, uint64_t size, const chain::SubtreeHash& hash) {
  const auto above = [&](unsigned height, uint64_t at) -> std::optional<Digest> {
    const unsigned below = height + chain::kTileHeight;
    if (at + 1 <= size >> below) return hash(below, at);
    return edge_root(at << below, size, hash);
  };
  return chain::inclusion_proof(index, packages_of(size), above);
}

bool verify_package(const chain::Proof& proof, uint64_t index, uint64_t size, const Digest& package,
                    const Digest& root) {
  return chain::verify_inclusion(proof, index, packages_of(size), package, root);
}

}  // namespace warden::audit
