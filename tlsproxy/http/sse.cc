// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/sse.h"

#include <utility>

namespace warden::http {

void SseReader::feed(std::string_view bytes, const Event& event) {
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const size_t end = bytes.find_first_of("\r\n");
    if (end == bytes.npos) {
      if (fits(bytes.size()))
        line_.append(bytes);
      else
        line_.assign(1, ':');  // not empty: the end of this line is not the end of the event
      return;
    }
    after_cr_ = bytes[end] == '\r';
    end_line(bytes.substr(0, end), event);
    bytes.remove_prefix(end + 1);
  }
}

bool SseReader::fits(size_t more) {
  if (!too_large_ && line_.size() + name_.size() + data_.size() + more > event_bytes_max_) {
    too_large_ = true;
    ++dropped_;
    data_.clear();
  }
  return !too_large_;
}

// Most lines lie whole in one read and are looked at in place.
void SseReader::end_line(std::string_view tail, const Event& event) {
  const bool kept = tail.empty() || fits(tail.size());
  if (line_.empty()) return take_line(tail, event);
  if (kept) line_.append(tail);
  take_line(line_, event);
  line_.clear();
}

void SseReader::take_line(std::string_view line, const Event& event) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (std::exchange(first_line_, false) && line.starts_with(kByteOrderMark))
    line.remove_prefix(kByteOrderMark.size());
  if (line.empty()) return dispatch(event);
  if (too_large_) return;
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") name_.assign(value);
  if (field != "data") return;
  if (has_data_) data_.push_back('\n');
  data_.append(value);
  has_data_ = true;
}

void SseReader::dispatch(const Event& event) {
  if (has_data_ && !too_large_) event(name_, data_);
  name_.clear();
  data_.clear();
  has_data_ = false;
  too_large_ = false;
}

}  // namespace warden::http
