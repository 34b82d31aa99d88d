// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/accounts.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <sstream>

#include "agent/attribution/wire.h"
#include "agent/base/file.h"

namespace warden::attribution {
namespace {

constexpr size_t kBufferBytesMax = size_t{1} << 20;  // a group of many thousand members

// Calls one of NSS's reentrant functions with a buffer that grows as it asks.
template <class Call>
int with_buffer(Call&& call) {
  for (size_t bytes = 4096;; bytes *= 4) {
    std::vector<char> buffer(bytes);
    const int error = call(buffer.data(), buffer.size());
    if (error == EINTR) bytes /= 4;
    if (error == EINTR || (error == ERANGE && bytes < kBufferBytesMax)) continue;
    return error;
  }
}

bool local(const char* database) {
  const auto config = read_file("/etc/nsswitch.conf", 1 << 16);
  return !config || asks_only_local(*config, database);  // without the file glibc asks "files"
}

Known<std::vector<std::string>> groups_of(const std::string& user, gid_t primary) {
  using Groups = Known<std::vector<std::string>>;
  int count = static_cast<int>(kItemsMax);
  std::vector<gid_t> ids(kItemsMax);
  if (::getgrouplist(user.c_str(), primary, ids.data(), &count) < 0)
    return Groups::unresolved("more_groups_than_supported");
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    group entry{};
    group* found = nullptr;
    std::string name;
    const int error = with_buffer([&](char* buffer, size_t bytes) {
      const int result = ::getgrgid_r(ids[static_cast<size_t>(i)], &entry, buffer, bytes, &found);
      if (result == 0 && found != nullptr) name = entry.gr_name;
      return result;
    });
    if (error != 0) return Groups::unresolved("group_lookup_failed");
    if (found != nullptr) names.push_back(std::move(name));
    // A group that a directory would name and does not is a group we cannot rule out.
    if (found == nullptr && !local("group")) return Groups::unresolved("group_without_name");
  }
  // getgrouplist() cannot report that a directory is down; it then lists the local groups only.
  return Groups::of(std::move(names));
}

Account look_up(uint32_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::string name;
  const int error = with_buffer([&](char* buffer, size_t bytes) {
    const int result = ::getpwuid_r(uid, &entry, buffer, bytes, &found);
    if (result == 0 && found != nullptr) name = entry.pw_name;
    return result;
  });
  Account account;
  if (error == 0 && found != nullptr) {
    account.name = Known<std::string>::of(name);
    account.groups = groups_of(name, entry.pw_gid);
  } else if (error != 0 || !local("passwd")) {
    const char* const why = error != 0 ? "user_lookup_failed" : "user_without_name";
    account.name = Known<std::string>::unresolved(why);
    account.groups = Known<std::vector<std::string>>::unresolved(why);
  }
  return account;
}

}  // namespace

bool asks_only_local(const std::string& nsswitch, const std::string& database) {
  std::istringstream lines(nsswitch);
  for (std::string line; std::getline(lines, line);) {
    line.resize(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word != database + ":") continue;
    while (words >> word) {
      if (word.starts_with('[')) {  // an action such as [NOTFOUND=return], perhaps of several words
        while (!word.ends_with(']') && words >> word) {
        }
        continue;
      }
      if (word != "files" && word != "systemd" && word != "compat") return false;
    }
    return true;
  }
  return true;
}

const Account& Accounts::find(uint32_t uid) {
  const auto now = std::chrono::steady_clock::now();
  const auto seen = entries_.find(uid);
  if (seen != entries_.end() && now < seen->second.until) return seen->second.account;
  if (entries_.size() >= entries_max_) entries_.clear();
  Entry& entry = entries_[uid];
  entry = {look_up(uid), now + lifetime_};
  return entry.account;
}

}  // namespace warden::attribution
