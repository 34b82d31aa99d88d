// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/joints.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <unordered_map>

#include "agent/base/clock.h"
#include "agent/base/digest.h"
#include "audit/record/schema.h"

namespace warden::pipeline {
namespace {

constexpr size_t kFingerprintDigits = 16;

classify::Where to_where(provider::Role role) {
  using provider::Role;
  using classify::Where;
  switch (role) {
    case Role::system: return Where::system;
    case Role::user: return Where::user;
    case Role::assistant: return Where::assistant;
    case Role::tool_definition: return Where::tool_definition;
    case Role::tool_call: return Where::tool_call;
    case Role::tool_result: return Where::tool_result;
    case Role::file: return Where::file;
    case Role::embedding: return Where::embedding;
    case Role::header: return Where::header;
    case Role::query: return Where::query;
    case Role::path: return Where::path;
    case Role::other: return Where::other;
  }
  return Where::other;
}

classify::Encoding to_encoding(provider::PartForm form) {
  switch (form) {
    case provider::PartForm::plain: return classify::Encoding::plain;
    case provider::PartForm::json_string:
    case provider::PartForm::json_name: return classify::Encoding::json_string;
    case provider::PartForm::json_scalar: return classify::Encoding::json_scalar;
  }
  return classify::Encoding::plain;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

classify::Segment outer(std::string_view raw, classify::Where where, std::string_view label) {
  return {raw, classify::Encoding::plain, where, label, /*editable=*/false, /*joins_previous=*/false};
}

classify::Segment to_segment(const provider::Part& part, bool joined) {
  return {part.raw, to_encoding(part.form), to_where(part.role), part.label,
          part.editable && part.form != provider::PartForm::json_name, joined};
}

// Parts come in the body's order, where member names stand between two adjacent texts; the scanner joins what stands side by
// side. So a part that continues an earlier one (of the same label) is brought right behind it.
void append_parts(const std::vector<provider::Part>& parts, std::vector<classify::Segment>& out) {
  constexpr size_t kNone = ~size_t{0};
  const bool any = std::ranges::any_of(parts, &provider::Part::joins_previous);
  if (!any) {
    for (const provider::Part& part : parts) out.push_back(to_segment(part, false));
    return;
  }
  std::vector<size_t> next(parts.size(), kNone);
  std::vector<bool> continues(parts.size());
  std::unordered_map<std::string_view, size_t> last;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].form != provider::PartForm::json_string) continue;
    const auto earlier = last.find(parts[i].label);
    if (parts[i].joins_previous && earlier != last.end()) {
      next[earlier->second] = i;
      continues[i] = true;
    }
    last[parts[i].label] = i;
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (continues[i]) continue;
    out.push_back(to_segment(parts[i], false));
    for (size_t j = next[i]; j != kNone; j = next[j]) out.push_back(to_segment(parts[j], true));
  }
}

// A session token belongs to a SigV4 signature as the key does.
bool is_credential(std::string_view header, const provider::Service& service) {
  return same_name(header, service.credential) || same_name(header, "authorization") ||
         (service.dialect == "bedrock" && same_name(header, "x-amz-security-token"));
}

// The value of a query parameter; empty when it is not there.
std::string_view query_value(std::string_view query, std::string_view name) {
  while (!name.empty() && !query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') return pair.substr(name.size() + 1);
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
  }
  return {};
}

// Around the credential, where the service takes one in the query.
void query_segments(std::string_view query, std::string_view credential, std::vector<classify::Segment>& out) {
  const std::string_view value = query_value(query, credential);
  if (value.empty()) return out.push_back(outer(query, classify::Where::query, "query"));
  const auto begin = static_cast<size_t>(value.data() - query.data());
  out.push_back(outer(query.substr(0, begin), classify::Where::query, "query"));
  out.push_back(outer(query.substr(begin + value.size()), classify::Where::query, "query"));
}

// "AWS4-HMAC-SHA256 Credential=KEY/date/region/service/aws4_request, ...": the signature is another one each time, the
// key stays.
std::string_view sigv4_key(std::string_view authorization) {
  constexpr std::string_view kMark = "Credential=";
  const size_t start = authorization.find(kMark);
  if (!authorization.starts_with("AWS4-") || start == authorization.npos) return {};
  authorization.remove_prefix(start + kMark.size());
  return authorization.substr(0, authorization.find('/'));
}

template <class T>
policy::Fact to_fact(const attribution::Known<T>& known) {
  using State = typename attribution::Known<T>::State;
  if (known.state == State::absent) return policy::Absent{};
  if (known.state == State::unresolved) return policy::Unresolved{known.why};
  if constexpr (std::is_integral_v<T>)
    return int64_t{known.value};
  else
    return known.value;
}

policy::Fact executables(const attribution::Known<std::vector<attribution::Ancestor>>& ancestry) {
  if (!ancestry.known()) return policy::Unresolved{ancestry.why.empty() ? "ancestry not known" : ancestry.why};
  policy::Texts paths;
  for (const attribution::Ancestor& ancestor : ancestry.value)
    paths.push_back(ancestor.exe.empty() ? ancestor.comm : ancestor.exe);
  return paths;
}

policy::Fact scripts(const attribution::Known<std::vector<attribution::Ancestor>>& ancestry) {
  if (!ancestry.known()) return policy::Unresolved{ancestry.why.empty() ? "ancestry not known" : ancestry.why};
  policy::Texts paths;
  for (const attribution::Ancestor& ancestor : ancestry.value)
    if (!ancestor.script.empty()) paths.push_back(ancestor.script);
  return paths;
}

// One fact for each label; where they are not known, none of them is.
void label_facts(const std::string& prefix, const attribution::Known<std::vector<std::string>>& labels, policy::Facts& facts) {
  using State = attribution::Known<std::vector<std::string>>::State;
  if (labels.state == State::unresolved) return facts.set(prefix, policy::Unresolved{labels.why});
  for (const std::string& label : labels.value) {
    const size_t equals = label.find('=');
    if (equals != std::string::npos) facts.set(prefix + "." + label.substr(0, equals), label.substr(equals + 1));
  }
}

policy::Fact text_or_absent(std::string_view text) {
  return text.empty() ? policy::Fact(policy::Absent{}) : policy::Fact(std::string(text));
}

}  // namespace

std::string_view where_name(classify::Where where) {
  constexpr std::array<std::string_view, 13> kNames = {
      "system",    "user",   "assistant", "tool_definition", "tool_call", "tool_result", "file",
      "embedding", "header", "query",     "path",            "response",  "other"};
  return kNames[static_cast<size_t>(where)];
}

void to_segments(const provider::Prompt& prompt, const http::Head& head, const provider::Service& service,
                 std::vector<classify::Segment>& out) {
  out.clear();
  const size_t mark = head.target.find('?');
  out.push_back(outer(head.target.substr(0, mark), classify::Where::path, "path"));
  if (mark != std::string_view::npos) query_segments(head.target.substr(mark + 1), service.credential_query, out);
  for (const http::Header& header : head.headers)
    if (!is_credential(header.name, service))
      out.push_back(outer(header.value, classify::Where::header, header.name));
  append_parts(prompt.parts, out);
}

void identity_facts(const attribution::Identity& identity, policy::Facts& facts) {
  facts.set("identity.user", to_fact(identity.user));
  facts.set("identity.uid", int64_t{identity.uid});
  facts.set("identity.group", to_fact(identity.groups));
  facts.set("identity.loginuid", to_fact(identity.loginuid));
  facts.set("identity.person", to_fact(identity.person));
  facts.set("identity.exe", to_fact(identity.exe));
  facts.set("identity.exe_sha256", to_fact(identity.exe_sha256));
  facts.set("identity.argv", to_fact(identity.argv));
  facts.set("identity.script", to_fact(identity.script));
  facts.set("identity.script_sha256", to_fact(identity.script_sha256));
  facts.set("identity.script_basis", identity.script_basis);
  facts.set("identity.ancestor", executables(identity.ancestry));
  facts.set("identity.ancestor_script", scripts(identity.ancestry));
  facts.set("identity.person_group", to_fact(identity.person_groups));
  facts.set("identity.unit", to_fact(identity.unit));
  facts.set("identity.slice", to_fact(identity.slice));
  facts.set("identity.container.id", to_fact(identity.container_id));
  facts.set("identity.container.runtime", to_fact(identity.container_runtime));
  facts.set("identity.container.name", to_fact(identity.container_name));
  facts.set("identity.container.image", to_fact(identity.container_image));
  facts.set("identity.container.image_digest", to_fact(identity.container_image_digest));
  label_facts("identity.container.label", identity.container_labels, facts);
  facts.set("identity.pod.namespace", to_fact(identity.pod_namespace));
  facts.set("identity.pod.name", to_fact(identity.pod_name));
  facts.set("identity.pod.uid", to_fact(identity.pod_uid));
  facts.set("identity.pod.owner", to_fact(identity.pod_owner));
  facts.set("identity.pod.service_account", to_fact(identity.pod_service_account));
  label_facts("identity.pod.label", identity.pod_labels, facts);
}

void identity_fields(const attribution::Identity& identity, audit::Draft& draft) {
  using audit::Field;
  std::vector<std::string> unresolved;
  const auto set = [&](Field field, const auto& known, std::string_view name) {
    using State = typename std::decay_t<decltype(known)>::State;
    using Held = std::decay_t<decltype(known.value)>;
    if (known.state == State::unresolved) unresolved.emplace_back(name);
    if (known.state != State::known) return;
    if constexpr (std::is_integral_v<Held>)
      draft.set(field, int64_t{known.value});
    else
      draft.set(field, known.value);
  };
  draft.set(Field::proc_pid, int64_t{identity.pid});
  draft.set(Field::proc_start_us, static_cast<int64_t>(identity.start_us));
  draft.set(Field::proc_comm, identity.comm);
  set(Field::proc_exe_sha256, identity.exe_sha256, "exe_sha256");
  set(Field::proc_exe, identity.exe, "exe");
  set(Field::proc_argv, identity.argv, "argv");
  set(Field::proc_script, identity.script, "script");
  set(Field::proc_script_sha256, identity.script_sha256, "script_sha256");
  if (identity.script.known()) draft.set(Field::proc_script_basis, identity.script_basis);
  set(Field::proc_cwd, identity.cwd, "cwd");
  set(Field::proc_cgroup, identity.cgroup, "cgroup");
  if (identity.ancestry.known()) {
    std::vector<audit::Row> rows;
    for (const attribution::Ancestor& a : identity.ancestry.value)
      rows.push_back({{{"pid", int64_t{a.pid}}, {"start_us", static_cast<int64_t>(a.start_us)}, {"comm", a.comm}, {"exe", a.exe}, {"script", a.script}}});
    draft.set(Field::proc_ancestry, std::move(rows));
  } else {
    unresolved.emplace_back("ancestry");
  }
  draft.set(Field::user_uid, int64_t{identity.uid});
  draft.set(Field::user_gid, int64_t{identity.gid});
  set(Field::user_loginuid, identity.loginuid, "loginuid");
  set(Field::user_session, identity.session, "session");
  set(Field::user_name, identity.user, "user");
  set(Field::user_login_name, identity.login_user, "login_user");
  set(Field::unit, identity.unit, "unit");
  set(Field::slice, identity.slice, "slice");
  set(Field::user_unit, identity.user_unit, "user_unit");
  set(Field::container_id, identity.container_id, "container.id");
  set(Field::container_runtime, identity.container_runtime, "container.runtime");
  set(Field::container_name, identity.container_name, "container.name");
  set(Field::container_image, identity.container_image, "container.image");
  set(Field::container_image_digest, identity.container_image_digest, "container.image_digest");
  set(Field::pod_ns, identity.pod_namespace, "pod.namespace");
  set(Field::pod_name, identity.pod_name, "pod.name");
  set(Field::pod_uid, identity.pod_uid, "pod.uid");
  set(Field::pod_sa, identity.pod_service_account, "pod.service_account");
  set(Field::pod_owner, identity.pod_owner, "pod.owner");
  set(Field::who_person, identity.person, "person");
  draft.set(Field::who_basis, identity.person_basis);
  draft.set(Field::who_assurance, identity.person_assurance);
  if (!unresolved.empty()) draft.set(Field::proc_unresolved, std::move(unresolved));
}

void request_facts(const provider::Service& service, const provider::Prompt& prompt, uint64_t body_bytes,
                   policy::Facts& facts) {
  facts.set("destination.provider", service.provider);
  facts.set("destination.host", service.host);
  facts.set("destination.api", text_or_absent(service.dialect));
  facts.set("destination.op", text_or_absent(prompt.operation));
  facts.set("destination.model", text_or_absent(prompt.model));
  facts.set("request.bytes", static_cast<int64_t>(body_bytes));
  facts.set("request.stream", prompt.stream);
  facts.set("request.tools", prompt.tools);
  facts.set("request.max_tokens", prompt.max_tokens ? policy::Fact(*prompt.max_tokens) : policy::Fact(policy::Absent{}));
}

void time_facts(int64_t wall_us, policy::Facts& facts) {
  constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  const time_t seconds = static_cast<time_t>(wall_us / 1'000'000);
  tm utc{};
  ::gmtime_r(&seconds, &utc);
  facts.set("time.date", rfc3339(wall_us).substr(0, 10));
  facts.set("time.weekday", std::string(kDays[static_cast<size_t>(utc.tm_wday)]));
  facts.set("time.hour", int64_t{utc.tm_hour});
  facts.set("time.minute", int64_t{utc.tm_min});
}

void data_facts(const classify::Report& report, std::span<const classify::Segment> segments, policy::Facts& facts,
                std::vector<size_t>& row_of) {
  facts.data.clear();
  row_of.clear();
  switch (report.status) {
    case classify::ScanStatus::complete: facts.data_status = policy::DataStatus::complete; break;
    case classify::ScanStatus::partial: facts.data_status = policy::DataStatus::partial; break;
    case classify::ScanStatus::error: facts.data_status = policy::DataStatus::error; break;
  }
  for (const classify::Finding& finding : report.findings) {
    const std::string_view where = where_name(segments[finding.segment].where);
    const std::string_view tier = classify::tier_name(finding.tier);
    const auto same = std::ranges::find_if(facts.data, [&](const policy::DataFact& row) {
      return row.detector == finding.detector && row.tier == tier && row.confidence == finding.confidence &&
             row.where == where;
    });
    row_of.push_back(static_cast<size_t>(same - facts.data.begin()));
    if (same != facts.data.end())
      ++same->n;
    else
      facts.data.push_back({std::string(finding.data_class), std::string(finding.detector), tier, finding.confidence,
                            1, where});
  }
}

Credential credential(const http::Head& head, const provider::Service& service, const HmacSha256& key) {
  std::string_view value = head.header(service.credential.empty() ? "authorization" : service.credential);
  if (value.empty()) value = head.header("authorization");
  if (const std::string_view access_key = sigv4_key(value); !access_key.empty())
    return {"sigv4", hex(view(key.of(access_key))).substr(0, kFingerprintDigits)};
  if (const size_t mark = head.target.find('?'); value.empty() && mark != head.target.npos)
    value = query_value(head.target.substr(mark + 1), service.credential_query);
  if (value.empty()) return {"none", {}};
  const bool bearer = value.size() > 7 && same_name(value.substr(0, 7), "bearer ");
  if (bearer) value.remove_prefix(7);
  return {bearer ? "bearer" : "api_key", hex(view(key.of(value))).substr(0, kFingerprintDigits)};
}

bool names_host(const http::Head& head, std::string_view host, uint16_t port) {
  if (!head.target.starts_with('/')) return false;  // absolute-form would name a second host
  size_t fields = 0;
  std::string_view named;
  for (const http::Header& header : head.headers) {
    if (!same_name(header.name, "host")) continue;
    named = header.value;
    ++fields;
  }
  if (fields != 1) return false;
  const std::string suffix = ":" + std::to_string(port);
  if (named.ends_with(suffix)) named.remove_suffix(suffix.size());
  if (named.ends_with('.')) named.remove_suffix(1);
  return same_name(named, host);
}

bool apply_edits(std::string_view body, std::span<const classify::Segment> segments,
                 std::span<const classify::Edit> edits, const http::Sink& sink) {
  // Edits come by segment; on the wire they must be in order of place.
  std::vector<std::pair<size_t, const classify::Edit*>> placed;
  placed.reserve(edits.size());
  for (const classify::Edit& edit : edits)
    placed.emplace_back(static_cast<size_t>(segments[edit.segment].raw.data() - body.data()) + edit.begin, &edit);
  std::ranges::sort(placed, {}, &std::pair<size_t, const classify::Edit*>::first);
  size_t at = 0;
  for (const auto& [begin, edit] : placed) {
    if (!sink(body.substr(at, begin - at)) || !sink(edit->replacement)) return false;
    at = begin + (edit->end - edit->begin);
  }
  return sink(body.substr(at));
}

std::string edited_head(const http::Head& head, size_t body_bytes) {
  std::string out;
  out.reserve(head.raw.size() + 32);
  std::string_view rest = head.raw;
  bool told = false;
  while (!rest.empty()) {
    const size_t end = rest.find("\r\n") + 2;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end);
    const std::string_view field = line.substr(0, line.find(':'));
    // The length stands where the framing field stood, under the name the client gave it where it gave one.
    const bool length = same_name(field, "content-length");
    const bool chunked = same_name(field, "transfer-encoding");
    const bool last = line == "\r\n";
    if ((length || chunked || last) && !told) {
      out += length ? field : "Content-Length";
      out += ": " + std::to_string(body_bytes) + "\r\n";
      told = true;
    }
    if (!length && !chunked && !same_name(field, "trailer")) out += line;
  }
  return out;
}

}  // namespace warden::pipeline
