// SPDX-License-Identifier: Apache-2.0
// What the index keeps of a record beside its leaf: the values that are searched for, and those that a
// disclosure opens.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace warden::audit {

struct IndexRow {
  std::string time, kind, req, host, uid, who, process, unit, provider, net_host, model, verdict, reason,
      capture;
  std::vector<std::string> classes, rules;
};
IndexRow index_row(std::string_view leaf);

// The disclosed members the index knows, by path: user.name, user.login_name, host.name, proc.exe, proc.comm,
// who.person. `disclosures` each end with '~'; only those whose digest stands in that very object count.
std::map<std::string, std::string> disclosed_names(std::string_view leaf, std::string_view disclosures);

// The disclosures as the JSON arrays they are, separated by commas.
std::string disclosures_json(std::string_view disclosures);

// The elements of a canonical JSON array, as JSON text.
void each_element(std::string_view array, const std::function<void(std::string_view)>& visit);

}  // namespace warden::audit
