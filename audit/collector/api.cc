// SPDX-License-Identifier: Apache-2.0
#include "audit/collector/api.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "audit/collector/row.h"
#include "audit/record/json.h"

namespace warden::audit {
namespace {

constexpr char kJson[] = "application/json";

std::string quoted(std::string_view text) {
  std::string json;
  append_string(json, text);
  return json;
}

Reply wrong(unsigned status, std::string_view what) {
  return {status, "{\"error\":" + quoted(what) + "}\n", kJson};
}
Reply broken(const Error<StoreError>& error) {
  log::error("index: {}", error.detail);
  return wrong(503, "the index cannot be read now");
}

std::string with_disclosed(const IndexedRecord& record) {
  std::string json = record.leaf;
  json.pop_back();
  json += ",\"disclosed\":{";
  for (bool first = true; const auto& [path, value] : record.disclosed) {
    if (!std::exchange(first, false)) json += ',';
    json += quoted(path) + ':' + quoted(value);
  }
  return json + "}}";
}

Reply records(Index& index, std::string_view parameters) {
  const auto query = Query::parse(parameters, wall_us());
  if (!query) return wrong(400, query.error().detail);
  const auto found = index.records(*query);
  if (!found) return broken(found.error());
  std::string body = "{\"records\":[";
  for (const IndexedRecord& record : *found) {
    if (&record != &found->front()) body += ',';
    body += with_disclosed(record);
  }
  const bool more = found->size() == query->limit;
  body +=
      "],\"next\":" + (more ? quoted(format_cursor(found->back().time, found->back().id)) : "null") + "}\n";
  return {200, std::move(body), kJson};
}

Reply exchange(Ledger& ledger, Index& index, std::string_view req) {
  const auto found = index.exchange(req);
  if (!found) return broken(found.error());
  if (found->empty()) return wrong(404, "no record of that request; it may not have arrived yet");
  std::string body = "{\"req\":" + quoted(req) + ",\"records\":[";
  for (auto record = found->rbegin(); record != found->rend(); ++record) {
    const auto origin = ledger.find(record->origin);
    if (!origin) continue;
    const std::string proof = ledger.proof(*origin, record->seq);
    body += record == found->rbegin() ? "{" : ",{";
    body += "\"origin\":" + quoted(record->origin) + ",\"seq\":" + std::to_string(record->seq) +
            ",\"record\":" + record->leaf + ",\"disclosures\":[" +
            disclosures_json(ledger.disclosures(*origin, record->seq)) +
            "],\"proof\":" + (proof.empty() ? "null" : quoted(proof)) + '}';
  }
  return {200, body + "]}\n", kJson};
}

void append_row(std::string& body, const JsonRow& row) {
  for (const auto& [name, value] : row) body += (body.back() == '{' ? "" : ",") + quoted(name) + ':' + value;
}

Reply list(const char* name, const Result<std::vector<JsonRow>, StoreError>& rows,
           const std::function<void(const JsonRow&, std::string&)>& more = {}) {
  if (!rows) return broken(rows.error());
  std::string body = std::string("{\"") + name + "\":[";
  for (const JsonRow& row : *rows) {
    if (&row != &rows->front()) body += ',';
    body += '{';
    append_row(body, row);
    if (more) more(row, body);
    body += '}';
  }
  return {200, body + "]}\n", kJson};
}

// With the state of each of the host's logs.
Reply hosts(Ledger& ledger, Index& index) {
  const auto origins = ledger.origins();
  return list("hosts", index.hosts(), [&](const JsonRow& row, std::string& body) {
    int64_t seen_us = 0;
    std::string epochs;
    for (const OriginState& origin : origins) {
      const auto parts = OriginParts::parse(origin.origin);
      if (!parts || quoted(parts->host_id) != row.front().second) continue;
      seen_us = std::max(seen_us, origin.seen_us);
      epochs += (epochs.empty() ? "" : ",") + std::string("{\"origin\":") + quoted(origin.origin) +
                ",\"epoch\":" + std::to_string(origin.epoch) +
                ",\"size\":" + std::to_string(origin.accepted) + ",\"held\":" + std::to_string(origin.held) +
                ",\"cosigned\":" + std::to_string(origin.cosigned) + ",\"vkey\":" + quoted(origin.vkey) + '}';
    }
    body += ",\"last_seen\":" + quoted(rfc3339(seen_us)) + ",\"logs\":[" + epochs + ']';
  });
}

}  // namespace

Reply serve_api(Ledger& ledger, Index& index, std::string_view target) {
  const size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  const std::string_view parameters = target.substr(std::min(question + 1, target.size()));
  constexpr std::string_view kRecords = "/api/v1/records";
  if (path == kRecords) return records(index, parameters);
  if (!parameters.empty()) return wrong(400, "this takes no parameters");
  if (path == "/api/v1/hosts") return hosts(ledger, index);
  if (path == "/api/v1/inventory") return list("inventory", index.inventory());
  if (path == "/api/v1/coverage") return list("coverage", index.coverage());
  if (path.size() > kRecords.size() + 1 && path.starts_with(kRecords) && path[kRecords.size()] == '/') {
    const auto req = percent_decode(path.substr(kRecords.size() + 1), false);
    if (!req || req->size() > 128) return wrong(400, "not the number of a request");
    return exchange(ledger, index, *req);
  }
  return wrong(404, "no such thing; there are records, records/<req>, hosts, inventory and coverage");
}

}  // namespace warden::audit
