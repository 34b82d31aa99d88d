// SPDX-License-Identifier: Apache-2.0
// One exchange: read, classify, decide, record, forward or refuse, record again. exchange.cc tells the story top to bottom.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "agent/pipeline/connection.h"

namespace warden::pipeline {

// True: the connection can carry another exchange.
boost::asio::awaitable<bool> run_exchange(Connection& connection);

}  // namespace warden::pipeline
