// SPDX-License-Identifier: Apache-2.0
#include "agent/app/policy_source.h"

#include <array>

#include "agent/base/bytes.h"
#include "agent/base/log.h"
#include "audit/record/schema.h"

namespace warden::app {
namespace {

// Words that a bundle may use and that this version answers by refusing, which is the stricter way: said, not hidden.
void say_what_is_stricter(const policy::Program& program) {
  const policy::Defaults& words = policy::defaults(program);
  if (words.on_untrusting_client != policy::Defaults::Untrusting::block)
    log::warn("policy: on_untrusting_client is not block, but this version blocks such clients");
  if (words.on_shared_front == policy::Defaults::Front::intercept)
    log::warn("policy: on_shared_front is intercept, but this version refuses foreign names on shared fronts");
}

}  // namespace

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
  say_what_is_stricter(**program);
  LoadedPolicy loaded{std::move(*program), {}};
  loaded.message.path = source->path;
  loaded.message.files = std::move(source->files);
  loaded.message.envelope = std::move(source->envelope);
  for (const policy::TrustedKey& key : options.trusted) loaded.message.trusted.emplace_back(key.id, key.public_key);
  loaded.message.allow_unsigned = options.allow_unsigned;
  return loaded;
}

audit::Draft record_of(const policy::Program& program) {
  audit::Draft draft(audit::Kind::policy_load);
  draft.set(audit::Field::pol_bundle, hex(view(policy::digest(program))));
  draft.set(audit::Field::pol_ver, std::string(policy::version(program)));
  if (!policy::signer(program).empty()) draft.set(audit::Field::pol_signer, std::string(policy::signer(program)));
  draft.set(audit::Field::pol_result, std::string("loaded"));
  return draft;
}

audit::Draft record_of_refused(policy::BundleError why) {
  static constexpr std::array<std::string_view, 6> kWords = {"unreadable",    "syntax",          "unknown_name",
                                                             "invalid_value", "unsigned_bundle", "bad_signature"};
  audit::Draft draft(audit::Kind::policy_load);
  draft.set(audit::Field::pol_result, "refused:" + std::string(kWords[static_cast<size_t>(why)]));
  return draft;
}

}  // namespace warden::app
