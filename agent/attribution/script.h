// SPDX-License-Identifier: Apache-2.0
// Script: what an interpreter was told to run, by its arguments alone. The grammar of the usual interpreters' command lines;
// nothing here is proof, since arguments are whatever the caller of execve() wrote.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace warden::attribution {

struct ScriptArgument {
  enum class Kind { none, file, unclear };
  Kind kind = Kind::none;  // none: no interpreter, or code that is in no file (-c, -e, standard input)
  std::string path;        // file: as given
  const char* why = "";    // unclear: a reason word
};

// `program`: file name of the executable, such as "python3.11".
ScriptArgument script_argument(std::string_view program, std::span<const std::string> argv);

// Does this program read "NAME=VALUE... PROGRAM ARGUMENTS" and become PROGRAM, as `#!/usr/bin/env` has it?
bool is_env(std::string_view program);

}  // namespace warden::attribution
