// SPDX-License-Identifier: Apache-2.0
#include "agent/app/policy_source.h"

namespace warden::app {

Result<LoadedPolicy, policy::BundleError> load_policy(const AgentConfig& config, const classify::Pack& pack) {
  policy::LoadOptions options;
  options.allow_unsigned = config.policy.allow_unsigned;
  options.knows_class = [&](std::string_view name) { return pack.knows_class(name); };
  options.knows_detector = [&](std::string_view id) { return pack.knows_detector(id); };
  for (const std::string& path : config.policy.trusted_keys) {
    auto key = policy::read_trusted_key(path);
    if (!key) return std::unexpected(key.error());
    options.trusted.push_back(std::move(*key));
  }
  auto source = policy::read_bundle(config.policy.bundle);
  if (!source) return std::unexpected(source.error());
  auto program = policy::compile(*source, options);
  if (!program) return std::unexpected(program.error());
  LoadedPolicy loaded{std::move(*program), {}};
  loaded.message.path = source->path;
  loaded.message.files = std::move(source->files);
  loaded.message.envelope = std::move(source->envelope);
  for (const policy::TrustedKey& key : options.trusted) loaded.message.trusted.emplace_back(key.id, key.public_key);
  loaded.message.allow_unsigned = options.allow_unsigned;
  return loaded;
}

}  // namespace warden::app
