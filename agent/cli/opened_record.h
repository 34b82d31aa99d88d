// SPDX-License-Identifier: Apache-2.0
// A record as its writer knew it: the leaf with what its disclosures disclose put back in place.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string_view>

namespace warden::cli {

// `disclosures`: as the log keeps them, each followed by '~'. What is not disclosed stays away: members are absent, elements of
// arrays null. nullopt: the leaf is no JSON object.
std::optional<boost::json::object> opened_record(std::string_view leaf, std::string_view disclosures);

// The value at a dotted path; nullptr: there is none.
const boost::json::value* at_path(const boost::json::object& record, std::string_view path);

}  // namespace warden::cli
