// SPDX-License-Identifier: Apache-2.0
// Trust stores of the host: finds them, makes the host's store trust our authorities by the distribution's own tool, undoes
// that to the byte, and says what one process trusts.
//
// Promises: nothing is written outside the distribution's folder for local authorities, what its tool generates, and
// /usr/local/share/egresswarden; list and explain only read. Leaves to others: containers (mounts) and when to call.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "agent/base/result.h"

namespace warden::trust {

enum class TrustError { unsupported_host, bad_certificate, storage, tool_failed, no_such_process };

// Where the host begins. A test gives a temporary tree; every path below is taken inside it.
struct Host {
  std::string prefix;
};

// Adds the roots as egresswarden-<fingerprint8>.crt and runs the tool. Again with the same roots: changes nothing.
Result<void, TrustError> inject(const std::vector<std::string>& root_paths, const Host& host = {});
// Takes every root of ours out again, whoever put it there; without one it changes nothing.
Result<void, TrustError> remove(const Host& host = {});

enum class Inside { yes, no, unknown };  // unknown: unreadable, or a format we do not look into

struct Store {
  std::string kind;  // "system bundle", "certifi", "jvm cacerts", "nss"
  std::string path;
  Inside ours = Inside::unknown;
};

// The stores found, and whether all of `root_paths` are inside. Bounded: looks at the usual places only.
std::vector<Store> list(const std::vector<std::string>& root_paths, const Host& host = {});

// Lines NAME=VALUE for programs with roots of their own, after inject: Node reads one file beside its built-in roots. The
// file is world-readable, unlike the authority's folder.
std::vector<std::string> environment(const Host& host = {});

// What the process trusts and the knob for it, for people; from its executable, libraries and environment, best effort.
Result<std::string, TrustError> explain(pid_t pid, const Host& host = {});

}  // namespace warden::trust
