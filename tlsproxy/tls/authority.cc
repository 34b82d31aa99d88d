// SPDX-License-Identifier: Apache-2.0
// What is kept: folder/{root.pem,issuing.pem,issuing.key} for the first authority and folder/N/... (N from 2)
// for further ones. root.pem is written last, so a folder without one is a making that was cut short and is
// made again.
#include "tlsproxy/tls/authority.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unordered_map>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/file.h"
#include "tlsproxy/tls/authority_at.h"
#include "tlsproxy/tls/certificates.h"

namespace warden::tls {
namespace {

constexpr int kFoldersMax = 64;
constexpr size_t kLeavesKept =
    1024;  // names below a wildcard are the clients' to choose, so the memory is bounded
constexpr int64_t kUsefulLife_s = 60 * 60;

struct Member {
  Issuer issuer;
  std::vector<std::string> subtrees;
  int64_t not_after_s = 0;
  std::string root_path;

  [[nodiscard]] bool serves(std::string_view host) const {
    return std::any_of(subtrees.begin(), subtrees.end(),
                       [&](const auto& tree) { return within(host, tree); });
  }
};

using MemberResult = Result<Member, AuthorityError>;

std::unexpected<Error<AuthorityError>> storage(const std::string& path, const std::string& what) {
  return fail(AuthorityError::storage, "authority: " + path + ": " + what);
}

Result<void, AuthorityError> make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (error && !folder.parent_path().empty()) return storage(folder.parent_path(), error.message());
  const bool made = ::mkdir(folder.c_str(), 0700) == 0;
  struct stat status {};
  if ((!made && errno != EEXIST) || ::lstat(folder.c_str(), &status) != 0)
    return storage(folder, std::strerror(errno));
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid())
    return storage(folder, "not a folder of this user; choose another trust.ca_dir");
  if (::chmod(folder.c_str(), 0700) != 0) return storage(folder, std::strerror(errno));
  const auto parent = folder.parent_path();
  const Fd directory(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return storage(parent, std::strerror(errno));
  return {};
}

Result<std::string, AuthorityError> read_key(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return storage(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return storage(path, "others could read this key; remove the folder, so that a new authority is made");
  auto text = read_file(path, 64 << 10);
  if (!text) return storage(path, text.error().detail);
  return *text;
}

Result<CertificatePtr, AuthorityError> read_certificate(const std::string& path) {
  const auto text = read_file(path, 1 << 20);
  if (!text) return storage(path, text.error().detail);
  auto certificates = certificates_from_pem(*text);
  if (!certificates || certificates->size() != 1)
    return storage(path, "not one PEM certificate; remove the folder, so that a new authority is made");
  return std::move(certificates->front());
}

MemberResult load(const std::string& folder) {
  Member member;
  member.root_path = folder + "/root.pem";
  auto root = read_certificate(member.root_path);
  if (!root) return std::unexpected(root.error());
  auto issuing = read_certificate(folder + "/issuing.pem");
  if (!issuing) return std::unexpected(issuing.error());
  auto key = read_key(folder + "/issuing.key");
  if (!key) return std::unexpected(key.error());
  member.issuer = {std::move(*root), std::move(*issuing), key_from_pem(*key)};
  OPENSSL_cleanse(key->data(), key->size());
  member.subtrees = subtrees_of(member.issuer.issuing.get());
  member.not_after_s = seconds_of(X509_get0_notAfter(member.issuer.issuing.get()));
  const KeyPtr root_key(X509_get_pubkey(member.issuer.root.get()));
  if (!member.issuer.issuing_key || member.subtrees.empty() ||
      X509_check_private_key(member.issuer.issuing.get(), member.issuer.issuing_key.get()) != 1 ||
      X509_verify(member.issuer.issuing.get(), root_key.get()) != 1)
    return storage(folder,
                   "its files do not belong together; remove the folder, so that a new authority is made");
  return member;
}

MemberResult make(const std::string& folder, const std::vector<std::string>& subtrees, int64_t now_s) {
  char hostname[256] = "localhost";
  ::gethostname(hostname, sizeof hostname - 1);
  Issuer issuer = make_issuer(subtrees, hostname, now_s);
  if (!issuer.root) return fail(AuthorityError::crypto, "authority: OpenSSL could not make the certificates");
  if (auto made = make_folder(folder); !made) return std::unexpected(made.error());
  std::string key = to_pem(issuer.issuing_key.get());
  const auto put = [&](const char* name, std::string_view content) {
    return write_file(folder + name, content, 0600);
  };
  auto written = put("/issuing.key", key);
  OPENSSL_cleanse(key.data(), key.size());
  if (written) written = put("/issuing.pem", to_pem(issuer.issuing.get()));
  if (written) written = put("/root.pem", to_pem(issuer.root.get()));
  if (!written) return storage(folder, written.error().detail);
  return load(folder);
}

class StoredAuthority final : public Authority {
 public:
  StoredAuthority(std::vector<Member> members, Now now_s)
      : members_(std::move(members)), now_s_(std::move(now_s)) {
    for (const Member& member : members_) {
      if (member.not_after_s <= now_s_()) continue;
      roots_pem_ += to_pem(member.issuer.root.get());
      root_paths_.push_back(member.root_path);
    }
  }

  Result<Leaf, AuthorityError> mint(std::string_view host) override {
    const std::optional<std::string> name = dns_name(host);
    if (!name) return fail(AuthorityError::invalid, "authority: not a DNS name");
    const int64_t now_s = now_s_();
    // A leaf is given out again for half its life, so a restart of every worker costs no key.
    if (const auto kept = leaves_.find(*name);
        kept != leaves_.end() && kept->second.not_after_s - now_s > kLeafLife_s / 2)
      return kept->second;
    const Member* member = member_for(*name, now_s);
    if (member == nullptr)
      return fail(AuthorityError::outside_constraints,
                  "authority: may not sign for " + *name + "; add the name to intercept.endpoints");
    SignedLeaf made = sign_leaf(member->issuer, "DNS:" + *name, now_s);
    if (!made.certificate)
      return fail(AuthorityError::crypto, "authority: OpenSSL could not sign for " + *name);
    Leaf leaf{to_pem(made.certificate.get()) + to_pem(member->issuer.issuing.get()), to_pem(made.key.get()),
              made.not_after_s};
    if (leaves_.size() >= kLeavesKept) leaves_.erase(leaves_.begin());
    return leaves_[*name] = std::move(leaf);
  }

  [[nodiscard]] std::string roots_pem() const override { return roots_pem_; }
  [[nodiscard]] const std::vector<std::string>& root_paths() const override { return root_paths_; }

 private:
  [[nodiscard]] const Member* member_for(std::string_view host, int64_t now_s) const {
    const Member* longest = nullptr;
    for (const Member& member : members_) {
      if (!member.serves(host) || member.not_after_s - now_s < kUsefulLife_s) continue;
      if (member.not_after_s - now_s > kLeafLife_s)
        return &member;  // oldest first: the root that programs know
      if (longest == nullptr || member.not_after_s > longest->not_after_s) longest = &member;
    }
    return longest;
  }

  std::vector<Member> members_;
  Now now_s_;
  std::string roots_pem_;
  std::vector<std::string> root_paths_;
  std::unordered_map<std::string, Leaf> leaves_;
};

// The shortest list that permits the same names: every byte of it travels in every full handshake.
Result<std::vector<std::string>, AuthorityError> wanted_subtrees(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const std::string& name : names) {
    const auto subtree = subtree_for(name);
    if (!subtree)
      return fail(AuthorityError::invalid, "authority: cannot be limited to '" + name +
                                               "'; give a host name, or '*.' before at least two labels");
    all.push_back(*subtree);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<std::string> shortest;
  for (const std::string& one : all) {
    const auto covers = [&](const std::string& other) { return other != one && within(one, other); };
    if (std::none_of(all.begin(), all.end(), covers)) shortest.push_back(one);
  }
  return shortest;
}

std::string folder_of(const std::string& base, int number) {
  return number == 1 ? base : base + "/" + std::to_string(number);
}

}  // namespace

Result<std::unique_ptr<Authority>, AuthorityError> open_authority_at(const std::string& folder,
                                                                     const std::vector<std::string>& names,
                                                                     Now now_s) {
  auto wanted = wanted_subtrees(names);
  if (!wanted) return std::unexpected(wanted.error());
  std::vector<Member> members;
  int free_number = 0;
  for (int number = 1; number <= kFoldersMax; ++number) {
    const std::string place = folder_of(folder, number);
    if (::access((place + "/root.pem").c_str(), F_OK) != 0) {
      if (free_number == 0) free_number = number;
      continue;
    }
    auto member = load(place);
    if (!member) return std::unexpected(member.error());
    members.push_back(std::move(*member));
  }
  std::erase_if(*wanted, [&](const std::string& name) {
    return std::any_of(members.begin(), members.end(), [&](const Member& member) {
      return member.serves(name) && member.not_after_s - now_s() > kRenewBefore_s;
    });
  });
  if (!wanted->empty()) {
    if (free_number == 0) return storage(folder, "64 authorities; remove those that are no longer wanted");
    if (auto base = make_folder(folder); !base) return std::unexpected(base.error());
    auto member = make(folder_of(folder, free_number), *wanted, now_s());
    if (!member) return std::unexpected(member.error());
    members.push_back(std::move(*member));
  }
  if (members.empty()) return fail(AuthorityError::invalid, "authority: no names to make one for");
  return std::make_unique<StoredAuthority>(std::move(members), std::move(now_s));
}

Result<std::unique_ptr<Authority>, AuthorityError> Authority::open(const std::string& folder,
                                                                   const std::vector<std::string>& names) {
  return open_authority_at(folder, names, [] { return wall_us() / 1'000'000; });
}

}  // namespace warden::tls
