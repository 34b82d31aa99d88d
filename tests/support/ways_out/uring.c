// SPDX-License-Identifier: Apache-2.0
// uring ADDRESS PORT PROGRAM...: connects by io_uring, so without the system call connect(), and becomes PROGRAM with the
// connected socket as descriptor 3.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 4

static int connect_by_ring(int ring, const struct io_uring_params* params, int socket, const struct sockaddr_in* to) {
  char* queue = mmap(0, params->sq_off.array + ENTRIES * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
                     IORING_OFF_SQ_RING);
  char* done = mmap(0, params->cq_off.cqes + 2 * ENTRIES * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
                    MAP_SHARED, ring, IORING_OFF_CQ_RING);
  struct io_uring_sqe* entries =
      mmap(0, ENTRIES * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  if (queue == MAP_FAILED || done == MAP_FAILED || entries == MAP_FAILED) return -errno;
  entries[0].opcode = IORING_OP_CONNECT;
  entries[0].fd = socket;
  entries[0].addr = (uintptr_t)to;
  entries[0].off = sizeof(*to);
  ((uint32_t*)(queue + params->sq_off.array))[0] = 0;
  __atomic_store_n((uint32_t*)(queue + params->sq_off.tail), 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) != 1) return -errno;
  return ((struct io_uring_cqe*)(done + params->cq_off.cqes))->res;
}

int main(int count, char** words) {
  if (count < 4) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[2]))};
  inet_pton(AF_INET, words[1], &to.sin_addr);
  struct io_uring_params params = {0};
  const int ring = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  if (ring < 0 || made < 0) return errno;
  const int result = connect_by_ring(ring, &params, made, &to);
  if (result < 0) return -result;
  if (dup2(made, 3) != 3) return errno;
  execv(words[3], words + 3);
  return errno;
}
