// SPDX-License-Identifier: Apache-2.0
// Requests of the OpenAI API (platform.openai.com/docs/api-reference) and the walks that dialects of its
// shape share. Internal to tlsproxy/provider.
#pragma once

#include <expected>
#include <optional>

#include "tlsproxy/provider/body.h"
#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

std::expected<Prompt, Unreadable> read_openai(const RequestLine& line, std::string_view body);

// Walks below body.root(); nullopt: understood.
using Walk = std::optional<Unreadable> (*)(Body& body, Prompt& prompt);
std::optional<Unreadable> walk_chat(Body& body, Prompt& prompt);
std::optional<Unreadable> walk_text_completion(Body& body, Prompt& prompt);
std::optional<Unreadable> walk_responses(Body& body, Prompt& prompt);
std::optional<Unreadable> walk_embeddings(Body& body, Prompt& prompt);
std::optional<Unreadable> walk_moderations(Body& body, Prompt& prompt);
// Writes to a resource (a thread, a vector store, a job): every string is walked, instructions and contents
// by role.
std::optional<Unreadable> walk_resource(Body& body, Prompt& prompt);
std::optional<Unreadable> walk_media(Body& body,
                                     Prompt& prompt);  // images, speech, videos: {prompt} or {input}
// {query, documents} as rerankers take them, {text}, {texts}.
std::optional<Unreadable> walk_texts(Body& body, Prompt& prompt);

struct Route {
  std::string_view tail;  // every provider of a shape has its own prefix ("/v1", "/openai/v1", "/api/v1")
  std::string_view operation;
  Walk walk;
};
const Route* openai_route(std::string_view path);
// A JSON request of one route; what it names beside (model, stream, limits, claims) is read as OpenAI names
// it.
std::expected<Prompt, Unreadable> read_route(const Route& route, std::string_view body);
// The request at body.root(), without its parts: for requests inside others.
std::optional<Unreadable> walk_route(const Route& route, Body& body, Prompt& prompt);

}  // namespace warden::provider
