// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/promptless.h"

#include <algorithm>

namespace warden::provider {

std::expected<Prompt, Unreadable> read_promptless(const RequestLine& line, std::string_view body,
                                                  std::span<const std::string_view> resources) {
  if (line.method != "GET" && line.method != "HEAD" && line.method != "DELETE" && line.method != "OPTIONS")
    return std::unexpected(Unreadable::unknown_path);
  std::string_view path = line.path;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    const auto found = std::ranges::find(resources, segment);
    if (found != resources.end()) {
      if (!body.empty()) return std::unexpected(Unreadable::unknown_shape);
      Prompt prompt;
      prompt.operation = *found;
      return prompt;
    }
    path.remove_prefix(segment.size());
  }
  return std::unexpected(Unreadable::unknown_path);
}

}  // namespace warden::provider
