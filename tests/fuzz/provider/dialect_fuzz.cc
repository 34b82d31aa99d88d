// SPDX-License-Identifier: Apache-2.0
// Hostile bodies for every dialect and operation: Parts lie in order inside the body; and hostile answers.
#include <array>
#include <cstdlib>

#include "tlsproxy/provider/dialect.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::provider;
  constexpr std::array<std::string_view, 6> kPaths = {"/v1/chat/completions", "/v1/responses",
                                                      "/v1/embeddings",       "/v1/moderations",
                                                      "/v1/messages",         "/v1/completions"};
  if (size < 1) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const std::string_view word : {"openai", "anthropic"}) {
    const Dialect* dialect = find_dialect(word);
    const RequestLine line{"POST", kPaths[data[0] % kPaths.size()], "", "application/json"};
    if (const auto prompt = dialect->read(line, body)) {
      const char* last = body.data();
      for (const Part& part : prompt->parts) {
        if (part.raw.data() < last || part.raw.data() + part.raw.size() > body.data() + body.size())
          std::abort();
        last = part.raw.data();
      }
    }
    const auto reader =
        dialect->answer(line, 200, (data[0] & 128) != 0 ? "text/event-stream" : "application/json");
    reader->body(body.substr(0, body.size() / 2));
    reader->body(body.substr(body.size() / 2));
    (void)reader->finish();
  }
  return 0;
}
