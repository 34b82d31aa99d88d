// SPDX-License-Identifier: Apache-2.0
// The one error style: std::expected with a closed enum per module and a sentence for the operator.
//
// A module declares `enum class FooError` and returns `Result<T, FooError>`. `detail` says what, where and the remedy;
// it never holds prompt bytes, keys or credentials, since it reaches logs.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace warden {

template <class Code>
struct Error {
  Code code;
  std::string detail;
};

template <class T, class Code>
using Result = std::expected<T, Error<Code>>;

template <class Code>
std::unexpected<Error<Code>> fail(Code code, std::string detail = {}) {
  return std::unexpected(Error<Code>{code, std::move(detail)});
}

}  // namespace warden
