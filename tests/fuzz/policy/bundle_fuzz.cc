// SPDX-License-Identifier: Apache-2.0
// Any bytes as a bundle: read to an error or to a program that decides and explains. Bytes that begin with
// '{' are also tried as a signature envelope and as facts.
#include <cstdint>

#include "policy/rules/bundle.h"
#include "policy/rules/dsse.h"
#include "policy/rules/facts_reader.h"
#include "policy/rules/lint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::policy;
  const std::string text(reinterpret_cast<const char*>(data), size);
  LoadOptions options;
  options.allow_unsigned = true;
  Facts facts;
  facts.set("identity.user", "alice");
  facts.set("destination.model", Unresolved{});
  facts.data.push_back({"pii.gov", "us.ssn", "validated", 90, 1, "user"});
  const auto program = compile({"fuzz.yaml", {{"fuzz.yaml", text}}, {}}, options);
  if (program) {
    decide(**program, facts);
    decide_unreadable(**program, facts, "fuzz");
    explain(**program, facts);
    lint(**program);
  }
  if (!text.starts_with('{')) return 0;
  if (const auto envelope = parse_envelope(text)) write_envelope(*envelope);
  const auto tree = parse_json(text);
  if (!std::holds_alternative<Tree>(tree)) return 0;
  Problems problems;
  Reader reader("fuzz.json", problems);
  read_facts(reader, std::get<Tree>(tree), true);
  return 0;
}
