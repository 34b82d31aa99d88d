// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/promptless.h"

#include <algorithm>

namespace warden::provider {

std::string_view resource_of(std::string_view path, std::span<const std::string_view> resources) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (const auto found = std::ranges::find(resources, segment); found != resources.end()) return *found;
    path.remove_prefix(segment.size());
  }
  return {};
}

std::expected<Prompt, Unreadable> read_promptless(const RequestLine& line, std::string_view body,
                                                  std::span<const std::string_view> resources) {
  if (line.method != "GET" && line.method != "HEAD" && line.method != "DELETE" && line.method != "OPTIONS")
    return std::unexpected(Unreadable::unknown_path);
  const std::string_view resource = resource_of(line.path, resources);
  if (resource.empty()) return std::unexpected(Unreadable::unknown_path);
  if (!body.empty()) return std::unexpected(Unreadable::unknown_shape);
  Prompt prompt;
  prompt.operation = resource;
  return prompt;
}

}  // namespace warden::provider
