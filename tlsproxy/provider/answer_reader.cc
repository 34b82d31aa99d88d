// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/answer_reader.h"

#include "tlsproxy/http/media_type.h"

namespace warden::provider {
namespace {

constexpr size_t kDocumentBytesMax = 8 << 20;
constexpr size_t kModelBytesMax = 256;
constexpr size_t kFinishBytesMax = 64;
constexpr size_t kFinishMax = 32;

}  // namespace

JsonAnswerReader::JsonAnswerReader(std::string_view content_type)
    : events_(http::media_type_is(content_type, "text/event-stream")) {}

void JsonAnswerReader::body(std::string_view decoded) {
  if (events_) return sse_.feed(decoded, [this](std::string_view, std::string_view data) { event(data); });
  if (too_large_) return;
  if (document_.size() + decoded.size() > kDocumentBytesMax) {
    too_large_ = true;
    std::string().swap(document_);
    return;
  }
  document_.append(decoded);
}

void JsonAnswerReader::event(std::string_view data) {
  if (data.starts_with('{')) {
    if (!json_.load(data)) on_event(json_);
  } else {
    on_word(data);
  }
}

Usage JsonAnswerReader::finish() {
  if (!events_ && !document_.empty() && !json_.load(document_)) {
    usage_.terminal = true;
    on_document(json_);
  }
  document_.clear();
  return std::move(usage_);
}

void JsonAnswerReader::take_model(const Body& json, size_t node) {
  std::string model = json.text(node);
  if (!model.empty() && model.size() <= kModelBytesMax) usage_.model = std::move(model);
}

void JsonAnswerReader::take_finish(const Body& json, size_t node) {
  add_finish(json.text(node));
}

void JsonAnswerReader::add_finish(std::string reason) {
  if (reason.empty() || reason.size() > kFinishBytesMax || usage_.finish.size() == kFinishMax) return;
  usage_.finish.push_back(std::move(reason));
}

void JsonAnswerReader::take_count(const Body& json, size_t object, std::string_view name,
                                  std::optional<int64_t>& count) {
  if (const auto value = json.integer(json.member(object, name)); value && *value >= 0) count = value;
}

}  // namespace warden::provider
