// SPDX-License-Identifier: Apache-2.0
#include "agent/trust/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "agent/base/file.h"
#include "agent/trust/places.h"
#include "tlsproxy/tls/certificates.h"

namespace warden::trust {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDebianTool = "/usr/sbin/update-ca-certificates";
constexpr const char* kFedoraTool = "/usr/bin/update-ca-trust";

enum class Family { none, debian, fedora };

Family family_of(const Host& host) {
  if (fs::is_directory(host.prefix + kDebianLocal) && ::access(kDebianTool, X_OK) == 0) return Family::debian;
  // Its tool knows no other root folder, so a prefix cannot be honoured.
  if (host.prefix.empty() && fs::is_directory(kFedoraAnchors) && ::access(kFedoraTool, X_OK) == 0)
    return Family::fedora;
  return Family::none;
}

std::unexpected<Error<TrustError>> unsupported() {
  return fail(TrustError::unsupported_host,
              "trust: neither update-ca-certificates nor update-ca-trust here; install ca-certificates, or "
              "set trust.inject: "
              "off and give applications the root file");
}

Result<void, TrustError> run_tool(Family family, const Host& host) {
  std::vector<std::string> command = {kFedoraTool, "extract"};
  if (family == Family::debian) {
    command = {kDebianTool};
    const std::string& at = host.prefix;
    if (!at.empty())
      command.insert(command.end(), {"--certsconf", at + "/etc/ca-certificates.conf", "--certsdir",
                                     at + "/usr/share/ca-certificates", "--localcertsdir", at + kDebianLocal,
                                     "--etccertsdir", at + kDebianHashed, "--hooksdir", at + kDebianHooks});
  }
  const Ran ran = run(command);
  if (ran.status == 0) return {};
  return fail(TrustError::tool_failed, "trust: " + command[0] + " failed (" + std::to_string(ran.status) +
                                           "), run it by hand to see why: " + ran.output.substr(0, 200));
}

std::string folder_of(Family family, const Host& host) {
  return host.prefix + (family == Family::debian ? kDebianLocal : kFedoraAnchors);
}

std::string system_bundle(const Host& host) {
  for (const char* bundle : kBundles)
    if (fs::is_regular_file(host.prefix + bundle)) return host.prefix + bundle;
  return {};
}

std::vector<fs::path> ours_in(const std::string& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (is_ours(at->path().filename())) found.push_back(at->path());
  return found;
}

bool bundle_has_any_of_ours(const std::string& path) {
  const auto text = read_file(path);
  const auto certificates = tls::certificates_from_pem(text ? *text : std::string());
  return certificates &&
         std::any_of(certificates->begin(), certificates->end(), [](const tls::CertificatePtr& one) {
           return tls::common_name_of(one.get()).starts_with(tls::kAuthorityName);
         });
}

// update-ca-certificates leaves the links of a certificate that is gone, unless it is told to make all of
// them afresh, which would touch other people's. So ours go by hand: the named link, then the hashes that
// pointed to it.
std::vector<std::string> unlink_hashed(const Host& host) {
  const std::string folder = host.prefix + kDebianHashed;
  std::vector<std::string> gone;
  std::vector<fs::path> links;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code no_link;
    const fs::path target = fs::read_symlink(at->path(), no_link);
    if (no_link) continue;
    if (is_ours(at->path().filename())) gone.push_back(at->path());
    if (is_ours(at->path().filename()) || is_ours(target.filename())) links.push_back(at->path());
  }
  for (const fs::path& link : links) fs::remove(link, error);
  return gone;
}

// The tool tells its hooks (the JVM's store is one) only of what it took away itself.
void tell_hooks(const Host& host, const std::vector<std::string>& gone) {
  std::string lines;
  for (const std::string& pem : gone) lines += "-" + pem + "\n";
  std::error_code error;
  for (fs::directory_iterator at(host.prefix + kDebianHooks, error), end; !error && at != end;
       at.increment(error))
    if (::access(at->path().c_str(), X_OK) == 0 && at->is_regular_file(error))
      (void)run({at->path().string()}, lines);
}

Result<void, TrustError> put_files(const std::vector<Root>& roots, const std::string& folder,
                                   const Host& host) {
  std::string all;
  for (const Root& root : roots) {
    all += root.pem;
    if (const auto put = write_file(folder + "/" + root.file_name, root.pem, 0644); !put)
      return fail(TrustError::storage, "trust: " + put.error().detail);
  }
  std::error_code error;
  fs::create_directories(host.prefix + kOwnFolder, error);
  if (const auto put = write_file(host.prefix + kOwnBundle, all, 0644); !put)
    return fail(TrustError::storage, "trust: " + put.error().detail);
  return {};
}

}  // namespace

Result<void, TrustError> inject(const std::vector<std::string>& root_paths, const Host& host) {
  const auto roots = read_roots(root_paths);
  if (!roots) return std::unexpected(roots.error());
  const Family family = family_of(host);
  if (family == Family::none) return unsupported();
  const std::string folder = folder_of(family, host);
  if (const auto put = put_files(*roots, folder, host); !put) return put;
  if (bundle_has(system_bundle(host), *roots) == Inside::yes) return {};
  if (const auto ran = run_tool(family, host); !ran) return ran;
  if (bundle_has(system_bundle(host), *roots) != Inside::yes)
    return fail(TrustError::tool_failed, "trust: the tool ran, but the system bundle lacks our root; is " +
                                             folder + " in use by this distribution?");
  return {};
}

Result<void, TrustError> remove(const Host& host) {
  const Family family = family_of(host);
  if (family == Family::none) return unsupported();
  const std::vector<fs::path> files = ours_in(folder_of(family, host));
  std::error_code error;
  for (const fs::path& file : files)
    if (!fs::remove(file, error))
      return fail(TrustError::storage, "trust: " + file.string() + ": " + error.message());
  fs::remove_all(host.prefix + kOwnFolder, error);
  const std::vector<std::string> gone =
      family == Family::debian ? unlink_hashed(host) : std::vector<std::string>();
  // The bundle is looked at too: an earlier remove may have failed between the files and the tool.
  if (files.empty() && gone.empty() && !bundle_has_any_of_ours(system_bundle(host))) return {};
  if (const auto ran = run_tool(family, host); !ran) return ran;
  if (!gone.empty()) tell_hooks(host, gone);
  return {};
}

std::vector<std::string> environment(const Host& host) {
  return {"NODE_EXTRA_CA_CERTS=" + host.prefix + kOwnBundle};
}

}  // namespace warden::trust
