// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/tables.h"

#include <array>

namespace warden::classify {

std::span<const std::span<const Detector>> all_tables() {
  static const std::array tables = {card_detectors(),    bank_detectors(),      us_detectors(),
                                    uk_detectors(),      es_detectors(),        health_detectors(),
                                    contact_detectors(), phone_detectors(),     cloud_key_detectors(),
                                    token_detectors(),   container_detectors(), assignment_detectors(),
                                    field_detectors(),   place_detectors(),     person_detectors(),
                                    clinical_detectors(),  licence_detectors()};
  return tables;
}

std::string_view other_meanings() {
  return "order id|order no|order number|order|invoice|ticket|tracking|shipment|sku|part no|part "
         "number|serial|build|"
         "commit|sha|sha1|sha256|md5|hash|checksum|etag|uuid|guid|version|revision|row|line|timestamp|epoch|"
         "unix time|"
         "offset|pixel|px|isbn|issn|doi|request id|trace id|span id|session id|message id|job "
         "id|batch|total|amount";
}

}  // namespace warden::classify
