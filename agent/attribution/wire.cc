// SPDX-License-Identifier: Apache-2.0
// Wire form of Identity: a version byte, then the members in declaration order. Integers little-endian, texts
// and lists with a 32-bit count. A Known is its state byte, then the value (known) or the reason (unresolved)
// or nothing (absent).
#include <algorithm>
#include <array>
#include <type_traits>

#include "agent/attribution/identity.h"
#include "agent/attribution/wire.h"

namespace warden::attribution {
namespace {

constexpr uint8_t kVersion = 2;

class Writer {
 public:
  template <class T>
  requires std::is_integral_v<T>
  void put(T value) {
    for (size_t i = 0; i < sizeof(T); ++i)
      out_ +=
          static_cast<char>(static_cast<uint64_t>(static_cast<std::make_unsigned_t<T>>(value)) >> (8 * i));
  }
  void put(const std::string& text) {
    const size_t length = std::min(text.size(), kTextBytesMax);
    put(static_cast<uint32_t>(length));
    out_.append(text, 0, length);
  }
  void put(const Ancestor& a) {
    put(a.pid);
    put(a.start_us);
    put(a.comm);
    put(a.exe);
    put(a.script);
  }
  template <class T>
  void put(const std::vector<T>& list) {
    const size_t count = std::min(list.size(), kItemsMax);
    put(static_cast<uint32_t>(count));
    for (size_t i = 0; i < count; ++i) put(list[i]);
  }
  template <class T>
  void put(const Known<T>& fact) {
    put(static_cast<uint8_t>(fact.state));
    if (fact.known()) put(fact.value);
    if (fact.state == Known<T>::State::unresolved) put(fact.why);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads what Writer wrote; the first thing that is wrong makes every later read a no-op.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  requires std::is_integral_v<T>
  void put(T& value) {
    if (!take(sizeof(T))) return;
    uint64_t bits = 0;
    for (size_t i = 0; i < sizeof(T); ++i) bits |= uint64_t{static_cast<uint8_t>(taken_[i])} << (8 * i);
    value = static_cast<T>(bits);
  }
  void put(std::string& text) {
    if (const uint32_t length = count(kTextBytesMax); take(length)) text = taken_;
  }
  void put(Ancestor& a) {
    put(a.pid);
    put(a.start_us);
    put(a.comm);
    put(a.exe);
    put(a.script);
  }
  template <class T>
  void put(std::vector<T>& list) {
    const uint32_t items = count(kItemsMax);
    // Grown item by item: a lying count costs its sender bytes before it costs us memory.
    for (uint32_t i = 0; i < items && ok_; ++i) put(list.emplace_back());
  }
  template <class T>
  void put(Known<T>& fact) {
    uint8_t state = 0;
    put(state);
    if (state > static_cast<uint8_t>(Known<T>::State::known)) ok_ = false;
    if (!ok_) return;
    fact.state = static_cast<typename Known<T>::State>(state);
    if (fact.known()) put(fact.value);
    if (fact.state == Known<T>::State::unresolved) put(fact.why);
  }
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }

 private:
  bool take(size_t length) {
    if (!ok_ || rest_.size() < length) return ok_ = false;
    taken_ = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }
  uint32_t count(size_t most) {
    uint32_t value = 0;
    put(value);
    if (value > most) ok_ = false;
    return ok_ ? value : 0;
  }

  std::string_view rest_, taken_;
  bool ok_ = true;
};

// One list of members for both directions, so that they cannot drift apart.
template <class Stream, class Id>
void members(Stream& s, Id& id) {
  s.put(id.pid), s.put(id.tid), s.put(id.start_us), s.put(id.boot), s.put(id.comm);
  s.put(id.exe), s.put(id.exe_sha256), s.put(id.argv), s.put(id.cwd), s.put(id.ancestry);
  s.put(id.script), s.put(id.script_sha256), s.put(id.script_basis);
  s.put(id.uid), s.put(id.gid), s.put(id.user), s.put(id.groups);
  s.put(id.loginuid), s.put(id.login_user), s.put(id.session);
  s.put(id.cgroup), s.put(id.cgroup_id), s.put(id.unit), s.put(id.slice), s.put(id.user_unit);
  s.put(id.container_id), s.put(id.container_runtime), s.put(id.container_name), s.put(id.container_image);
  s.put(id.container_image_digest), s.put(id.container_labels);
  s.put(id.pod_namespace), s.put(id.pod_name), s.put(id.pod_uid), s.put(id.pod_service_account);
  s.put(id.pod_owner), s.put(id.pod_labels);
  s.put(id.person), s.put(id.person_groups), s.put(id.person_basis), s.put(id.person_assurance);
}

}  // namespace

std::string serialise(const Identity& identity) {
  Writer writer;
  writer.put(kVersion);
  members(writer, identity);
  return writer.take();
}

Result<Identity, WireError> parse(std::string_view bytes) {
  if (bytes.size() > kWireBytesMax) return fail(WireError::malformed, "identity: larger than its bound");
  Reader reader(bytes);
  uint8_t version = 0;
  reader.put(version);
  if (version != kVersion) return fail(WireError::malformed, "identity: unknown version");
  Identity identity;
  members(reader, identity);
  if (!reader.done())
    return fail(WireError::malformed, "identity: truncated, over a bound, or trailing bytes");
  return identity;
}

}  // namespace warden::attribution
