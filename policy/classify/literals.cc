// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/literals.h"

#include <hs.h>

#include <algorithm>

namespace warden::classify {
namespace {

struct Sink {
  std::vector<LiteralHit>* hits;
  size_t limit;
};

int on_hit(unsigned id, unsigned long long, unsigned long long end, unsigned, void* context) {
  auto* sink = static_cast<Sink*>(context);
  if (sink->hits->size() >= sink->limit) return 1;
  sink->hits->push_back({static_cast<uint32_t>(end), id});
  return 0;
}

}  // namespace

Scratch::~Scratch() {
  hs_free_scratch(scratch_);
}

Literals::~Literals() {
  hs_free_database(database_);
}

std::unique_ptr<Literals> Literals::compile(const std::vector<Literal>& literals) {
  if (literals.empty()) return std::unique_ptr<Literals>(new Literals(nullptr));
  std::vector<const char*> texts;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  std::vector<size_t> sizes;
  for (const Literal& literal : literals) {
    texts.push_back(literal.text.data());
    sizes.push_back(literal.text.size());
    flags.push_back(literal.caseless ? HS_FLAG_CASELESS : 0);
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const auto count = static_cast<unsigned>(literals.size());
  const hs_error_t code = hs_compile_lit_multi(texts.data(), flags.data(), ids.data(), sizes.data(), count,
                                               HS_MODE_BLOCK, nullptr, &database, &error);
  hs_free_compile_error(error);
  if (code != HS_SUCCESS) return nullptr;
  return std::unique_ptr<Literals>(new Literals(database));
}

bool Literals::prepare(Scratch& scratch) const {
  return database_ == nullptr || hs_alloc_scratch(database_, &scratch.scratch_) == HS_SUCCESS;
}

Literals::Outcome Literals::scan(std::string_view text, Scratch& scratch, size_t hits_max,
                                 std::vector<LiteralHit>& hits) const {
  if (database_ == nullptr || text.empty()) return Outcome::complete;
  const auto old_size = static_cast<ptrdiff_t>(hits.size());
  Sink sink{&hits, hits.size() + hits_max};
  const hs_error_t code =
      hs_scan(database_, text.data(), static_cast<unsigned>(text.size()), 0, scratch.scratch_, on_hit, &sink);
  // Within one end offset Hyperscan promises no order; findings must not depend on it.
  std::sort(hits.begin() + old_size, hits.end(), [](const LiteralHit& a, const LiteralHit& b) {
    return a.end != b.end ? a.end < b.end : a.id < b.id;
  });
  if (code == HS_SCAN_TERMINATED) return Outcome::too_many_hits;
  return code == HS_SUCCESS ? Outcome::complete : Outcome::engine_error;
}

}  // namespace warden::classify
