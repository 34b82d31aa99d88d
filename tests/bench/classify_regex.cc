// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/classify_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace warden::bench {
namespace {

constexpr const char* kPatterns[] = {
    R"(\b4\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b)", R"(\b(?:5[1-5]\d{2}|2[2-7]\d{2})[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b)", R"(\b3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b)",
    R"(\b6(?:011|5\d{2}|4[4-9]\d)[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b)", R"(\b3(?:0[0-5]|[68]\d)\d[ -]?\d{6}[ -]?\d{4}\b)", R"(\b35\d{2}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b)",
    R"(\b62\d{2}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b)", R"(\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}[ -]?[A-Z0-9]{1,4}\b)", R"(\b(?!000|666|9)\d{3}[- ]?\d{2}[- ]?\d{4}\b)",
    R"(\b9\d{2}[- ]?\d{2}[- ]?\d{4}\b)", R"((?i)\b(?:routing|aba)\D{0,20}\d{9}\b)", R"(\b\d{3}[ -]?\d{3}[ -]?\d{4}\b)", R"(\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b)",
    R"(\b\d{8}-?[A-Z]\b)", R"(\b[XYZ]-?\d{7}-?[A-Z]\b)", R"(\b\d{4}[ -]?\d{4}[ -]?\d{4}\b)", R"(\b[A-Z]{2}\d{7}\b)", R"(\b[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}\b)",
    R"((?i)\bnpi\D{0,20}[12]\d{9}\b)", R"(\b[A-HJ-NPR-Z0-9]{17}\b)", R"([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,24}\b)", R"(\+\d{1,3}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}\b)",
    R"(\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b)", R"(\b(?:AKIA|ASIA)[A-Z2-7]{16}\b)", R"(\bgh[pousr]_[A-Za-z0-9]{36}\b)", R"(\bnpm_[A-Za-z0-9]{36}\b)", R"(\bgithub_pat_\w{82}\b)",
    R"(\bgl(?:pat|rt|dt)-[\w-]{20,}\b)", R"(\bsk-[A-Za-z0-9_-]{20,}\b)", R"(\bsk-ant-[\w-]{40,}\b)", R"(\bxox[abeoprs]-[\w-]{20,}\b)", R"(\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}\b)",
    R"(\bAIza[\w-]{35}\b)", R"(\beyJ[\w-]+\.[\w-]+\.[\w-]*)", R"(-----BEGIN [A-Z ]*PRIVATE KEY-----)", R"(\w+://[^\s/:@]+:[^\s/@]+@)", R"((?i)\b(?:bearer|basic) [\w.~+/=-]{16,})",
    R"((?i)(?:password|passwd|pwd|passphrase)["']?\s*[:=]\s*["']?[^\s"']{4,})", R"((?i)(?:secret|token|api_?key|credential)\w*["']?\s*[:=]\s*["']?[\w+/=.-]{12,})"};

}  // namespace

struct Regexes::State {
  std::vector<pcre2_code*> codes;
  pcre2_match_data* data = nullptr;
};

Regexes::Regexes() : state_(std::make_unique<State>()) {
  for (const char* pattern : kPatterns) {
    int error = 0;
    size_t at = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, 0, &error, &at, nullptr);
    if (code == nullptr || pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0) {
      std::fprintf(stderr, "pattern not compiled: %s\n", pattern);
      std::exit(2);
    }
    state_->codes.push_back(code);
  }
  state_->data = pcre2_match_data_create(1, nullptr);
}

Regexes::~Regexes() {
  for (pcre2_code* code : state_->codes) pcre2_code_free(code);
  pcre2_match_data_free(state_->data);
}

size_t Regexes::count() const {
  return state_->codes.size();
}

size_t Regexes::matches(std::string_view text) {
  size_t count = 0;
  for (pcre2_code* code : state_->codes) {
    size_t at = 0;
    while (at <= text.size() && pcre2_jit_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, 0, state_->data, nullptr) >= 0) {
      ++count;
      at = std::max(pcre2_get_ovector_pointer(state_->data)[1], at + 1);
    }
  }
  return count;
}

}  // namespace warden::bench
