// SPDX-License-Identifier: Apache-2.0
// FlowRows: the inventory made again from a log. A heartbeat record holds what was counted since the one before; what came after
// the last heartbeat of a run is taken from the records themselves, in which connections that were intercepted cannot be told
// apart, only their requests.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

namespace warden::cli {

class FlowRows {
 public:
  // Records in the order of the log, opened (opened_record.h).
  void take(const boost::json::object& record);
  // Rows as the agent's admin socket gives them. Ends the last run.
  boost::json::array rows();

 private:
  using Names = std::map<std::string, std::string>;
  struct Counted {
    Names names;
    boost::json::object counts;
    std::string time;
  };
  void take_heartbeat(const boost::json::object& record);
  void take_one(const boost::json::object& record, const std::string& kind);
  void add(const Counted& counted);
  void end_run();

  std::map<Names, boost::json::object> rows_;
  std::vector<Counted> pending_;          // since the last heartbeat
  std::map<std::string, Names> decided_;  // by req: exchanges without an outcome
};

}  // namespace warden::cli
