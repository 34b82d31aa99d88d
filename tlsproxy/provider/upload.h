// SPDX-License-Identifier: Apache-2.0
// Uploads: multipart forms and bare files. A JSONL file of a batch is a list of requests, read line by line
// as such; JSON is walked, other text is one Part; pictures and sound pass as bytes that must not be edited;
// whatever else is no text (PDF, archives, UTF-16) is `opaque_file`: its text cannot be seen here. Internal
// to tlsproxy/provider.
#pragma once

#include <expected>
#include <optional>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

bool is_form(const RequestLine& line);       // multipart
bool is_bare_file(const RequestLine& line);  // a body that is a file by its media type
// A form on a path that takes none is unknown_shape: who knows what a server would make of it.
std::expected<Prompt, Unreadable> read_upload(const RequestLine& line, std::string_view body);

// Appends the parts of a JSONL text. nullopt: every line is a JSON object.
std::optional<Unreadable> read_lines(std::string_view text, Prompt& prompt);

// One model for all requests in one body, since policy is asked about one: `model` is what an earlier one
// named.
std::optional<Unreadable> same_model(const std::string& model, Prompt& prompt);

}  // namespace warden::provider
