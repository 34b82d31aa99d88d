// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/decode.h"

#include <netinet/in.h>
#include <sys/sysmacros.h>

#include <cstring>

namespace warden::kernel {
namespace {

template <size_t N>
std::string text(const char (&bytes)[N]) {
  return {bytes, ::strnlen(bytes, N)};
}

template <class Record>
std::optional<Record> read_record(std::string_view bytes) {
  if (bytes.size() < sizeof(Record)) return std::nullopt;
  Record record;
  std::memcpy(&record, bytes.data(), sizeof record);
  return record;
}

}  // namespace

std::string to_reason(uint32_t reason) {
  switch (reason) {
    case EW_REASON_AGENT_STALE:
      return "agent_stale";
    case EW_REASON_NO_LISTENER:
      return "no_listener";
    case EW_REASON_QUIC:
      return "quic";
    case EW_REASON_UNKNOWN_QUIC:
      return "unknown_quic";
    case EW_REASON_MAP_FULL:
      return "map_full";
    case EW_REASON_NOT_STREAM:
      return "not_stream";
    case EW_REASON_TRIPWIRE:
      return "tripwire";
    case EW_REASON_TUNNEL:
      return "tunnel";
    case EW_REASON_UNREADABLE:
      return "unreadable_hello";
    case EW_REASON_RAW_SOCKET:
      return "raw_socket";
    case EW_REASON_SCTP_SOCKET:
      return "sctp_socket";
    case EW_REASON_PACKET_SOCKET:
      return "packet_socket";
    case EW_REASON_XDP_SOCKET:
      return "xdp_socket";
    case EW_REASON_NOT_HOOKED:
      return "not_hooked";
    case EW_REASON_REWRITTEN:
      return "rewritten";
    case EW_REASON_UNRECORDED:
      return "unrecorded";
    case EW_REASON_LIFECYCLE:
      return "process_events";
    case EW_REASON_NOTICE:
      return "notices";
    default:
      return "";
  }
}

namespace {

std::optional<EventKind> to_kind(uint32_t kind) {
  switch (kind) {
    case EW_EVENT_CONNECT:
      return EventKind::connect;
    case EW_EVENT_REFUSED:
      return EventKind::refused;
    case EW_EVENT_QUIC_REFUSED:
      return EventKind::quic_refused;
    case EW_EVENT_PASSED:
      return EventKind::passed;
    case EW_EVENT_EXEC:
      return EventKind::exec;
    case EW_EVENT_FORK:
      return EventKind::fork;
    case EW_EVENT_EXIT:
      return EventKind::exit;
    case EW_EVENT_DNS_LEARNED:
      return EventKind::dns_learned;
    case EW_EVENT_TRIPPED:
      return EventKind::tripped;
    default:
      return std::nullopt;
  }
}

bool fill_process(std::string_view bytes, Event& event) {
  const auto record = read_record<ew_process_event>(bytes);
  if (!record) return false;
  event.process = to_facts(record->process);
  event.filename = text(record->filename);
  event.boot_ns = record->boot_ns;
  event.creator_tgid = record->creator_tgid;
  event.creator_start_boottime_ns = record->creator_start_boottime_ns;
  return true;
}

bool fill_dns(std::string_view bytes, Event& event) {
  const auto record = read_record<ew_dns_event>(bytes);
  if (!record) return false;
  event.flow.original = to_endpoint(record->destination);
  event.host = text(record->host);
  return true;
}

bool fill_flow(std::string_view bytes, Event& event) {
  const auto record = read_record<ew_flow_event>(bytes);
  if (!record) return false;
  event.flow = to_flow(record->flow);
  event.reason = to_reason(record->event.reason);
  return true;
}

bool fill_tripped(std::string_view bytes, Event& event) {
  const auto record = read_record<ew_tripped_event>(bytes);
  if (!record || !fill_flow(bytes, event)) return false;
  event.host = text(record->host);
  event.socket = {event.flow.socket_cookie, to_endpoint(record->local), to_endpoint(record->peer), record->bound_device};
  event.is_tcp = record->protocol == IPPROTO_TCP;
  event.dropped = record->passed == 0;
  return true;
}

}  // namespace

ew_destination to_destination(const Endpoint& endpoint) {
  ew_destination key{};
  static_assert(sizeof key.address == sizeof endpoint.address);
  std::memcpy(key.address, endpoint.address.data(), sizeof key.address);
  key.port = endpoint.port;
  return key;
}

Endpoint to_endpoint(const ew_destination& destination) {
  Endpoint endpoint;
  std::memcpy(endpoint.address.data(), destination.address, sizeof destination.address);
  endpoint.port = destination.port;
  return endpoint;
}

ProcessFacts to_facts(const ew_process& process) {
  ProcessFacts facts;
  facts.tgid = process.tgid;
  facts.tid = process.tid;
  facts.ppid = process.ppid;
  facts.start_boottime_ns = process.start_boottime_ns;
  facts.parent_start_boottime_ns = process.parent_start_boottime_ns;
  facts.uid = process.uid;
  facts.gid = process.gid;
  facts.euid = process.euid;
  facts.loginuid = process.loginuid;
  facts.session = process.session;
  facts.cgroup_id = process.cgroup_id;
  facts.netns_cookie = process.netns_cookie;
  facts.noted = process.noted != 0;
  facts.exe_inode = process.exe_inode;
  // The kernel's dev_t is not stat's: 12 bits of major over 20 of minor.
  facts.exe_device = makedev(process.exe_device >> 20, process.exe_device & 0xfffff);
  facts.comm = text(process.comm);
  for (const auto& name : process.cgroup_names) {
    if (name[0] == '\0') break;
    facts.cgroup_names.push_back(text(name));
  }
  return facts;
}

Flow to_flow(const ew_flow& flow) {
  return {.socket_cookie = flow.socket_cookie,
          .connect_boot_ns = flow.connect_boot_ns,
          .original = to_endpoint(flow.original),
          .host = {},
          .process = to_facts(flow.process)};
}

std::optional<Event> to_event(std::string_view bytes) {
  const auto header = read_record<ew_event>(bytes);
  if (!header) return std::nullopt;
  const auto kind = to_kind(header->kind);
  if (!kind) return std::nullopt;
  Event event{};
  event.kind = *kind;
  bool whole = false;
  switch (*kind) {
    case EventKind::exec:
    case EventKind::fork:
    case EventKind::exit:
      whole = fill_process(bytes, event);
      break;
    case EventKind::dns_learned:
      whole = fill_dns(bytes, event);
      break;
    case EventKind::tripped:
      whole = fill_tripped(bytes, event);
      break;
    default:
      whole = fill_flow(bytes, event);
      break;
  }
  return whole ? std::optional(std::move(event)) : std::nullopt;
}

std::optional<ew_name> to_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view labels = host.starts_with("*.") ? host.substr(2) : host;
  ew_name name{};
  if (labels.empty() || labels.find('*') != std::string_view::npos || host.size() >= sizeof name.text)
    return std::nullopt;
  for (size_t i = 0; i < host.size(); ++i)
    name.text[i] = host[i] >= 'A' && host[i] <= 'Z' ? static_cast<char>(host[i] | 0x20) : host[i];
  return name;
}

}  // namespace warden::kernel
