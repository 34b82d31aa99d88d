/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The traffic behind tests/bench/hooks.py, with as little around each call as can be:
 *
 *   serve IP PORT [FILE]   discards what comes by TCP, answers each datagram with FILE; says "ready"
 *   tcp IP PORT N          N new sockets: the median and quartiles of connect() in ns
 *   udp IP PORT N          one socket connected N times: the mean of connect() in ns
 *   hello IP PORT N FILE   N connections, each of which sends FILE
 *   send IP PORT N         N sends of ten bytes by one connection
 *   stream IP PORT S       bytes a second by one connection, for S seconds
 *   ask IP PORT N          N datagrams, each answered
 *   peer IP PORT N         N times getpeername()
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in address;
static char text[65536];
static size_t text_bytes = 10;

static void need(int holds, const char* what) {
  if (holds) return;
  perror(what);
  exit(1);
}

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void read_text(const char* path) {
  FILE* file = fopen(path, "rb");
  need(file != NULL, path);
  text_bytes = fread(text, 1, sizeof text, file);
  fclose(file);
}

static int made(int type) {
  int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  need(fd >= 0, "socket");
  return fd;
}

static int connected(int type) {
  int fd = made(type), on = 1;
  need(connect(fd, (struct sockaddr*)&address, sizeof address) == 0, "connect");
  if (type == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/* With a reset: no port is left waiting. */
static void drop(int fd) {
  struct linger at_once = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

static void serve(void) {
  enum { kMax = 1024 };
  static struct pollfd polled[kMax];
  int streams = made(SOCK_STREAM), datagrams = made(SOCK_DGRAM), on = 1, many = 2;
  setsockopt(streams, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  need(bind(streams, (struct sockaddr*)&address, sizeof address) == 0 && listen(streams, 1024) == 0, "listen");
  need(bind(datagrams, (struct sockaddr*)&address, sizeof address) == 0, "bind");
  polled[0] = (struct pollfd){streams, POLLIN, 0};
  polled[1] = (struct pollfd){datagrams, POLLIN, 0};
  puts("ready");
  fflush(stdout);
  static char block[262144];
  for (;;) {
    poll(polled, many, -1);
    if (polled[0].revents && many < kMax) polled[many++] = (struct pollfd){accept(streams, NULL, NULL), POLLIN, 0};
    if (polled[1].revents) {
      struct sockaddr_in from;
      socklen_t length = sizeof from;
      recvfrom(datagrams, block, sizeof block, 0, (struct sockaddr*)&from, &length);
      sendto(datagrams, text, text_bytes, 0, (struct sockaddr*)&from, length);
    }
    for (int i = 2; i < many; ++i) {
      if (!polled[i].revents || recv(polled[i].fd, block, sizeof block, 0) > 0) continue;
      close(polled[i].fd);
      polled[i--] = polled[--many];
    }
  }
}

static int ascending(const void* a, const void* b) {
  long long x = *(const long long*)a, y = *(const long long*)b;
  return (x > y) - (x < y);
}

static void tcp(int n) {
  long long* took = calloc(n, sizeof *took);
  need(took != NULL, "memory");
  for (int i = 0; i < n; ++i) {
    int fd = made(SOCK_STREAM);
    long long start = now_ns();
    need(connect(fd, (struct sockaddr*)&address, sizeof address) == 0, "connect");
    took[i] = now_ns() - start;
    drop(fd);
  }
  qsort(took, n, sizeof *took, ascending);
  printf("%lld %lld %lld\n", took[n / 2], took[n / 4], took[3 * n / 4]);
}

static void udp(int n) {
  int fd = made(SOCK_DGRAM);
  long long start = now_ns();
  for (int i = 0; i < n; ++i) need(connect(fd, (struct sockaddr*)&address, sizeof address) == 0, "connect");
  printf("%.1f\n", (double)(now_ns() - start) / n);
}

static void stream(int seconds) {
  int fd = connected(SOCK_STREAM);
  long long start = now_ns(), end = start + seconds * 1000000000LL, bytes = 0;
  while (now_ns() < end) {
    ssize_t sent = send(fd, text, sizeof text, MSG_NOSIGNAL);
    need(sent > 0, "send");
    bytes += sent;
  }
  printf("%.0f\n", (double)bytes * 1e9 / (double)(now_ns() - start));
}

static void ask(int n) {
  int fd = connected(SOCK_DGRAM);
  char block[4096];
  for (int i = 0; i < n; ++i) need(send(fd, "?", 1, 0) == 1 && recv(fd, block, sizeof block, 0) > 0, "ask");
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const char* what = argv[1];
  int n = argc > 4 ? atoi(argv[4]) : 0;
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)atoi(argv[3]));
  need(inet_pton(AF_INET, argv[2], &address.sin_addr) == 1, "address");
  if (!strcmp(what, "serve")) {
    if (argc > 4) read_text(argv[4]);
    serve();
  }
  if (!strcmp(what, "tcp")) tcp(n);
  else if (!strcmp(what, "udp")) udp(n);
  else if (!strcmp(what, "stream")) stream(n);
  else if (!strcmp(what, "ask")) ask(n);
  else if (!strcmp(what, "hello")) {
    if (argc > 5) read_text(argv[5]); else text_bytes = 0;
    for (int i = 0; i < n; ++i) {
      int fd = connected(SOCK_STREAM);
      if (text_bytes) need(send(fd, text, text_bytes, MSG_NOSIGNAL) == (ssize_t)text_bytes, "hello");
      drop(fd);
    }
  } else if (!strcmp(what, "send")) {
    int fd = connected(SOCK_STREAM);
    for (int i = 0; i < n; ++i) need(send(fd, text, 10, MSG_NOSIGNAL) == 10, "send");
  } else if (!strcmp(what, "peer")) {
    int fd = connected(SOCK_DGRAM);
    socklen_t length = sizeof address;
    for (int i = 0; i < n; ++i, length = sizeof address) getpeername(fd, (struct sockaddr*)&address, &length);
  } else return 2;
  return 0;
}
