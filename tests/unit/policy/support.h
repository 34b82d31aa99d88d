// SPDX-License-Identifier: Apache-2.0
// What the policy tests share: a bundle from a few lines of rules, and facts in short.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "policy/rules/bundle.h"

namespace warden::policy {

inline BundleSource source_of(std::string text) {
  return {"policy.yaml", {{"policy.yaml", std::move(text)}}, {}};
}

inline LoadOptions unsigned_ok() {
  LoadOptions options;
  options.allow_unsigned = true;
  return options;
}

// `spec` is what stands under spec:, indented by two.
inline std::string bundle_text(const std::string& spec) {
  return "apiVersion: egresswarden/v1\nkind: PolicyBundle\nmetadata: { name: t, version: \"1\" }\nspec:\n" +
         spec;
}

inline std::shared_ptr<const Program> program_of(const std::string& spec) {
  auto program = compile(source_of(bundle_text(spec)), unsigned_ok());
  if (!program) {
    ADD_FAILURE() << program.error().detail;
    return nullptr;
  }
  return *program;
}

inline DataFact row(std::string data_class, std::string detector = "d", std::string_view tier = "validated",
                    int confidence = 90, std::string_view where = "user") {
  return {std::move(data_class), std::move(detector), tier, confidence, 1, where};
}

}  // namespace warden::policy
