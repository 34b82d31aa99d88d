// SPDX-License-Identifier: Apache-2.0
// The fold view and every layer on any bytes: nothing crashes, and each span of what results comes from a span of its source.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/base/check.h"
#include "policy/classify/named_cells.h"
#include "policy/classify/encoded_runs.h"
#include "policy/classify/engine.h"
#include "policy/classify/escapes.h"
#include "policy/classify/hidden.h"
#include "policy/classify/layers.h"
#include "policy/classify/pack.h"
#include "policy/classify/rejoin.h"
#include "policy/classify/unicode.h"

namespace {

using namespace warden::classify;

const CompiledPack& pack() {
  static const auto loaded = Pack::load();
  return static_cast<const CompiledPack&>(**loaded);
}

void check_map(const MappedText& mapped, std::string_view in) {
  const auto size = static_cast<uint32_t>(mapped.text().size());
  for (uint32_t at = 0; at < size; at += 1 + size / 64) {
    const Extent from = mapped.source({at, at + 1});
    WARDEN_CHECK(from.begin < from.end && from.end <= in.size());
    const Extent all = mapped.source({at, size});
    WARDEN_CHECK(all.begin == from.begin && all.end >= from.end && all.end <= in.size());
    const Extent back = mapped.derived(from);
    WARDEN_CHECK(back.begin <= at && back.end >= at + 1 && back.end <= size);
  }
}

void check(const Rewrites& found, std::string_view in, std::string_view what) {
  Rewrites places = found;
  if (!places.settle(in, nullptr, 0)) return;
  View out;
  places.apply(in, out);
  WARDEN_CHECK(!what.empty());
  check_map(out.mapped, in);
  for (const Extent& change : out.changes) WARDEN_CHECK(change.begin <= change.end && change.end <= out.mapped.text().size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  MappedText mapped;
  if (fold(in, mapped)) check_map(mapped, in);
  if (unescape_json(in, mapped)) check_map(mapped, in);
  Rewrites all;
  for (const auto find : {find_escapes, find_base64, find_hex, find_hex_dumps, find_hidden, find_concatenations, find_folded_lines, find_emphasis,
                          find_name_attributes}) {
    Rewrites places;
    find(in, places);
    check(places, in, "one");
    find(in, all);
  }
  find_spread_numbers(
      in, all, [](void*, uint32_t) { return true; }, nullptr);
  find_disguised_words(in, pack(), all);
  find_table_cells(in, pack(), all);
  find_insert_values(in, pack(), all);
  check(all, in, "all");
  return 0;
}
