// SPDX-License-Identifier: Apache-2.0
// The detector tables, one per file of detectors/. A new file adds one line here and one in tables.cc.
#pragma once

#include <span>
#include <string_view>

#include "policy/classify/detector.h"

namespace warden::classify {

std::span<const Detector> card_detectors();
std::span<const Detector> bank_detectors();
std::span<const Detector> us_detectors();
std::span<const Detector> uk_detectors();
std::span<const Detector> es_detectors();
std::span<const Detector> health_detectors();
std::span<const Detector> contact_detectors();
std::span<const Detector> phone_detectors();
std::span<const Detector> cloud_key_detectors();
std::span<const Detector> token_detectors();
std::span<const Detector> container_detectors();
std::span<const Detector> assignment_detectors();
std::span<const Detector> field_detectors();
std::span<const Detector> place_detectors();
std::span<const Detector> person_detectors();
std::span<const Detector> clinical_detectors();
std::span<const Detector> licence_detectors();

std::span<const std::span<const Detector>> all_tables();
// Words that speak against a number being personal: it is named as something else.
std::string_view other_meanings();

}  // namespace warden::classify
