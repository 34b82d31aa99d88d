// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/audit.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/base/bytes.h"
#include "agent/base/file.h"
#include "agent/cli/when.h"
#include "audit/chain/directory.h"
#include "audit/chain/proof.h"
#include "audit/record/json.h"
#include "audit/store/reader.h"

namespace warden::cli {
namespace {

namespace fs = std::filesystem;
using audit::EpochState;
using audit::LogReader;
using audit::text_at;

constexpr int kOk = 0, kNo = 1, kUsage = 2;

int complain(int code, const std::string& what, const char* remedy = nullptr) {
  std::fprintf(stderr, "egresswarden audit: %s\n", what.c_str());
  if (remedy != nullptr) std::fprintf(stderr, "  %s\n", remedy);
  return code;
}

std::optional<LogReader> open_log(const AuditOptions& options) {
  auto reader = LogReader::open(options.state_dir);
  if (reader) return std::move(*reader);
  complain(kUsage, options.state_dir + ": " + reader.error().detail,
           "run as root on the agent's host, or name the agent's state with --config");
  return std::nullopt;
}

// The disclosures of a record as the JSON arrays they are.
std::vector<std::string> opened(const std::string& disclosures) {
  std::vector<std::string> arrays;
  for (std::string_view rest = disclosures; !rest.empty();) {
    const size_t end = rest.find('~');
    if (auto json = from_base64url(rest.substr(0, end))) arrays.push_back(std::move(*json));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return arrays;
}

// The value of a disclosed member, as JSON text: ["salt","name",value].
std::string disclosed(const std::vector<std::string>& arrays, std::string_view name) {
  const std::string middle = "\",\"" + std::string(name) + "\",";
  for (const std::string& json : arrays) {
    const size_t at = json.find(middle);
    if (at == std::string::npos || at > 64) continue;
    const std::string value = json.substr(at + middle.size(), json.size() - at - middle.size() - 1);
    return audit::unquote(value).value_or(value);
  }
  return {};
}

// Text from a log may hold terminal controls in disclosed values; U+0080 to U+009F are C2 80 to C2 9F.
std::string printable(std::string text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const bool c1 = i > 0 && text[i - 1] == '\xc2' && byte >= 0x80 && byte < 0xa0;
    if (c1) text.replace(--i, 2, "?");
    if (static_cast<uint8_t>(text[i]) < 0x20 || text[i] == 0x7f) text[i] = '?';
  }
  return text.empty() ? "-" : text;
}

std::string without(std::string text, std::string_view characters) {
  std::erase_if(text, [&](char c) { return characters.find(c) != std::string_view::npos; });
  return text;
}

// A path as a JSON string.
std::string quoted(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(static_cast<uint8_t>(c)));
    if (static_cast<uint8_t>(c) < 0x20)
      json += escaped;
    else
      json.append(c == '"' || c == '\\' ? "\\" : "") += c;
  }
  return json + '"';
}

struct Line {
  std::string seq, time, kind, user, process, provider, model, verdict, rules;
};

Line line_of(std::string_view leaf, const std::vector<std::string>& arrays) {
  std::string user = disclosed(arrays, "name");
  if (user.empty()) user = text_at(leaf, "user.uid");
  std::string verdict = text_at(leaf, "dec.verdict");
  if (verdict.empty()) verdict = text_at(leaf, "out.end");
  return {text_at(leaf, "seq"),
          text_at(leaf, "time"),
          text_at(leaf, "kind"),
          printable(user),
          printable(text_at(leaf, "proc.comm")),
          printable(text_at(leaf, "llm.provider")),
          printable(text_at(leaf, "llm.model")),
          printable(verdict),
          printable(without(text_at(leaf, "pol.rules"), "[]\""))};
}

const char* colour(const std::string& verdict) {
  if (::isatty(STDOUT_FILENO) == 0 || std::getenv("NO_COLOR") != nullptr) return "";
  if (verdict == "block" || verdict == "not_evaluated") return "\x1b[31m";
  return verdict == "redact" ? "\x1b[33m" : verdict == "allow" ? "\x1b[32m" : "";
}

void print_line(const Line& line) {
  const char* const on = colour(line.verdict);
  std::printf("%8s  %-27s  %-13s  %-12s  %-15s  %-14s  %-28s  %s%-13s%s  %s\n", line.seq.c_str(),
              line.time.c_str(), line.kind.c_str(), line.user.c_str(), line.process.c_str(),
              line.provider.c_str(), line.model.c_str(), on, line.verdict.c_str(),
              *on == '\0' ? "" : "\x1b[0m", line.rules.c_str());
}

bool wanted(const AuditOptions& options, std::string_view leaf, const std::vector<std::string>& arrays) {
  if (!options.verdict.empty() && text_at(leaf, "dec.verdict") != options.verdict) return false;
  return options.user.empty() || text_at(leaf, "user.uid") == options.user ||
         disclosed(arrays, "name") == options.user;
}

std::optional<std::vector<EpochState>> chosen_epochs(LogReader& reader, const AuditOptions& options) {
  if (options.all) {
    auto all = reader.epochs();
    if (all) return std::move(*all);
    complain(kUsage, all.error().detail);
    return std::nullopt;
  }
  auto one = reader.epoch(options.epoch);
  if (one) return std::vector{std::move(*one)};
  complain(kUsage, one.error().detail);
  return std::nullopt;
}

int run_list(const AuditOptions& options) {
  const auto since = log_time(options.since), until = log_time(options.until);
  if (!since || !until)
    return complain(kUsage, "--since and --until: want 2026-11-23T10:00:00Z or an age such as 10m");
  auto reader = open_log(options);
  if (!reader) return kUsage;
  const auto epochs = chosen_epochs(*reader, options);
  if (!epochs) return kUsage;
  if (!options.json)
    print_line({"SEQ", "TIME", "KIND", "USER", "PROCESS", "PROVIDER", "MODEL", "VERDICT", "RULES"});
  for (const EpochState& epoch : *epochs) {
    const auto done =
        reader->each_entry(epoch.epoch, epoch.first, epoch.size, [&](uint64_t seq, std::string_view leaf) {
          const std::string time = text_at(leaf, "time");
          if ((!since->empty() && time < *since) || (!until->empty() && time > *until)) return true;
          const auto arrays = opened(reader->disclosures(epoch.epoch, seq).value_or(""));
          if (!wanted(options, leaf, arrays)) return true;
          if (options.json)
            std::printf("%.*s\n", static_cast<int>(leaf.size()), leaf.data());
          else
            print_line(line_of(leaf, arrays));
          return true;
        });
    if (!done) return complain(kUsage, done.error().detail);
  }
  return kOk;
}

std::optional<std::string> record_at(LogReader& reader, const EpochState& epoch, uint64_t seq) {
  auto leaves = reader.read_entries(epoch.epoch, seq, seq + 1);
  if (leaves && leaves->size() == 1 && seq < epoch.size) return std::move(leaves->front());
  complain(
      kNo, epoch.origin + " has no record " + std::to_string(seq) + " here",
      seq < epoch.first ? "it was shipped and freed: ask the collector" : "see `egresswarden audit list`");
  return std::nullopt;
}

int run_show(const AuditOptions& options) {
  auto reader = open_log(options);
  if (!reader) return kUsage;
  const auto epoch = reader->epoch(options.epoch);
  if (!epoch) return complain(kUsage, epoch.error().detail);
  const auto leaf = record_at(*reader, *epoch, options.seq);
  if (!leaf) return kNo;
  const auto arrays = opened(reader->disclosures(epoch->epoch, options.seq).value_or(""));
  if (options.json) {
    std::string list;
    for (const std::string& json : arrays) list += (list.empty() ? "" : ",") + json;
    std::printf("{\"disclosures\":[%s],\"record\":%s}\n", list.c_str(), leaf->c_str());
    return kOk;
  }
  std::printf("%s\n", printable(*leaf).c_str());
  for (const std::string& json : arrays) std::printf("disclosed  %s\n", printable(json).c_str());
  return kOk;
}

int run_prove(const AuditOptions& options) {
  auto reader = open_log(options);
  if (!reader) return kUsage;
  const auto epoch = reader->epoch(options.epoch);
  if (!epoch) return complain(kUsage, epoch.error().detail);
  const auto leaf = record_at(*reader, *epoch, options.seq);
  if (!leaf) return kNo;
  // The cosigned checkpoint is the stronger one where it covers the record.
  const bool cosigned = options.seq < epoch->cosigned && !epoch->receipt.empty();
  const uint64_t size = cosigned ? epoch->cosigned : epoch->size;
  const auto hashes = chain::inclusion_proof(options.seq, size, reader->subtrees(epoch->epoch));
  if (!hashes) return complain(kNo, "the hashes for this proof are not here any more", "ask the collector");
  const chain::TlogProof proof{"", options.seq, *hashes, cosigned ? epoch->receipt : epoch->checkpoint};
  const std::string out = options.out.empty() ? std::to_string(options.seq) + ".tlog-proof" : options.out;
  const std::string record = fs::path(out).replace_extension(".record.json").string();
  for (const auto& [path, bytes] : {std::pair(out, proof.format()), std::pair(record, *leaf)})
    if (const auto written = write_file(path, bytes, 0644); !written)
      return complain(kUsage, written.error().detail);
  std::printf("proof   %s\nrecord  %s\nkey     %s\n", out.c_str(), record.c_str(), epoch->vkey.c_str());
  return kOk;
}

// A log of a size that is not all here any more cannot be exported: an export with holes would verify
// nowhere.
int export_epoch(LogReader& reader, const EpochState& epoch, const std::string& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error))
    return complain(kUsage, folder + ": exists and is not empty", "name a new folder");
  fs::create_directories(folder, error);
  std::string wrong;
  const auto put = [&](const std::string& path, std::string_view bytes) {
    fs::create_directories(fs::path(folder + '/' + path).parent_path(), error);
    const auto written = write_file(folder + '/' + path, bytes, 0644);
    if (!written) wrong = written.error().detail;
    return written.has_value();
  };
  chain::each_tile(epoch.size, [&](const chain::TileName& name) {
    const auto bytes = reader.tile(epoch.epoch, name);
    if (!bytes) wrong = name.path() + ": not on this host any more; export from the collector";
    return bytes && put(name.path(), *bytes);
  });
  // The checkpoint last: a folder without it is an export that did not end.
  if (wrong.empty() && put("vkey", epoch.vkey + '\n') && put("checkpoint", epoch.checkpoint)) return kOk;
  return complain(kNo, wrong);
}

int run_export(const AuditOptions& options) {
  auto reader = open_log(options);
  if (!reader) return kUsage;
  const auto epochs = chosen_epochs(*reader, options);
  if (!epochs) return kUsage;
  for (const EpochState& epoch : *epochs) {
    const std::string folder =
        options.all ? options.folder + '/' + std::to_string(epoch.epoch) : options.folder;
    if (const int code = export_epoch(*reader, epoch, folder); code != kOk) return code;
    if (options.json)
      std::printf("{\"folder\":%s,\"origin\":\"%s\",\"size\":%llu,\"vkey\":\"%s\"}\n", quoted(folder).c_str(),
                  epoch.origin.c_str(), static_cast<unsigned long long>(epoch.size), epoch.vkey.c_str());
    else
      std::printf("%s  %llu records of %s\nkey  %s\n", folder.c_str(),
                  static_cast<unsigned long long>(epoch.size), epoch.origin.c_str(), epoch.vkey.c_str());
  }
  return kOk;
}

// What a record must say of its own place, whatever else it says.
std::optional<std::string> check_record(const chain::Checkpoint& log, uint64_t index, std::string_view leaf) {
  if (!audit::is_canonical(leaf)) return "not canonical JSON";
  if (audit::find(leaf, "seq") != std::to_string(index)) return "its seq is not its index";
  if (text_at(leaf, "origin") != log.origin) return "its origin is another log";
  return std::nullopt;
}

std::optional<chain::Policy> trusted(const AuditOptions& options) {
  if (options.vkey.empty() == options.policy.empty()) {
    complain(kUsage, "verify: want exactly one of --vkey and --policy");
    return std::nullopt;
  }
  if (options.vkey.empty()) {
    const auto text = read_file(options.policy, 1 << 20);
    auto policy = text ? chain::Policy::parse(*text) : fail(chain::NoteError::malformed, text.error().detail);
    if (policy) return std::move(*policy);
    complain(kUsage, policy.error().detail);
    return std::nullopt;
  }
  std::string vkey = options.vkey;
  if (vkey.starts_with('@')) vkey = read_file(vkey.substr(1), 4096).value_or("");
  while (vkey.ends_with('\n')) vkey.pop_back();
  auto key = chain::Verifier::parse(vkey);
  if (key) return chain::Policy::of(std::move(*key));
  complain(kUsage, key.error().detail);
  return std::nullopt;
}

int verify_one(const std::string& folder, const chain::Policy& policy, const std::optional<std::string>& old,
               bool json) {
  const auto verified = chain::verify_directory(folder, policy, old, check_record);
  if (!verified) {
    if (json) std::printf("{\"folder\":%s,\"verified\":false}\n", quoted(folder).c_str());
    return complain(verified.error().code == chain::VerifyError::cannot_read ? kUsage : kNo,
                    folder + ": " + printable(verified.error().detail));
  }
  const auto size = static_cast<unsigned long long>(verified->size);
  if (json)
    std::printf("{\"folder\":%s,\"origin\":\"%s\",\"root\":\"%s\",\"size\":%llu,\"verified\":true}\n",
                quoted(folder).c_str(), verified->origin.c_str(), base64(view(verified->root)).c_str(), size);
  else
    std::printf("%s: verified  %llu records of %s\n", folder.c_str(), size, verified->origin.c_str());
  return kOk;
}

int run_verify(const AuditOptions& options) {
  const auto policy = trusted(options);
  if (!policy) return kUsage;
  std::optional<std::string> old;
  if (!options.old_checkpoint.empty()) {
    auto bytes = read_file(options.old_checkpoint, chain::kNoteBytesMax);
    if (!bytes) return complain(kUsage, bytes.error().detail);
    old = std::move(*bytes);
  }
  std::error_code error;
  if (fs::exists(options.folder + "/checkpoint", error))
    return verify_one(options.folder, *policy, old, options.json);
  // An export of several epochs: one folder each and nothing beside them.
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(options.folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!chain::parse_decimal(name)) return complain(kNo, options.folder + ": stray " + printable(name));
    folders.push_back(entry.path().string());
  }
  if (error || folders.empty()) return complain(kUsage, options.folder + ": no export here");
  int worst = kOk;
  for (const std::string& folder : folders)
    worst = std::max(worst, verify_one(folder, *policy, old, options.json));
  return worst;
}

}  // namespace

int run_audit(const AuditOptions& options) {
  switch (options.action) {
    case AuditOptions::Action::list:
      return run_list(options);
    case AuditOptions::Action::show:
      return run_show(options);
    case AuditOptions::Action::prove:
      return run_prove(options);
    case AuditOptions::Action::export_log:
      return run_export(options);
    case AuditOptions::Action::verify:
      return run_verify(options);
  }
  return kUsage;
}

}  // namespace warden::cli
