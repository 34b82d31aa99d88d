// SPDX-License-Identifier: Apache-2.0
#include "audit/chain/policy.h"

#include <algorithm>

namespace warden::chain {
namespace {

constexpr size_t kLogsMax = 1024, kNamesMax = 256;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::unexpected<Error<NoteError>> bad(const char* why) {
  return fail(NoteError::malformed, why);
}

}  // namespace

Result<Policy, NoteError> Policy::parse(std::string_view text) {
  if (text.size() > kNoteBytesMax) return bad("policy: too large");
  Policy policy;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto control = [](char c) { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f; };
    const std::vector<std::string_view> words = words_of(line);
    Result<void, NoteError> done;
    if (std::any_of(line.begin(), line.end(), control))
      done = bad("a control character");
    else if (!words.empty() && !words.front().starts_with('#'))
      done = policy.line(words);
    if (!done)
      return fail(done.error().code, "policy, line " + std::to_string(number) + ": " + done.error().detail);
  }
  if (policy.quorum_.empty()) return bad("policy: no quorum line; `quorum none` asks for no witness");
  return policy;
}

Result<void, NoteError> Policy::line(const std::vector<std::string_view>& words) {
  const std::string_view what = words.front();
  if (what == "log" && (words.size() == 2 || words.size() == 3)) {
    auto key = Verifier::parse(words[1]);
    if (!key) return std::unexpected(key.error());
    if (key->type() != KeyType::ed25519) return bad("a log's key has type 1");
    for (const Verifier& other : logs_)
      if (other.public_key() == key->public_key()) return bad("this log's key stands here twice");
    if (logs_.size() == kLogsMax) return bad("too many logs");
    logs_.push_back(std::move(*key));
    return {};
  }
  if (what == "witness" && (words.size() == 3 || words.size() == 4)) {
    auto key = Verifier::parse(words[2]);
    if (!key) return std::unexpected(key.error());
    if (key->type() != KeyType::cosignature_v1) return bad("a witness's key has type 4");
    for (const auto& [name, other] : witnesses_)
      if (other.public_key() == key->public_key()) return bad("this witness's key stands here twice");
    const std::string name(words[1]);
    if (name == "none" || known(name) || witnesses_.size() == kNamesMax) return bad("this name is taken");
    witnesses_.emplace(name, std::move(*key));
    return {};
  }
  if (what == "group" && words.size() >= 4) return add_group(words);
  if (what == "quorum" && words.size() == 2) {
    const std::string name(words[1]);
    if (!quorum_.empty()) return bad("a second quorum line");
    if (name != "none" && !known(name)) return bad("the quorum names nobody defined above");
    quorum_ = name;
    return {};
  }
  return bad("want log, witness, group or quorum with their arguments");
}

Result<void, NoteError> Policy::add_group(const std::vector<std::string_view>& words) {
  const std::string name(words[1]);
  if (name == "none" || known(name) || groups_.size() == kNamesMax) return bad("this name is taken");
  Group group;
  for (size_t i = 3; i < words.size(); ++i) {
    const std::string member(words[i]);
    if (!known(member)) return bad("a member is not defined above");
    if (used_[member]) return bad("a member belongs to a group already");
    used_[member] = true;
    group.members.push_back(member);
  }
  const auto count = parse_decimal(words[2]);
  group.threshold = words[2] == "any" ? 1 : words[2] == "all" ? group.members.size() : count.value_or(0);
  if (group.threshold == 0 || group.threshold > group.members.size())
    return bad("the threshold: any, all or 1 to the number of members");
  groups_.emplace(name, std::move(group));
  order_.push_back(name);
  return {};
}

Policy Policy::of(Verifier log) {
  Policy policy;
  policy.logs_.push_back(std::move(log));
  policy.quorum_ = "none";
  return policy;
}

const Verifier* Policy::log(std::string_view origin) const {
  const auto found =
      std::find_if(logs_.begin(), logs_.end(), [&](const Verifier& v) { return v.name() == origin; });
  return found == logs_.end() ? nullptr : &*found;
}

Result<OpenedCheckpoint, NoteError> Policy::open(std::string_view bytes) const {
  auto note = parse_note(bytes);
  if (!note) return std::unexpected(note.error());
  const std::string_view origin = std::string_view(note->text).substr(0, note->text.find('\n'));
  const Verifier* const key = log(origin);
  if (key == nullptr)
    return fail(NoteError::unknown_key, "no trusted key for the log " + std::string(origin));
  auto opened = open_checkpoint(bytes, *key);
  if (!opened || quorum_ == "none") return opened;
  std::map<std::string, bool> agreed;
  for (const auto& [name, witness] : witnesses_) agreed[name] = witness.verify(opened->note).has_value();
  for (const std::string& name : order_) {
    const Group& group = groups_.at(name);
    const auto count =
        std::count_if(group.members.begin(), group.members.end(), [&](const auto& m) { return agreed[m]; });
    agreed[name] = static_cast<size_t>(count) >= group.threshold;
  }
  if (!agreed[quorum_])
    return fail(NoteError::bad_signature, "the quorum of witnesses did not cosign this checkpoint");
  return opened;
}

}  // namespace warden::chain
