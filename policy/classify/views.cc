// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/views.h"

#include <algorithm>

#include "policy/classify/named_cells.h"
#include "policy/classify/encoded_runs.h"
#include "policy/classify/escapes.h"
#include "policy/classify/hidden.h"
#include "policy/classify/layers.h"
#include "policy/classify/rejoin.h"
#include "policy/classify/unicode.h"

namespace warden::classify {

View& Views::next(const View* parent) {
  if (used_ == views_.size()) views_.emplace_back();
  View& view = views_[used_++];
  view.text = {};
  view.parent = parent;
  view.mapped.clear();
  view.changes.clear();
  view.partial = parent != nullptr && parent->partial;
  view.named = parent != nullptr && parent->named;
  view.depth = parent == nullptr ? uint8_t{0} : parent->depth;
  return view;
}

bool Views::whole(const View& view) {
  overflowed_ = overflowed_ || view.mapped.overflowed();
  return !view.mapped.overflowed();
}

void Views::carry_changes(const View& from, View& to) const {
  to.changes.clear();
  for (const Extent& change : from.changes) to.changes.push_back(to.mapped.derived(change));
}

View* Views::root(std::string_view raw) {
  View& view = next(nullptr);
  view.text = raw;
  return &view;
}

View* Views::masked(const View* raw, std::span<const Extent> places) {
  rewrites_.clear();
  std::string mask;
  for (const Extent& place : places) {
    mask.assign(place.end - place.begin, 'X');  // a word, as in a token
    mask.front() = '[';
    mask.back() = ']';
    rewrites_.add(place, mask, Rewrites::Rank::escape);
  }
  return derive(raw, nullptr);
}

const View* Views::text(const View* raw, Encoding encoding) {
  if (encoding != Encoding::json_string || raw->text.find('\\') == std::string_view::npos) return raw;
  View& view = next(raw);
  if (!unescape_json(raw->text, view.mapped) || !whole(view)) {
    --used_;
    return raw;
  }
  view.text = view.mapped.text();
  carry_changes(*raw, view);
  return &view;
}

const View* Views::folded(const View* view) {
  if (is_ascii(view->text)) return view;
  View& fold_of = next(view);
  if (!fold(view->text, fold_of.mapped) || !whole(fold_of)) {
    --used_;
    return view;
  }
  fold_of.text = fold_of.mapped.text();
  carry_changes(*view, fold_of);
  return &fold_of;
}

// The text that the places found so far give. Those far from what the parent itself changed were looked at before.
View* Views::derive(const View* parent, const std::vector<Extent>* near) {
  overflowed_ = overflowed_ || rewrites_.overflowed();
  if (rewrites_.size() == 0 || !rewrites_.settle(parent->text, near, kChangeReach)) return nullptr;
  View& view = next(parent);
  rewrites_.apply(parent->text, view);
  view.partial = view.partial || parent->partial;
  if (!whole(view)) {
    --used_;
    return nullptr;
  }
  view.text = view.mapped.text();
  return &view;
}

View* Views::decoded(const View* view, const TextScan& scan) {
  rewrites_.clear();
  find_escapes(view->text, rewrites_);
  find_base64(view->text, rewrites_);
  find_hex(view->text, rewrites_);
  find_hex_dumps(view->text, rewrites_);
  rewrites_.drop_idle(view->text, scan.anchor_ends());
  return derive(view, view->changes.empty() ? nullptr : &view->changes);
}

View* Views::revealed(const View* unfolded) {
  rewrites_.clear();
  find_hidden(unfolded->text, rewrites_);
  return derive(unfolded, unfolded->changes.empty() ? nullptr : &unfolded->changes);
}

View* Views::rejoined(const View* view, TextScan& scan) {
  rewrites_.clear();
  find_concatenations(view->text, rewrites_);
  find_folded_lines(view->text, rewrites_);
  find_emphasis(view->text, rewrites_);
  Context& context = scan.context_of(view->text, view->partial);
  find_spread_numbers(
      view->text, rewrites_, [](void* words, uint32_t at) { return static_cast<Context*>(words)->named(at); }, &context);
  find_disguised_words(view->text, pack_, rewrites_);
  if (!view->named) {
    find_table_cells(view->text, pack_, rewrites_);
    find_insert_values(view->text, pack_, rewrites_);
    find_name_attributes(view->text, rewrites_);
  }
  View* next = derive(view, view->changes.empty() ? nullptr : &view->changes);
  if (next != nullptr) next->named = true;
  return next;
}

void Views::forget_large(size_t bytes) {
  const auto large = [&](const View& view) { return view.mapped.bytes_held() + view.changes.capacity() * sizeof(Extent) > bytes; };
  if (std::any_of(views_.begin(), views_.end(), large)) views_.clear();
  if (rewrites_.bytes_held() > bytes) rewrites_ = {};
}

}  // namespace warden::classify
