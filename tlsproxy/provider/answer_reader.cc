// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/answer_reader.h"

#include "tlsproxy/http/media_type.h"

namespace warden::provider {
namespace {

constexpr size_t kDocumentBytesMax = 8 << 20;
constexpr size_t kModelBytesMax = 256;
constexpr size_t kFinishBytesMax = 64;
constexpr size_t kFinishMax = 32;

constexpr size_t kLineBytesMax = 1 << 20;

class SilentAnswer final : public AnswerReader {
  void body(std::string_view) override {}
  Usage finish() override { return {}; }
};

}  // namespace

JsonAnswerReader::Form JsonAnswerReader::form_of(std::string_view content_type) {
  if (http::media_type_is(content_type, "text/event-stream")) return Form::events;
  for (const std::string_view lines :
       {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/stream+json"})
    if (http::media_type_is(content_type, lines)) return Form::lines;
  return Form::document;
}

JsonAnswerReader::JsonAnswerReader(std::string_view content_type) : form_(form_of(content_type)) {}

void JsonAnswerReader::body(std::string_view decoded) {
  if (form_ == Form::events)
    return sse_.feed(decoded, [this](std::string_view name, std::string_view data) { event(name, data); });
  if (form_ == Form::lines) return lines(decoded);
  if (too_large_) return;
  if (document_.size() + decoded.size() > kDocumentBytesMax) {
    too_large_ = true;
    std::string().swap(document_);
    return;
  }
  document_.append(decoded);
}

void JsonAnswerReader::lines(std::string_view bytes) {
  for (size_t end = bytes.find('\n'); end != bytes.npos; end = bytes.find('\n')) {
    const std::string_view tail = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (document_.empty()) {
      if (!too_large_ && !tail.empty()) event({}, tail);
    } else if (!too_large_ && document_.size() + tail.size() <= kLineBytesMax) {
      event({}, document_.append(tail));
    }
    document_.clear();
    too_large_ = false;
  }
  if (document_.size() + bytes.size() > kLineBytesMax) {
    too_large_ = true;
    std::string().swap(document_);
  }
  if (!too_large_) document_.append(bytes);
}

void JsonAnswerReader::event(std::string_view name, std::string_view data) {
  event_name_ = name;
  if (data.starts_with('{')) {
    if (!json_.load(data)) on_event(json_);
  } else {
    on_word(data);
  }
  event_name_ = {};
}

Usage JsonAnswerReader::finish() {
  if (form_ == Form::lines && !document_.empty()) event({}, document_);
  if (form_ == Form::document && !document_.empty() && !json_.load_any(document_) &&
      (json_.is(0, NodeKind::object) || json_.is(0, NodeKind::array))) {
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

std::unique_ptr<AnswerReader> silent_answer() {
  return std::make_unique<SilentAnswer>();
}

}  // namespace warden::provider
