// SPDX-License-Identifier: Apache-2.0
// One exchange: read, classify, decide, record, forward or refuse, record again. exchange.cc tells the story top to bottom.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "agent/pipeline/carrier.h"
#include "agent/pipeline/connection.h"

namespace warden::pipeline {

enum class ExchangeEnd : uint8_t {
  next,  // the connection can carry another exchange
  over,  // it is to be closed in order
  cut,   // the answer stopped in the middle: it is to be reset
};

boost::asio::awaitable<ExchangeEnd> run_exchange(Connection& connection, Carrier& carrier);

}  // namespace warden::pipeline
