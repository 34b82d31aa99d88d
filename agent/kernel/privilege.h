// SPDX-License-Identifier: Apache-2.0
// Whether this process may load and attach programs, asked first so that the answer names the cause.
#pragma once

namespace warden::kernel {

bool may_load();

}  // namespace warden::kernel
