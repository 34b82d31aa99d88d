// SPDX-License-Identifier: Apache-2.0
// Inventory: who talks to which LLM endpoint, and how that was treated, as counts. Everything is counted, also what is recorded
// only in part because of its rate; what the table has no room for is counted in rows that name nobody. Heartbeat records carry
// what was added since the one before, so that the inventory can be made again from the log. Control thread only.
#pragma once

#include <boost/json/fwd.hpp>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agent/attribution/identity.h"
#include "audit/record/draft.h"

namespace warden::app {

// One row's name. Empty: there is none, or it is not known. In a row that names nobody (`other`) only `capture` is set.
struct InventoryKey {
  bool other = false;
  int64_t uid = 0;
  std::string user, person;
  std::string exe, exe_sha256, comm, script;  // comm only where the executable is not known: processes name themselves
  std::string unit, container, image, pod_namespace, pod;
  std::string provider, host;
  std::string capture;  // as in records: proxied, refused, spliced, observed
  std::string reason;   // why it was not proxied
  auto operator<=>(const InventoryKey&) const = default;
};

// What an identity contributes; every text is cut to a bound, since some are an application's choice.
InventoryKey inventory_key(const attribution::Identity& identity);
// The same row, for what that record says of its connection.
InventoryKey with_destination(InventoryKey who, const audit::Draft& record);

struct InventoryCounts {
  uint64_t connections = 0, requests = 0, blocked = 0;  // requests and bytes only of what was proxied
  uint64_t sent_bytes = 0, received_bytes = 0;          // of bodies
  InventoryCounts& operator+=(const InventoryCounts& more);
  bool operator==(const InventoryCounts&) const = default;
};

class Inventory {
 public:
  // Full: of the user with the most rows, the row that was idle longest gives way to the new one; its counts go to `other`.
  static constexpr size_t kRowsMax = 2048;
  // Of one heartbeat record, whose size is bounded; what is over is added up in rows that name nobody.
  static constexpr size_t kDeltaRowsMax = 60;

  void add(const InventoryKey& key, const InventoryCounts& counts, int64_t now_us);
  // Connections whose process was not looked up, since there were too many.
  void add_unnamed(std::string_view capture, uint64_t connections, int64_t now_us);

  [[nodiscard]] boost::json::array rows() const;
  [[nodiscard]] size_t size() const { return rows_.size(); }
  // Sets hb.flows and hb.flow_names to what was added since the last call; neither, when nothing was.
  void take_added(audit::Draft& heartbeat);

 private:
  struct Row {
    InventoryCounts all, added;
    uint64_t folded = 0;  // `other`: rows that gave way
    int64_t first_us = 0, last_us = 0;
  };
  Row& row_for(const InventoryKey& key);
  void give_way();

  std::map<InventoryKey, Row> rows_;
};

}  // namespace warden::app
