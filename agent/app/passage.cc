// SPDX-License-Identifier: Apache-2.0
#include "agent/app/passage.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace warden::app {
namespace {

constexpr size_t kControlBytes = CMSG_SPACE(sizeof(int) * kParcelDescriptorsMax);

// 0, or the error of the call.
int send_parcel(int socket, const Parcel& parcel) {
  std::array<int, kParcelDescriptorsMax> numbers{};
  size_t count = 0;
  for (const Fd& fd : parcel.descriptors)
    if (fd) numbers[count++] = fd.get();
  iovec body{const_cast<ParcelHead*>(&parcel.head), sizeof parcel.head};
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
    std::memcpy(CMSG_DATA(rights), numbers.data(), sizeof(int) * count);
  }
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

}  // namespace

std::shared_ptr<Outbox> Outbox::open(boost::asio::io_context& io, Fd socket) {
  return std::shared_ptr<Outbox>(new Outbox(io, socket.release()));
}

bool Outbox::send(const ParcelHead& head, std::array<Fd, kParcelDescriptorsMax> descriptors) {
  if (broken_ || waiting_.size() >= kMax) return false;
  Parcel parcel{head, std::move(descriptors)};
  const int error = waiting_.empty() ? send_parcel(socket_.native_handle(), parcel) : EAGAIN;
  if (error == 0) return true;
  broken_ = error != EAGAIN;
  if (broken_) return false;
  waiting_.push_back(std::move(parcel));
  if (waiting_.size() == 1) wait();
  return true;
}

void Outbox::wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_write, [self = shared_from_this()](boost::system::error_code error) {
    int failed = error ? ECANCELED : 0;
    while (failed == 0 && !self->waiting_.empty()) {
      failed = send_parcel(self->socket_.native_handle(), self->waiting_.front());
      if (failed == 0) self->waiting_.pop_front();
    }
    if (failed == EAGAIN) return self->wait();
    self->broken_ = failed != 0;
    if (self->broken_) self->waiting_.clear();
  });
}

Passage::Passage(boost::asio::io_context& io, int socket, std::function<void(Parcel)> receive)
    : socket_(io, socket), receive_(std::move(receive)) {
  wait();
}

void Passage::wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    bool more = take();
    while (more) more = take();
  });
}

bool Passage::take() {
  Parcel parcel;
  iovec body{&parcel.head, sizeof parcel.head};
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    wait();
    return false;
  }
  // The end is the link's to notice; both go with the supervisor.
  if (size == 0) return false;
  size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    std::array<int, kParcelDescriptorsMax> numbers{};
    const size_t bytes = std::min<size_t>(part->cmsg_len - CMSG_LEN(0), sizeof numbers);
    std::memcpy(numbers.data(), CMSG_DATA(part), bytes);
    for (size_t i = 0; i < bytes / sizeof(int) && count < parcel.descriptors.size(); ++i)
      parcel.descriptors[count++].reset(numbers[i]);
  }
  receive_(std::move(parcel));
  return true;
}

}  // namespace warden::app
