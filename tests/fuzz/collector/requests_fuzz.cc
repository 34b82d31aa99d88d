// SPDX-License-Identifier: Apache-2.0
// Everything the collector parses before it knows whom it trusts: bodies, origins, questions. What is
// accepted must come out of the formatter as it went in.
#include <cstdlib>

#include "audit/collector/query.h"
#include "audit/collector/row.h"
#include "audit/ship/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::audit;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      if (const auto request = CheckpointRequest::parse(body); request && request->format() != body)
        std::abort();
      break;
    case 1:
      if (const auto request = EntriesRequest::parse(body); request && request->format() != body)
        std::abort();
      break;
    case 2:
      if (const auto request = DisclosuresRequest::parse(body); request && request->format() != body)
        std::abort();
      break;
    case 3:
      if (const auto latest = Latest::parse(body); latest && latest->format() != body) std::abort();
      if (const auto origin = OriginParts::parse(body); origin && origin->host.find("..") == 0) std::abort();
      break;
    case 4:
      if (const auto query = Query::parse(body, 0); query && query->limit > 1000) std::abort();
      break;
    default:
      static_cast<void>(index_row(body));
      static_cast<void>(disclosed_names(body, body));
      static_cast<void>(disclosures_json(body));
  }
  return 0;
}
