// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/mounts.h"

#include <sstream>

namespace warden::kernel {
namespace {

// mountinfo writes space, tab, newline and backslash as \ooo (proc(5)).
std::string unescape(const std::string& field) {
  std::string text;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size()) {
      text += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

}  // namespace

std::vector<Mount> parse_mounts(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  std::istringstream lines{std::string(mountinfo)};
  std::string line;
  while (std::getline(lines, line)) {
    // Optional fields, of any number, stand before the dash.
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream fields(line.substr(0, dash)), after(line.substr(dash + 3));
    std::string id, parent, device, root, point, type;
    if (fields >> id >> parent >> device >> root >> point && after >> type) mounts.push_back({unescape(root), unescape(point), type});
  }
  return mounts;
}

}  // namespace warden::kernel
