// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/base/address.h"
#include "tlsproxy/tls/authority_at.h"

namespace warden::tls {
namespace {

bool label_ok(std::string_view label) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), allowed);
}

}  // namespace

std::optional<std::string> dns_name(std::string_view text) {
  std::string name(text);
  if (!name.empty() && name.back() == '.') name.pop_back();
  if (name.empty() || name.size() > 253 || Endpoint::parse(name, 0)) return std::nullopt;
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  for (size_t at = 0; at <= name.size();) {
    const size_t dot = std::min(name.find('.', at), name.size());
    if (!label_ok(std::string_view(name).substr(at, dot - at))) return std::nullopt;
    at = dot + 1;
  }
  return name;
}

std::optional<std::string> subtree_for(std::string_view name) {
  const bool wildcard = name.starts_with("*.");
  if (wildcard) name.remove_prefix(2);
  std::optional<std::string> base = dns_name(name);
  // "*.com" would be an authority over everything below it.
  if (base && wildcard && base->find('.') == std::string::npos) return std::nullopt;
  return base;
}

bool within(std::string_view host, std::string_view subtree) {
  if (host == subtree) return true;
  return host.size() > subtree.size() && host.ends_with(subtree) &&
         host[host.size() - subtree.size() - 1] == '.';
}

}  // namespace warden::tls
