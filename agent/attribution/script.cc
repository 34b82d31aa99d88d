// SPDX-License-Identifier: Apache-2.0
// Sources: the manual pages python(1), node(1), bash(1), dash(1), perlrun(1), ruby(1), java(1), php(1).
#include "agent/attribution/script.h"

#include <algorithm>
#include <array>

namespace warden::attribution {
namespace {

using Kind = ScriptArgument::Kind;

// Options are words between spaces; letters are those of a cluster such as -Bc.
struct Grammar {
  std::string_view names;           // with any version behind: python3.11
  bool clusters;                    // one-letter options may be written together
  std::string_view code_letters;    // what follows is code, or code comes from standard input
  std::string_view value_letters;   // takes the rest of its word, or the next word
  std::string_view rest_letters;    // takes the rest of its word, never the next
  std::string_view module_letters;  // what follows names code that is searched for
  std::string_view code_words, value_words, module_words;
  std::string_view file_words;  // what follows is the file
};

constexpr std::array<Grammar, 7> kGrammars = {{
    {"python pypy", true, "c", "WX", "", "m", "", "--check-hash-based-pycs", "", ""},
    {"node nodejs", false, "", "", "", "", "-e --eval -p --print -pe -i --interactive",
     "-r --require --import --loader --experimental-loader -C --conditions --inspect-port --title --icu-data-dir --openssl-config "
     "--redirect-warnings --diagnostic-dir --max-http-header-size --unhandled-rejections --tls-cipher-list --dns-result-order "
     "--input-type --watch-path --test-name-pattern --test-reporter --disable-warning --trace-event-categories --stack-trace-limit "
     "--env-file --secure-heap --localstorage-file --experimental-default-type",
     "--run", ""},
    {"bash dash sh zsh ksh mksh", true, "cs", "oO", "", "", "", "--rcfile --init-file --emulate", "", ""},
    {"perl", true, "eE", "I", "mMxiCdDlF0V", "", "", "", "", ""},
    {"ruby", true, "e", "rICE", "xiKWTFl0", "S", "", "--encoding --external-encoding --internal-encoding", "", ""},
    {"java", false, "", "", "", "", "--version -version --help -help",
     "-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules --add-opens --add-exports --add-reads "
     "--limit-modules --patch-module --enable-native-access --source",
     "-m --module", "-jar"},
    {"php", true, "raR", "dcztS", "", "", "--run", "--php-ini --define", "", "--file -f -F"},
}};

bool among(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

const Grammar* grammar_of(std::string_view program) {
  while (!program.empty() && (program.back() == '.' || (program.back() >= '0' && program.back() <= '9')))
    program.remove_suffix(1);
  const auto* const found = std::ranges::find_if(kGrammars, [&](const Grammar& g) { return among(g.names, program); });
  return found == kGrammars.end() ? nullptr : found;
}

enum class Step { flag, takes_next, code, module, file };

Step cluster(const Grammar& grammar, std::string_view letters) {
  for (size_t i = 0; i < letters.size(); ++i) {
    if (grammar.code_letters.find(letters[i]) != std::string_view::npos) return Step::code;
    if (grammar.module_letters.find(letters[i]) != std::string_view::npos) return Step::module;
    if (grammar.rest_letters.find(letters[i]) != std::string_view::npos) return Step::flag;
    if (grammar.value_letters.find(letters[i]) != std::string_view::npos)
      return i + 1 == letters.size() ? Step::takes_next : Step::flag;
  }
  return Step::flag;
}

Step step_of(const Grammar& grammar, std::string_view word) {
  const std::string_view name = word.substr(0, word.find('='));
  if (among(grammar.file_words, name)) return Step::file;
  if (among(grammar.code_words, name)) return Step::code;
  if (among(grammar.module_words, name)) return Step::module;
  if (among(grammar.value_words, name)) return name.size() == word.size() ? Step::takes_next : Step::flag;
  return grammar.clusters && !word.starts_with("--") ? cluster(grammar, word.substr(1)) : Step::flag;
}

ScriptArgument file_at(std::span<const std::string> argv, size_t at) {
  if (at >= argv.size() || argv[at].empty()) return {};
  return {Kind::file, argv[at], ""};
}

}  // namespace

ScriptArgument script_argument(std::string_view program, std::span<const std::string> argv) {
  const Grammar* const grammar = grammar_of(program);
  if (grammar == nullptr) return {};
  const bool java = grammar->names == "java";
  for (size_t i = 1; i < argv.size(); ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return file_at(argv, i + 1);
    if (word == "-") return {};
    if (java && word.starts_with('@')) return {Kind::unclear, {}, "script_in_an_argument_file"};
    if (!word.starts_with('-') && !word.starts_with('+'))
      return java ? ScriptArgument{Kind::unclear, {}, "script_is_a_class"} : file_at(argv, i);
    switch (step_of(*grammar, word)) {
      case Step::flag: break;
      case Step::takes_next: ++i; break;
      case Step::code: return {};
      case Step::module: return {Kind::unclear, {}, "script_is_a_module"};
      case Step::file: return file_at(argv, i + 1);
    }
  }
  return {};
}

bool is_env(std::string_view program) { return program == "env"; }

}  // namespace warden::attribution
