// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/sse.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <vector>

namespace warden::http {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

Events read(std::string_view bytes, size_t piece, size_t bytes_max = 1 << 20, uint64_t* dropped = nullptr) {
  Events events;
  SseReader reader(bytes_max);
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, piece);
    reader.feed(part, [&](std::string_view name, std::string_view data) { events.emplace_back(name, data); });
    bytes.remove_prefix(part.size());
  }
  if (dropped != nullptr) *dropped = reader.dropped();
  return events;
}

TEST(Sse, ReadsEventsByTheStandard) {
  const std::string_view stream =
      "\xEF\xBB\xBF: comment\n\nevent: add\ndata: one\ndata:  two\n\ndata\n\nid: 7\nretry: 5\n\n"
      "event: lost\n\ndata: cr\r\rdata: crlf\r\ndata: x\r\n\r\ndata:no blank\nother: y\n\ndata: unfinished\n";
  const Events expected = {{"add", "one\n two"}, {"", ""}, {"", "cr"}, {"", "crlf\nx"}, {"", "no blank"}};
  for (const size_t piece : {1, 2, 3, 7, 1000}) EXPECT_EQ(read(stream, piece), expected) << piece;
}

TEST(Sse, DropsWhatIsTooLargeAndGoesOn) {
  const std::string big(200, 'x');
  const std::string stream = "data: a\n\ndata: " + big + "\ndata: rest\n\ndata: b\n\n";
  for (const size_t piece : {1, 50, 99, 1000}) {
    uint64_t dropped = 0;
    EXPECT_EQ(read(stream, piece, 100, &dropped), (Events{{"", "a"}, {"", "b"}})) << piece;
    EXPECT_EQ(dropped, 1U);
  }
}

TEST(Sse, TheCutDoesNotMatter) {
  EXPECT_TRUE(rc::check([] {
    const auto bytes =
        *rc::gen::container<std::string>(rc::gen::elementOf(std::string("\n\n\r:  dataevent x")));
    const auto piece = *rc::gen::inRange<size_t>(1, 9);
    const auto bound = *rc::gen::inRange<size_t>(5, 60);
    RC_ASSERT(read(bytes, piece, bound) == read(bytes, 1 << 20, bound));
  }));
}

}  // namespace
}  // namespace warden::http
