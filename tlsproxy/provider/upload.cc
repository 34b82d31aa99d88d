// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/upload.h"

#include <algorithm>
#include <array>

#include "tlsproxy/provider/body.h"
#include "tlsproxy/provider/gemini_request.h"
#include "tlsproxy/provider/json_text.h"
#include "tlsproxy/provider/multipart.h"
#include "tlsproxy/provider/openai_request.h"

namespace warden::provider {
namespace {

using Fault = std::optional<Unreadable>;

bool is_text(std::string_view bytes) {
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  while (at < end) {
    if (*at == 0) return false;
    if (static_cast<unsigned char>(*at) < 0x80)
      ++at;
    else if (!skip_utf8(at, end))
      return false;
  }
  return true;
}

// Pictures and sound by their first bytes; what a media type says of a file is the sender's word.
bool is_media(std::string_view bytes) {
  using namespace std::string_view_literals;
  static constexpr std::array kMarks = {"\x89PNG\r\n"sv,
                                        "\xff\xd8\xff"sv,
                                        "GIF8"sv,
                                        "OggS"sv,
                                        "fLaC"sv,
                                        "ID3"sv,
                                        "\xff\xfb"sv,
                                        "\xff\xf3"sv,
                                        "\xff\xf2"sv,
                                        "\xff\xf1"sv,
                                        "\x1a\x45\xdf\xa3"sv};
  if (std::ranges::any_of(kMarks, [&](std::string_view mark) { return bytes.starts_with(mark); }))
    return true;
  if (bytes.size() < 12) return false;
  if (bytes.starts_with("RIFF")) return bytes.substr(8, 4) == "WAVE" || bytes.substr(8, 4) == "WEBP";
  return bytes.substr(4, 4) == "ftyp";  // MP4, M4A, HEIC
}

// The request inside a line of a batch, or the line itself (a conversation to train on).
size_t request_of(const Body& body) {
  for (const std::string_view name : {"body", "request", "params"})
    if (const size_t inner = body.member(0, name); body.is(inner, NodeKind::object)) return inner;
  return 0;
}

Walk walk_of(const Body& body) {
  if (const Route* route = openai_route(body.text(0, "url"))) return route->walk;
  if (!body.absent(body.top("messages"))) return walk_chat;
  if (!body.absent(body.top("contents"))) return walk_contents;
  if (!body.absent(body.top("input"))) return walk_responses;
  return body.absent(body.top("prompt")) ? nullptr : walk_text_completion;
}

Fault read_line(std::string_view text, Body& body, Prompt& prompt) {
  if (const Fault fault = body.load(text)) return fault;
  if (body.doubled(0, {"body", "request", "params", "url", "method"})) return Unreadable::duplicate_member;
  body.enter(request_of(body));
  body.mark(0, Role::file);
  Prompt inner;
  if (const Fault fault =
          read_common(body, {"max_tokens", "max_completion_tokens", "max_output_tokens"}, inner))
    return fault;
  if (const Walk walk = walk_of(body))
    if (const Fault fault = walk(body, inner)) return fault;
  for (std::string& tool : inner.tools)
    if (std::ranges::find(prompt.tools, tool) == prompt.tools.end() && prompt.tools.size() < 64)
      prompt.tools.push_back(std::move(tool));
  if (inner.max_tokens) prompt.max_tokens = std::max(*inner.max_tokens, prompt.max_tokens.value_or(0));
  const std::string model = prompt.model;
  if (!inner.model.empty()) prompt.model = std::move(inner.model);
  if (const Fault fault = same_model(model, prompt)) return fault;
  return body.emit(prompt.parts) ? std::nullopt : Fault(Unreadable::too_many_values);
}

Fault add_part(Prompt& prompt, const Part& part) {
  if (prompt.parts.size() == kPartsMax) return Unreadable::too_many_values;
  prompt.parts.push_back(part);
  return std::nullopt;
}

bool looks_like_json(std::string_view text) {
  const size_t at = text.find_first_not_of(" \t\r\n");
  return at != text.npos && (text[at] == '{' || text[at] == '[');
}

Fault read_text(std::string_view text, Role role, std::string_view label, bool editable, Prompt& prompt) {
  Body body;
  // Escapes would hide what stands in a JSON text; what only looks like one is text.
  if (looks_like_json(text) && !body.load_any(text)) {
    body.mark(0, role);
    if (!editable) body.mark_opaque(0);
    return body.emit(prompt.parts) ? std::nullopt : Fault(Unreadable::too_many_values);
  }
  return add_part(prompt, {text, PartForm::plain, role, label, editable, false});
}

Fault read_file(std::string_view content, bool lines, bool editable, Prompt& prompt) {
  if (content.empty()) return std::nullopt;
  if (!is_text(content)) {
    if (lines || !is_media(content)) return Unreadable::opaque_file;
    return add_part(prompt, {content, PartForm::plain, Role::file, "file", false, false});
  }
  const size_t first = prompt.parts.size();
  if (!lines) return read_text(content, Role::file, "file", editable, prompt);
  if (const Fault fault = read_lines(content, prompt)) return fault;
  for (size_t at = first; !editable && at < prompt.parts.size(); ++at) prompt.parts[at].editable = false;
  return std::nullopt;
}

bool is_line_purpose(std::string_view purpose) {
  return purpose == "batch" || purpose == "fine-tune" || purpose == "evals";
}

bool is_lines(const FormPart& part, std::string_view purpose) {
  return is_line_purpose(purpose) || part.filename.ends_with(".jsonl") ||
         part.content_type.ends_with("jsonl") || part.content_type.ends_with("x-ndjson");
}

Role role_of_field(std::string_view name) {
  if (name == "prompt" || name == "input" || name == "text" || name == "query") return Role::user;
  return name == "instructions" || name == "system" ? Role::system : Role::other;
}

Fault read_form(const std::vector<FormPart>& form, Prompt& prompt) {
  std::string_view purpose, model;
  for (const FormPart& part : form) {
    std::string_view* decides = part.name == "purpose" ? &purpose : part.name == "model" ? &model : nullptr;
    if (decides == nullptr) continue;
    if (!decides->empty()) return Unreadable::duplicate_member;
    *decides = part.content;
  }
  prompt.model = model;
  for (const FormPart& part : form) {
    if (const Fault fault = add_part(prompt, {part.head, PartForm::plain, Role::other, "part", false, false}))
      return fault;
    const bool file = !part.filename.empty() || part.name == "file" || !is_text(part.content);
    if (part.name == "stream") prompt.stream = part.content == "true";
    const Fault fault =
        file ? read_file(part.content, is_lines(part, purpose), !part.own_length, prompt)
             : read_text(part.content, role_of_field(part.name), "field", !part.own_length, prompt);
    if (fault) return fault;
  }
  return std::nullopt;
}

std::string_view operation_of(std::string_view path) {
  static constexpr std::array<std::string_view, 8> kOperations = {
      "transcriptions", "translations", "edits", "variations", "videos", "parts", "files", "skills"};
  for (const std::string_view word : kOperations)
    if (path.find(word) != path.npos) return word;
  return {};
}

}  // namespace

bool is_form(const RequestLine& line) {
  return line.content_type.starts_with("multipart/");
}

bool is_bare_file(const RequestLine& line) {
  const std::string_view type = line.content_type;
  return type.starts_with("audio/") || type.starts_with("image/") || type.starts_with("video/") ||
         type.starts_with("text/") || type == "application/octet-stream" || type == "application/pdf" ||
         type.ends_with("jsonl") || type.ends_with("x-ndjson");
}

Fault same_model(const std::string& model, Prompt& prompt) {
  return model.empty() || prompt.model.empty() || model == prompt.model ? std::nullopt
                                                                        : Fault(Unreadable::mixed_models);
}

Fault read_lines(std::string_view text, Prompt& prompt) {
  Body body;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    if (const Fault fault = read_line(line, body, prompt)) return fault;
  }
  return std::nullopt;
}

std::expected<Prompt, Unreadable> read_upload(const RequestLine& line, std::string_view body) {
  Prompt prompt;
  prompt.operation = operation_of(line.path);
  Fault fault;
  if (is_form(line)) {
    if (prompt.operation.empty()) return std::unexpected(Unreadable::unknown_shape);
    const auto form = split_multipart(line.content_type_field, body);
    if (!form) return std::unexpected(form.error());
    fault = read_form(*form, prompt);
  } else {
    if (prompt.operation.empty()) prompt.operation = "upload";
    const bool lines = line.content_type.ends_with("jsonl") || line.content_type.ends_with("x-ndjson");
    fault = read_file(body, lines, true, prompt);
  }
  if (fault) return std::unexpected(*fault);
  return prompt;
}

}  // namespace warden::provider
