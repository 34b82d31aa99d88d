// SPDX-License-Identifier: Apache-2.0
#include "policy/rules/dsse.h"

#include <algorithm>

#include "policy/rules/keys.h"
#include "policy/rules/tree.h"

namespace warden::policy {
namespace {

constexpr size_t kSignaturesMax = 16;

// The DSSE specification lets a writer choose either alphabet.
std::optional<std::string> decode(std::string text) {
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  while (text.size() % 4 != 0) text += '=';
  return from_base64(text);
}

std::optional<std::string> decoded(const Tree& map, std::string_view name) {
  const Tree* value = map.find(name);
  return value != nullptr && value->is_scalar() ? decode(value->text) : std::nullopt;
}

}  // namespace

std::string payload_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string payload = "egresswarden policy bundle v1\n";
  for (const auto& [name, content] : files)
    payload +=
        std::to_string(name.size()) + ":" + name + "," + std::to_string(content.size()) + ":" + content + ",";
  return payload;
}

std::string pre_authentication_encoding(std::string_view type, std::string_view body) {
  std::string text = "DSSEv1 ";
  text += std::to_string(type.size()) + " ";
  text += type;
  text += " " + std::to_string(body.size()) + " ";
  text += body;
  return text;
}

Result<Envelope, BundleError> parse_envelope(std::string_view json) {
  const auto bad = [](const std::string& what) {
    return fail(BundleError::bad_signature,
                std::string(kEnvelopeName) + ": " + what + "; sign the bundle again");
  };
  const auto parsed = parse_json(json);
  if (const auto* error = std::get_if<TreeError>(&parsed)) return bad("not JSON: " + error->what);
  const Tree& tree = std::get<Tree>(parsed);
  const Tree *type = tree.find("payloadType"), *signatures = tree.find("signatures");
  auto payload = decoded(tree, "payload");
  if (type == nullptr || !type->is_scalar() || !payload || signatures == nullptr ||
      signatures->kind != Tree::Kind::sequence || signatures->items.size() > kSignaturesMax)
    return bad("not a DSSE envelope");
  Envelope envelope{type->text, std::move(*payload), {}};
  for (const Tree& item : signatures->items) {
    const Tree* id = item.find("keyid");
    auto signature = decoded(item, "sig");
    if (!signature) return bad("a signature is not base64");
    envelope.signatures.emplace_back(id != nullptr ? id->text : "", std::move(*signature));
  }
  return envelope;
}

std::string write_envelope(const Envelope& envelope) {
  std::string signatures;
  for (const auto& [id, signature] : envelope.signatures) {
    if (!signatures.empty()) signatures += ",";
    signatures += "\n    {\"keyid\": " + json_quote(id) + ", \"sig\": \"" + base64(signature) + "\"}";
  }
  return "{\n  \"payloadType\": " + json_quote(envelope.payload_type) + ",\n  \"payload\": \"" +
         base64(envelope.payload) + "\",\n  \"signatures\": [" + signatures + "\n  ]\n}\n";
}

Result<std::string, BundleError> verify_envelope(const Envelope& envelope, std::string_view payload,
                                                 const std::vector<TrustedKey>& trusted) {
  if (envelope.payload_type != kPayloadType)
    return fail(BundleError::bad_signature, "the envelope signs something else than a policy bundle");
  if (envelope.payload != payload)
    return fail(BundleError::bad_signature,
                "the files are not those that were signed; sign the bundle again");
  const std::string signed_bytes = pre_authentication_encoding(envelope.payload_type, envelope.payload);
  for (const TrustedKey& key : trusted)
    for (const auto& [id, signature] : envelope.signatures)
      if (verify_ed25519(key.public_key, signed_bytes, signature)) return key.id;
  std::string ids;
  for (const auto& [id, signature] : envelope.signatures) ids += (ids.empty() ? "" : ", ") + id.substr(0, 16);
  return fail(BundleError::bad_signature,
              "no trusted key signed the bundle (signed by: " + (ids.empty() ? "nobody" : ids) + ")");
}

}  // namespace warden::policy
