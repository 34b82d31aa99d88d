// SPDX-License-Identifier: Apache-2.0
// Lookout: what strict mode makes of the bytes that a client sends to an address nobody knows. As thorough as the kernel's tripwire,
// in whose place it stands: a name may also come after greetings, or behind a proxy that was asked for a tunnel.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/pipeline/connection.h"
#include "tlsproxy/forward/splice.h"
#include "tlsproxy/intercept/beginning.h"

namespace warden::pipeline {

class Lookout final : public forward::Watch {
 public:
  enum class Course : uint8_t {
    more,       // not to be told yet
    intercept,  // an LLM's endpoint: the connection's service and host are set
    pass,       // no LLM's, and nothing that follows will be
    watch,      // nothing that names anybody; what follows may
    refuse,     // an LLM's name where it cannot be inspected, or an opening that may hide one
  };
  struct Verdict {
    Course course = Course::more;
    std::string_view reason;
  };
  static constexpr unsigned kBeginningsMax = 8;  // as many as the tripwire looks at

  explicit Lookout(Connection& connection) : connection_(connection) {}

  // Of a client's first bytes.
  Verdict first(const intercept::Beginning& beginning) { return judge(beginning, true); }
  // Of what comes later, while it is passed on. Records what it stops.
  Say look(std::string_view held, bool late) override;

 private:
  Verdict judge(const intercept::Beginning& beginning, bool first);
  Verdict judge_hello(const tls::ClientHello& hello, bool first);
  Verdict judge_request(const intercept::Beginning& request, bool first);
  Verdict begin_again();
  [[nodiscard]] const provider::Service* find(std::string_view host) const;

  Connection& connection_;
  unsigned beginnings_ = 0;
  std::string passed_;  // of a beginning, sent on while it was too short to tell
};

}  // namespace warden::pipeline
