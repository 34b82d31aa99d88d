// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/classify_corpus.h"

#include <array>
#include <random>

namespace warden::bench {
namespace {

constexpr std::array<std::string_view, 64> kWords = {
    "the", "and", "of", "harbour", "customer", "review", "system", "please", "summary", "account", "report", "between", "which", "order",
    "quarter", "meeting", "team", "it", "is", "was", "because", "we", "they", "should", "would", "document", "design", "service", "request",
    "answer", "with", "without", "number", "letter", "evening", "morning", "price", "contract", "agreement", "delivery", "section", "a", "to",
    "in", "on", "for", "not", "message", "address", "problem", "question", "change", "release", "server", "client", "question's", "don't",
    "however", "therefore", "information", "organisation", "responsibility", "international", "line"};

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}
  size_t below(size_t n) { return random_() % n; }
  std::string_view word() { return kWords[below(kWords.size())]; }
  std::string number(size_t digits) {
    std::string out;
    for (size_t i = 0; i < digits; ++i) out += static_cast<char>('0' + below(10));
    return out;
  }
  std::string hex(size_t digits) {
    std::string out;
    for (size_t i = 0; i < digits; ++i) out += "0123456789abcdef"[below(16)];
    return out;
  }
  std::string sentence() {
    std::string out(word());
    out[0] = static_cast<char>(out[0] >= 'a' ? out[0] - 32 : out[0]);
    for (size_t i = 5 + below(14); i > 0; --i) {
      out += below(12) == 0 ? ", " : " ";
      out += below(60) == 0 ? number(1 + below(4)) : std::string(word());
    }
    return out + (below(9) == 0 ? "?" : ".");
  }
  std::string statement() {
    std::string name(word());
    switch (below(7)) {
      case 0:
        return "  if (" + name + " != nullptr && " + name + "->size() > " + number(1 + below(3)) + ") {\n";
      case 1:
        return "    return format(\"%s: %d items\\n\", " + name + ".c_str(), " + std::string(word()) + "_count);\n  }\n";
      case 2:
        return "  // " + sentence() + "\n";
      case 3:
        return "  const auto " + name + "_id = map[\"" + std::string(word()) + "\"].at(" + number(1 + below(2)) + ");\n";
      case 4:
        return "#include \"" + name + "/" + std::string(word()) + ".h\"\n";
      case 5:
        return "  " + name + "_token = parse(" + std::string(word()) + ", 0x" + hex(4) + ");\n";
      default:
        return "}\n\nstatic int " + name + "_" + std::string(word()) + "(const char* " + std::string(word()) + ", size_t n) {\n";
    }
  }
  std::string log_line() {
    return "2026-11-" + number(2) + "T10:" + number(2) + ":" + number(2) + "." + number(3) + "Z INFO  http[" + number(5) + "] GET /v1/" + std::string(word()) + "/" +
           number(8) + "?page=" + number(2) + " 200 " + number(4) + " bytes=" + number(6) + " ip=10.0." + number(2) + "." + number(2) + " trace=" + hex(32) + "\n";
  }
  std::string member() {
    return "{\"role\": \"user\", \"content\": \"" + sentence() + "\\n" + sentence() + " \\\"" + std::string(word()) + "\\\" " + sentence() + "\", \"id\": " + number(6) +
           ", \"temperature\": 0." + number(1) + "},\n";
  }
  std::string values() {
    return sentence() + " SSN 536-22-" + number(4) + ", mail " + std::string(word()) + "@acme-corp.com, card 4539 1488 0343 6467, phone +1 202 5" + number(2) + " " +
           number(4) + ", password = \"Tr0ub" + number(4) + "!x\". ";
  }

 private:
  std::minstd_rand random_;
};

}  // namespace

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, 5> names = {"prose", "code", "json", "logs", "dense values"};
  return names[static_cast<size_t>(kind)];
}

std::string corpus(Kind kind, size_t bytes, unsigned seed) {
  Maker maker(seed);
  std::string out;
  while (out.size() < bytes) {
    if (kind == Kind::prose) out += maker.sentence() + (maker.below(6) == 0 ? "\n\n" : " ");
    if (kind == Kind::code) out += maker.statement();
    if (kind == Kind::json) out += maker.member();
    if (kind == Kind::logs) out += maker.log_line();
    if (kind == Kind::dense) out += maker.values();
  }
  out.resize(bytes);
  return out;
}

}  // namespace warden::bench
