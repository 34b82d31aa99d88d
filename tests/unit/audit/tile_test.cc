// SPDX-License-Identifier: Apache-2.0
#include "audit/chain/tile.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace warden::chain {
namespace {

TEST(Tile, PathsOfTheSpecification) {
  EXPECT_EQ((TileName{false, 0, 0, 256}).path(), "tile/0/000");
  EXPECT_EQ((TileName{false, 2, 1234067, 256}).path(), "tile/2/x001/x234/067");
  EXPECT_EQ((TileName{true, 0, 273, 112}).path(), "tile/entries/273.p/112");
  EXPECT_EQ(TileName::parse("tile/2/x001/x234/067"), (TileName{false, 2, 1234067, 256}));
}

TEST(Tile, OneSpellingOnly) {
  for (const char* bad :
       {"tile/0/0", "tile/00/000", "tile/0/0000", "tile/0/x000/000", "tile/0/000.p/0", "tile/0/000.p/256",
        "tile/0/000.p/01", "tile/0/000.p/", "tile/8/000", "tile/entries/000/", "tile/entries", "tile/0/x001",
        "tile/0/-01", "/tile/0/000", "tile/0/000.p/1.p/1"})
    EXPECT_FALSE(TileName::parse(bad)) << bad;
  rc::check([] {
    const TileName tile{false, *rc::gen::inRange(0u, 8u), *rc::gen::inRange<uint64_t>(0, 1ull << 40),
                        *rc::gen::inRange(1u, 257u)};
    RC_ASSERT(TileName::parse(tile.path()) == tile);
  });
}

TEST(Tile, EachTileOnce) {
  std::vector<std::string> paths;
  each_tile(70000, [&](const TileName& tile) {
    paths.push_back(tile.path());
    return true;
  });
  // 274 bundles and hash tiles, then 273 hashes above them, then 1.
  ASSERT_EQ(paths.size(), 274u + 274u + 2u + 1u);
  EXPECT_EQ(paths[273], "tile/entries/273.p/112");
  EXPECT_EQ(paths[274 + 274], "tile/1/000");
  EXPECT_EQ(paths[274 + 275], "tile/1/001.p/17");
  EXPECT_EQ(paths.back(), "tile/2/000.p/1");
  EXPECT_TRUE(each_tile(0, [](const TileName&) { return false; }));
}

TEST(Bundle, ExactlyItsEntries) {
  std::string bundle;
  ASSERT_TRUE(append_entry(bundle, "abc"));
  ASSERT_TRUE(append_entry(bundle, ""));
  EXPECT_EQ(bundle, std::string("\0\3abc\0\0", 7));
  const auto entries = parse_bundle(bundle, 2);
  ASSERT_TRUE(entries);
  EXPECT_EQ((*entries)[0], "abc");
  EXPECT_FALSE(parse_bundle(bundle, 1));
  EXPECT_FALSE(parse_bundle(bundle, 3));
  EXPECT_FALSE(parse_bundle(bundle + "x", 2));
  EXPECT_FALSE(append_entry(bundle, std::string(65536, 'x')));
}

}  // namespace
}  // namespace warden::chain
