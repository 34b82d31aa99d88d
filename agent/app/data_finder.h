// SPDX-License-Identifier: Apache-2.0
// DataFinder: tells the log whether the classifier finds anything in a value that an application chose (a model's name, a host,
// a unit), which then becomes a digest. One thread: the audit writer's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "policy/classify/engine.h"

namespace warden::app {

class DataFinder {
 public:
  explicit DataFinder(std::shared_ptr<const classify::Pack> pack) : scanner_(std::move(pack)) {}
  bool operator()(std::string_view value);

 private:
  classify::Scanner scanner_;
  std::unordered_set<std::string> clean_;  // records repeat the same few values
};

}  // namespace warden::app
