// SPDX-License-Identifier: Apache-2.0
#include "agent/app/passage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <vector>

namespace warden::app {
namespace {

class PassageTest : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    outbox_ = Outbox::open(io_, Fd(ends[0]));
    worker_ = ends[1];
    passage_ = std::make_unique<Passage>(io_, worker_, [this](Parcel parcel) { receive_(std::move(parcel)); });
  }
  static size_t open_descriptors() {
    size_t count = 0;
    for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) != -1 ? 1 : 0;
    return count;
  }

  boost::asio::io_context io_{1};
  std::shared_ptr<Outbox> outbox_;
  int worker_ = -1;
  std::unique_ptr<Passage> passage_;
  std::vector<Parcel> parcels_;
  std::vector<uint64_t> seen_;
  std::function<void(Parcel)> receive_ = [this](Parcel parcel) { parcels_.push_back(std::move(parcel)); };
};

TEST_F(PassageTest, CarriesAsManyDescriptorsAsWereSentInOrder) {
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC)), zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(outbox_->send({ParcelKind::listener, 0, 7}, {Fd(::dup(zero.get())), Fd(::dup(null.get()))}));
  ASSERT_TRUE(outbox_->send({ParcelKind::socket, 0, 8}, {Fd(::dup(zero.get()))}));
  ASSERT_TRUE(outbox_->send({ParcelKind::socket, 0, 9}, {}));
  io_.poll();
  ASSERT_EQ(parcels_.size(), 3u);
  EXPECT_EQ(parcels_[0].head.kind, ParcelKind::listener);
  EXPECT_EQ(parcels_[0].head.number, 7u);
  char byte = 'x';
  EXPECT_EQ(::read(parcels_[0].descriptors[0].get(), &byte, 1), 1);
  EXPECT_EQ(byte, '\0');
  EXPECT_EQ(::write(parcels_[0].descriptors[1].get(), &byte, 1), 1);
  EXPECT_TRUE(parcels_[1].descriptors[0]);
  EXPECT_FALSE(parcels_[1].descriptors[1]);
  EXPECT_FALSE(parcels_[2].descriptors[0]) << "a socket that could not be made";
}

TEST_F(PassageTest, WhatNobodyKeepsIsClosed) {
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const size_t before = open_descriptors();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(outbox_->send({ParcelKind::socket, 0, 1}, {Fd(::dup(null.get()))}));
  io_.poll();
  EXPECT_EQ(open_descriptors(), before + 20);
  parcels_.clear();
  EXPECT_EQ(open_descriptors(), before);
}

// A new worker is given thousands of listeners before it has begun to read.
TEST_F(PassageTest, WhatTheSocketDoesNotTakeWaitsInOrder) {
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  constexpr uint64_t kParcels = 2000;
  receive_ = [this](Parcel parcel) { seen_.push_back(parcel.head.number); };
  for (uint64_t i = 0; i < kParcels; ++i) ASSERT_TRUE(outbox_->send({ParcelKind::listener, 0, i}, {Fd(::dup(null.get()))})) << i;
  while (seen_.size() < kParcels) ASSERT_GT(io_.run_one(), 0u);
  for (uint64_t i = 0; i < kParcels; ++i) ASSERT_EQ(seen_[i], i);
}

TEST_F(PassageTest, WhatWaitsIsBounded) {
  passage_.reset();
  size_t sent = 0;
  while (sent < 2 * Outbox::kMax && outbox_->send({ParcelKind::socket, 0, 1}, {})) ++sent;
  EXPECT_LT(sent, 2 * Outbox::kMax);
}

}  // namespace
}  // namespace warden::app
