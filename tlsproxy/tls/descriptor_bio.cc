// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/tls/descriptor_bio.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace warden::tls {
namespace {

DescriptorBio& state_of(BIO* bio) {
  return *static_cast<DescriptorBio*>(BIO_get_data(bio));
}

bool would_wait(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int take_seen(DescriptorBio& state, char* into, size_t size) {
  const size_t count = std::min(size, state.seen_left());
  std::memcpy(into, state.seen.data() + state.seen_taken, count);
  state.seen_taken += count;
  if (state.seen_left() == 0) {
    std::string().swap(state.seen);
    state.seen_taken = 0;
  }
  return static_cast<int>(count);
}

int read_bytes(BIO* bio, char* into, int size) {
  DescriptorBio& state = state_of(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  if (state.seen_left() > 0) return take_seen(state, into, static_cast<size_t>(size));
  const ssize_t count = ::recv(state.fd, into, static_cast<size_t>(size), 0);
  if (count == 0) state.at_end = true;
  if (count < 0) {
    state.last_errno = errno;
    if (would_wait(errno)) BIO_set_retry_read(bio);
  }
  return static_cast<int>(count);
}

int write_bytes(BIO* bio, const char* from, int size) {
  DescriptorBio& state = state_of(bio);
  BIO_clear_retry_flags(bio);
  const int flags = MSG_NOSIGNAL | (state.more_follows ? MSG_MORE : 0);
  const ssize_t count = ::send(state.fd, from, static_cast<size_t>(size), flags);
  if (count < 0) {
    state.last_errno = errno;
    if (would_wait(errno)) BIO_set_retry_write(bio);
  }
  return static_cast<int>(count);
}

long control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
      return 1;
    case BIO_CTRL_EOF:
      return state_of(bio).at_end ? 1 : 0;
    default:
      return 0;
  }
}

BIO_METHOD* method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "descriptor");
    BIO_meth_set_read(fresh, read_bytes);
    BIO_meth_set_write(fresh, write_bytes);
    BIO_meth_set_ctrl(fresh, control);
    return fresh;
  }();
  return made;
}

}  // namespace

bool attach(SSL* ssl, DescriptorBio& state) {
  BIO* bio = BIO_new(method());
  if (bio == nullptr) return false;
  BIO_set_data(bio, &state);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  return true;
}

}  // namespace warden::tls
