// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/bundle.h"

#include <algorithm>
#include <filesystem>

#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "policy/rules/bundle_reader.h"
#include "policy/rules/dsse.h"
#include "policy/rules/keys.h"

namespace warden::policy {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFilesMax = 256;
constexpr size_t kBytesMax = 8 << 20;
constexpr size_t kEnvelopeBytesMax = 16 << 20;

// Hidden names are skipped: a mounted ConfigMap keeps its versions behind them. Test cases are no part of a
// bundle.
bool is_policy_file(const std::string& name) {
  const bool yaml = name.ends_with(".yaml") || name.ends_with(".yml");
  const bool cases = name.ends_with("_test.yaml") || name.ends_with("_test.yml");
  return yaml && !cases && !name.starts_with('.');
}

Result<std::vector<std::string>, BundleError> policy_files(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  if (!fs::is_directory(path, error)) return std::vector{fs::path(path).filename().string()};
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (is_policy_file(name)) names.push_back(name);
    if (names.size() > kFilesMax)
      return fail(BundleError::unreadable, path + ": more than " + std::to_string(kFilesMax) + " files");
  }
  if (error) return fail(BundleError::unreadable, path + ": " + error.message());
  std::ranges::sort(names);
  return names;
}

fs::path folder_of(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? fs::path(path) : fs::path(path).parent_path();
}

Result<std::string, BundleError> check_signature(const BundleSource& source, std::string_view payload,
                                                 const LoadOptions& options) {
  const std::string prefix = source.path + ": ";
  if (source.envelope.empty()) {
    if (options.allow_unsigned) return std::string();
    return fail(
        BundleError::unsigned_bundle,
        prefix + "the bundle is not signed; run `egresswarden policy sign`, or set policy.allow_unsigned");
  }
  // A signature that nobody can check is worth what none is worth; one that is wrong is a reason to refuse.
  if (options.trusted.empty() && options.allow_unsigned) return std::string();
  const auto envelope = parse_envelope(source.envelope);
  if (!envelope) return fail(envelope.error().code, prefix + envelope.error().detail);
  auto signer = verify_envelope(*envelope, payload, options.trusted);
  if (!signer) return fail(signer.error().code, prefix + signer.error().detail);
  return signer;
}

}  // namespace

Result<BundleSource, BundleError> read_bundle(const std::string& path) {
  auto names = policy_files(path);
  if (!names) return std::unexpected(names.error());
  const fs::path folder = folder_of(path);
  BundleSource source;
  source.path = path;
  size_t bytes = 0;
  for (std::string& name : *names) {
    auto content = read_file((folder / name).string(), kTreeBytesMax);
    if (!content) return fail(BundleError::unreadable, content.error().detail);
    bytes += content->size();
    if (bytes > kBytesMax)
      return fail(BundleError::unreadable, path + ": more than " + std::to_string(kBytesMax) + " bytes");
    source.files.emplace_back(std::move(name), std::move(*content));
  }
  const std::string envelope_path = (folder / kEnvelopeName).string();
  std::error_code error;
  if (!fs::exists(envelope_path, error)) return source;
  auto envelope = read_file(envelope_path, kEnvelopeBytesMax);
  if (!envelope) return fail(BundleError::unreadable, envelope.error().detail);
  source.envelope = std::move(*envelope);
  return source;
}

Result<std::shared_ptr<const Program>, BundleError> compile(const BundleSource& source,
                                                            const LoadOptions& options) {
  const std::string payload = payload_of(source.files);
  auto signer = check_signature(source, payload, options);
  if (!signer) return std::unexpected(signer.error());
  Problems problems;
  const std::shared_ptr<Program> program = read_program(source, options, problems);
  if (!problems.empty()) return problems.error();
  program->signer = std::move(*signer);
  program->digest = sha256(payload);
  program->finish();
  return program;
}

Result<void, BundleError> sign_bundle(const std::string& path, const std::string& private_key_pem) {
  const auto source = read_bundle(path);
  if (!source) return std::unexpected(source.error());
  Envelope envelope{std::string(kPayloadType), payload_of(source->files), {}};
  auto signature =
      sign_ed25519(private_key_pem, pre_authentication_encoding(envelope.payload_type, envelope.payload));
  if (!signature) return std::unexpected(signature.error());
  envelope.signatures.emplace_back(std::move(signature->key_id), std::move(signature->bytes));
  const auto written = write_file((folder_of(path) / kEnvelopeName).string(), write_envelope(envelope), 0644);
  if (!written) return fail(BundleError::unreadable, written.error().detail);
  return {};
}

}  // namespace warden::policy
