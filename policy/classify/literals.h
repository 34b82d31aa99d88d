// SPDX-License-Identifier: Apache-2.0
// Literals: a set of fixed strings found in one pass by Hyperscan (block mode, end offsets only, which is
// what keeps it fast). The only file pair that knows Hyperscan.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct hs_database;
struct hs_scratch;

namespace warden::classify {

struct Literal {
  std::string text;
  bool caseless = true;
};

struct LiteralHit {
  uint32_t end;
  uint32_t id;  // index of the literal
};

class Scratch {  // one per thread; serves every set it was prepared for
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

 private:
  friend class Literals;
  hs_scratch* scratch_ = nullptr;
};

class Literals {
 public:
  // Null when Hyperscan refuses (no SSSE3, out of memory).
  static std::unique_ptr<Literals> compile(const std::vector<Literal>& literals);
  ~Literals();
  Literals(const Literals&) = delete;
  Literals& operator=(const Literals&) = delete;

  enum class Outcome { complete, too_many_hits, engine_error };
  bool prepare(Scratch& scratch) const;
  // Appends hits in order of their end; stops beyond `hits_max`.
  Outcome scan(std::string_view text, Scratch& scratch, size_t hits_max, std::vector<LiteralHit>& hits) const;

 private:
  explicit Literals(hs_database* database) : database_(database) {}
  hs_database* database_;  // null for an empty set
};

}  // namespace warden::classify
