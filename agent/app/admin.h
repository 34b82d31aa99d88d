// SPDX-License-Identifier: Apache-2.0
// Admin socket: <run_dir>/admin.sock, root only. One JSON object per line asks ({"cmd":"status"}), JSON lines answer; an
// `observe` with "follow": true streams until the client leaves. The commands are functions that the supervisor gives.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/fwd.hpp>
#include <functional>
#include <memory>
#include <string>

#include "agent/app/inventory.h"
#include "agent/app/observations.h"
#include "agent/base/result.h"

namespace warden::app {

enum class AdminError { cannot_listen };

struct AdminCommands {
  std::function<boost::json::object()> status;
  Observations* observations = nullptr;
  const Inventory* inventory = nullptr;
};

class Admin {
 public:
  static Result<std::unique_ptr<Admin>, AdminError> listen(boost::asio::io_context& io, const std::string& path,
                                                           AdminCommands commands);
  virtual ~Admin() = default;
};

}  // namespace warden::app
