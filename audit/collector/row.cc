// SPDX-License-Identifier: Apache-2.0
#include "audit/collector/row.h"

#include <iterator>
#include <utility>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "audit/record/json.h"

namespace warden::audit {
namespace {

constexpr std::pair<std::string_view, std::string_view> kNames[] = {{"user", "name"}, {"user", "login_name"},
                                                                    {"host", "name"}, {"proc", "exe"},
                                                                    {"proc", "comm"}, {"who", "person"}};

void each_disclosure(std::string_view disclosures, const std::function<void(std::string_view)>& visit) {
  while (!disclosures.empty()) {
    const size_t end = std::min(disclosures.find('~'), disclosures.size());
    visit(disclosures.substr(0, end));
    disclosures.remove_prefix(std::min(end + 1, disclosures.size()));
  }
}

}  // namespace

void each_element(std::string_view array, const std::function<void(std::string_view)>& visit) {
  if (array.size() < 2 || array.front() != '[' || array.back() != ']') return;
  array = array.substr(1, array.size() - 2);
  size_t begin = 0;
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < array.size(); ++i) {
    const char c = array[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && depth == 0) {
      visit(array.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (begin < array.size()) visit(array.substr(begin));
}

IndexRow index_row(std::string_view leaf) {
  IndexRow row;
  const std::pair<const char*, std::string*> fields[] = {
      {"time", &row.time},         {"kind", &row.kind},          {"req", &row.req},
      {"host.id", &row.host},      {"user.uid", &row.uid},       {"who.id", &row.who},
      {"proc.comm", &row.process}, {"unit", &row.unit},          {"llm.provider", &row.provider},
      {"net.host", &row.net_host}, {"llm.model", &row.model},    {"dec.verdict", &row.verdict},
      {"dec.reason", &row.reason}, {"net.capture", &row.capture}};
  for (const auto& [path, text] : fields) {
    *text = text_at(leaf, path);
    if (text->starts_with('{')) text->clear();  // a digest in its place
  }
  if (row.reason.empty()) row.reason = text_at(leaf, "net.reason");
  if (const auto found = find(leaf, "cls.found"))
    each_element(*found, [&](std::string_view one) {
      if (std::string name = text_at(one, "class"); !name.empty()) row.classes.push_back(std::move(name));
    });
  if (const auto rules = find(leaf, "pol.rules"))
    each_element(*rules, [&](std::string_view one) {
      if (auto name = unquote(one)) row.rules.push_back(std::move(*name));
    });
  return row;
}

std::map<std::string, std::string> disclosed_names(std::string_view leaf, std::string_view disclosures) {
  std::map<std::string, std::string> names;
  each_disclosure(disclosures, [&](std::string_view one) {
    const auto json = from_base64url(one);
    if (!json || !is_canonical(*json)) return;
    std::vector<std::string_view> parts;
    each_element(*json, [&](std::string_view part) { parts.push_back(part); });
    const auto name = parts.size() == 3 ? unquote(parts[1]) : std::nullopt;
    if (!name) return;
    const std::string digest = '"' + base64url(view(sha256(one))) + '"';
    for (const auto& [group, member] : kNames) {
      if (member != *name) continue;
      const auto digests = find(leaf, std::string(group) + "._sd");
      if (digests && digests->find(digest) != std::string_view::npos)
        if (auto value = unquote(parts[2]))
          names[std::string(group) + '.' + std::string(member)] = std::move(*value);
    }
  });
  return names;
}

std::string disclosures_json(std::string_view disclosures) {
  std::string list;
  each_disclosure(disclosures, [&](std::string_view one) {
    const auto json = from_base64url(one);
    // Hosts send what they like: only JSON goes into an answer that is JSON.
    if (json && is_canonical(*json)) list += (list.empty() ? "" : ",") + *json;
  });
  return list;
}

}  // namespace warden::audit
