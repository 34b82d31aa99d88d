// SPDX-License-Identifier: Apache-2.0
// Index: the records in a form that answers questions (`index.sqlite`). All of it comes from the ledger and
// can be made again: open() on a missing file, then catch_up() for each origin. Writing and reading have a
// connection and a lock each, so that a long question holds up no agent.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "audit/collector/ledger.h"
#include "audit/collector/query.h"

namespace warden::audit {

struct IndexedRecord {
  uint64_t id = 0, seq = 0;
  std::string time, origin, leaf;
  std::map<std::string, std::string> disclosed;  // by path, see row.h
};

// One line of the inventory or of coverage: name and value, value as JSON text.
using JsonRow = std::vector<std::pair<std::string, std::string>>;

class Index {
 public:
  static Result<std::unique_ptr<Index>, StoreError> open(const std::string& path);

  // Takes in what the ledger holds beyond what is here, disclosures included.
  Result<void, StoreError> catch_up(Ledger& ledger, const std::string& origin);
  Result<void, StoreError> disclose(const OriginState& origin, const DisclosuresRequest& request);

  // Newest first.
  Result<std::vector<IndexedRecord>, StoreError> records(const Query& query);
  Result<std::vector<IndexedRecord>, StoreError> exchange(std::string_view req);
  Result<std::vector<JsonRow>, StoreError> inventory();
  Result<std::vector<JsonRow>, StoreError> coverage();
  // By host id: name if disclosed, number of records, times of the first and the last.
  Result<std::vector<JsonRow>, StoreError> hosts();

 private:
  struct Statements {
    Statement begin, commit, rollback, next, set_next, record, tag, leaf, name;
  };
  Index(Database writing, Database reading) : writing_(std::move(writing)), reading_(std::move(reading)) {}
  Result<void, StoreError> prepare();
  Result<uint64_t, StoreError> next_of(std::string_view origin);
  Result<void, StoreError> insert(std::string_view origin, uint64_t seq, std::string_view leaf);
  Result<void, StoreError> set_names(std::string_view origin, uint64_t seq, std::string_view leaf,
                                     std::string_view disclosures);
  Result<std::vector<IndexedRecord>, StoreError> select(const std::string& where,
                                                        const std::vector<std::string>& texts,
                                                        uint64_t id_below, unsigned limit);
  Result<std::vector<JsonRow>, StoreError> rows(const char* sql, const std::vector<const char*>& names);

  std::mutex writer_mutex_, reader_mutex_;
  Database writing_, reading_;
  Statements sql_;
};

}  // namespace warden::audit
