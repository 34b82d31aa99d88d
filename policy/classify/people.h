// SPDX-License-Identifier: Apache-2.0
// People: names of persons in running text: a given name or surname of the list (tables/names.txt), a title, or a word that announces
// one; names once found are found again by their parts. Lexical: statistics, no proof.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "policy/classify/view.h"

namespace warden::classify {

// A name as such, written at `at`: one to five capitalised words, or words of a script without capitals.
std::optional<Extent> name_at(std::string_view text, uint32_t at);

class PeopleScan {
 public:
  // Names in `text`, in order; valid until the next call.
  const std::vector<Extent>& scan(std::string_view text);

 private:
  void find_names();
  void find_again();
  void remember(Extent name);

  std::string_view text_;
  bool ascii_ = false;
  std::vector<Extent> found_;
  std::vector<std::string_view> parts_;  // of names found
};

}  // namespace warden::classify
