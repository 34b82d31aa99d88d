// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/policy.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <tuple>
#include <vector>

#include "agent/base/bytes.h"
#include "agent/base/file.h"
#include "policy/rules/bundle.h"
#include "policy/rules/cases.h"
#include "policy/rules/facts_reader.h"
#include "policy/rules/keys.h"
#include "policy/rules/lint.h"
#include "policy/rules/tree.h"

namespace warden::cli {
namespace {

using policy::BundleError;
using policy::Program;

constexpr int kOk = 0, kNo = 1, kWrongUse = 2;

void out(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
}
void complain(const std::string& line) {
  std::fputs((line + "\n").c_str(), stderr);
}

std::string coloured(const char* code, const std::string& word) {
  static const bool terminal = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return terminal ? "\033[" + std::string(code) + "m" + word + "\033[0m" : word;
}

int exit_code(BundleError error) {
  return error == BundleError::unreadable ? kWrongUse : kNo;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t from = 0; from <= text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

std::string json_strings(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const std::string& text : texts) json += (json.size() > 1 ? "," : "") + policy::json_quote(text);
  return json + "]";
}

// Without a key a bundle's signature is not looked at: authors check before they sign.
Result<std::shared_ptr<const Program>, BundleError> load(const PolicyOptions& options, bool verify) {
  policy::LoadOptions load;
  load.allow_unsigned = true;
  load.knows_class = options.knows_class;
  load.knows_detector = options.knows_detector;
  if (verify) {
    auto key = policy::read_trusted_key(options.key);
    if (!key) return fail(BundleError::unreadable, key.error().detail);
    load.trusted.push_back(std::move(*key));
    load.allow_unsigned = false;
  }
  const auto source = policy::read_bundle(options.bundle);
  if (!source) return std::unexpected(source.error());
  return policy::compile(*source, load);
}

int check_failed(const PolicyOptions& options, const std::vector<std::string>& problems, int code) {
  if (options.json) {
    out("{\"ok\":false,\"problems\":" + json_strings(problems) + "}");
  } else {
    for (const std::string& problem : problems) complain(problem);
  }
  return code;
}

int check(const PolicyOptions& options) {
  const auto program = load(options, !options.key.empty());
  if (!program)
    return check_failed(options, lines_of(program.error().detail), exit_code(program.error().code));
  std::vector<std::string> problems;
  for (const policy::Remark& remark : policy::lint(**program))
    problems.push_back(remark.file + ":" + std::to_string(remark.line) + ":" + std::to_string(remark.column) +
                       ": " + remark.what);
  if (!problems.empty()) return check_failed(options, problems, kNo);
  const Program& bundle = **program;
  const std::string digest = hex(view(bundle.digest));
  if (options.json) {
    out("{\"ok\":true,\"name\":" + policy::json_quote(bundle.name) + ",\"version\":" +
        policy::json_quote(bundle.version) + ",\"rules\":" + std::to_string(bundle.rules.size()) +
        ",\"digest\":\"" + digest + "\",\"signer\":\"" + bundle.signer + "\",\"problems\":[]}");
    return kOk;
  }
  out(coloured("32", "ok") + "  " + bundle.name + " " + bundle.version + ", " +
      std::to_string(bundle.rules.size()) + " rules, digest " + digest.substr(0, 16) +
      (bundle.signer.empty() ? "" : ", signed by " + bundle.signer));
  return kOk;
}

std::string place(const policy::CaseResult& result) {
  return result.file + ":" + std::to_string(result.line) + ":" + std::to_string(result.column);
}

void print_cases(const policy::CaseRun& run) {
  for (const policy::CaseResult& result : run.results) {
    if (result.wrong.empty()) {
      out(coloured("32", "pass") + "  " + result.name);
      continue;
    }
    out(coloured("31", "FAIL") + "  " + result.name + "  (" + place(result) + ")");
    for (const std::string& wrong : result.wrong) out("      " + wrong);
  }
  for (const policy::Rule* rule : run.uncovered)
    out(coloured("33", "note") + "  no case covers rule " + rule->id + "  (" + rule->file + ":" +
        std::to_string(rule->line) + ")");
}

void print_cases_json(const policy::CaseRun& run, size_t failed) {
  std::string cases;
  for (const policy::CaseResult& result : run.results) {
    cases += (cases.empty() ? "" : ",") + std::string("{\"name\":") + policy::json_quote(result.name) +
             ",\"place\":" + policy::json_quote(place(result)) + ",\"wrong\":" + json_strings(result.wrong) +
             "}";
  }
  std::vector<std::string> uncovered;
  for (const policy::Rule* rule : run.uncovered) uncovered.push_back(rule->id);
  out("{\"passed\":" + std::to_string(run.results.size() - failed) + ",\"failed\":" + std::to_string(failed) +
      ",\"cases\":[" + cases + "],\"uncovered\":" + json_strings(uncovered) + "}");
}

int test(const PolicyOptions& options) {
  const auto program = load(options, false);
  if (!program) return complain(program.error().detail), exit_code(program.error().code);
  const auto run = policy::run_cases(options.bundle, **program);
  if (!run) return complain(run.error().detail), exit_code(run.error().code);
  size_t failed = 0;
  for (const policy::CaseResult& result : run->results) failed += result.wrong.empty() ? 0 : 1;
  if (options.json) {
    print_cases_json(*run, failed);
  } else {
    print_cases(*run);
    out(std::to_string(run->results.size() - failed) + " passed, " + std::to_string(failed) + " failed");
  }
  if (run->results.empty())
    complain(options.bundle + ": no cases; write some in a file whose name ends in _test.yaml");
  return failed == 0 && !run->results.empty() ? kOk : kNo;
}

int sign(const PolicyOptions& options) {
  if (options.key.empty())
    return complain("policy sign needs --key FILE, the private key that `policy keygen` made"), kWrongUse;
  // A bundle that does not load is not worth a signature.
  const auto program = load(options, false);
  if (!program) return complain(program.error().detail), exit_code(program.error().code);
  const auto pem = read_file(options.key, 1 << 16);
  if (!pem) return complain(pem.error().detail), kWrongUse;
  const auto done = policy::sign_bundle(options.bundle, *pem);
  if (!done) return complain(options.key + ": " + done.error().detail), kWrongUse;
  const auto key = policy::sign_ed25519(*pem, "");
  const std::string digest = hex(view((*program)->digest));
  if (options.json) {
    out("{\"digest\":\"" + digest + "\",\"keyid\":\"" + key->key_id + "\"}");
  } else {
    out("signed " + options.bundle + ", digest " + digest.substr(0, 16) + ", key " + key->key_id);
  }
  return kOk;
}

int explain(const PolicyOptions& options) {
  if (options.facts_file.empty()) return complain("policy explain needs --facts FILE"), kWrongUse;
  const auto program = load(options, false);
  if (!program) return complain(program.error().detail), exit_code(program.error().code);
  const auto facts = policy::read_facts_json(options.facts_file);
  if (!facts) return complain(facts.error().detail), kWrongUse;
  if (options.json) {
    out(policy::verdict_json(policy::decide(**program, *facts)));
  } else {
    std::fputs(policy::explain(**program, *facts).c_str(), stdout);
  }
  return kOk;
}

int keygen(const PolicyOptions& options) {
  if (options.key.empty()) return complain("policy keygen needs --key FILE"), kWrongUse;
  const std::string public_path = options.key + ".pub";
  for (const std::string& path : {options.key, public_path})
    if (::access(path.c_str(), F_OK) == 0)
      return complain(path + " is there already; choose another name"), kWrongUse;
  const policy::KeyPair pair = policy::generate_key();
  for (const auto& [path, pem, mode] : {std::tuple(options.key, pair.private_pem, mode_t{0600}),
                                        std::tuple(public_path, pair.public_pem, mode_t{0644})}) {
    const auto written = write_file(path, pem, mode);
    if (!written) return complain(written.error().detail), kWrongUse;
  }
  out(options.json ? "{\"keyid\":\"" + pair.key.id + "\",\"public\":" + policy::json_quote(public_path) + "}"
                   : "key " + pair.key.id + ": private in " + options.key + ", public in " + public_path);
  return kOk;
}

}  // namespace

int run_policy(const PolicyOptions& options) {
  if (options.action == "check") return check(options);
  if (options.action == "test") return test(options);
  if (options.action == "sign") return sign(options);
  if (options.action == "explain") return explain(options);
  if (options.action == "keygen") return keygen(options);
  complain("policy: one of check, test, sign, explain, keygen");
  return kWrongUse;
}

}  // namespace warden::cli
