// SPDX-License-Identifier: Apache-2.0
#include "agent/app/sandbox.h"

#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

namespace warden::app {
namespace {

// What a running worker needs: its sockets, the files it was given, memory, time, and its own end.
constexpr std::array kAllowed = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(fstat),
    SCMP_SYS(lseek), SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(pwrite64), SCMP_SYS(ftruncate), SCMP_SYS(fcntl), SCMP_SYS(pipe2), SCMP_SYS(splice), SCMP_SYS(dup),
    SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(getrandom),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getppid),
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(time),
    SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage), SCMP_SYS(sched_getaffinity), SCMP_SYS(membarrier),
};

struct Filtered {
  int call;
  scmp_arg_cmp argument;
};

// What of these calls a worker needs: no new code, no other family of sockets, no signal but to itself (abort).
std::array<Filtered, 7> filtered_calls() {
  const auto is = [](unsigned arg, uint64_t value) { return scmp_arg_cmp{arg, SCMP_CMP_EQ, value, 0}; };
  const scmp_arg_cmp not_executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
  return {{{SCMP_SYS(mmap), not_executable},
           {SCMP_SYS(mprotect), not_executable},
           {SCMP_SYS(socket), is(0, AF_INET)},
           {SCMP_SYS(socket), is(0, AF_INET6)},
           {SCMP_SYS(ioctl), is(1, FIONBIO)},
           {SCMP_SYS(ioctl), is(1, FIONREAD)},
           {SCMP_SYS(tgkill), is(0, static_cast<uint64_t>(::getpid()))}}};
}

}  // namespace

bool drop_privileges(uid_t uid, gid_t gid) {
  for (int capability = 0; capability <= 63; ++capability) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) return false;
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

Result<void, SandboxError> bind_to_parent(pid_t supervisor) {
  // A change of uid clears the death signal, so it is set here, after exec; the parent may have died in between.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != supervisor)
    return fail(SandboxError::orphaned, "the supervisor is gone");
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  return {};
}

Result<void, SandboxError> enter_sandbox() {
  // EPERM rather than a kill: a library that probes for a call it can live without must not end every stream.
  const std::unique_ptr<void, void (*)(void*)> filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)), ::seccomp_release);
  if (!filter) return fail(SandboxError::seccomp, "seccomp is not available");
  for (const int call : kAllowed)
    if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); error != 0)
      return fail(SandboxError::seccomp, std::strerror(-error));
  for (const Filtered& one : filtered_calls())
    if (const int error = ::seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, one.call, 1, &one.argument); error != 0)
      return fail(SandboxError::seccomp, std::strerror(-error));
  for (const int call : {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(bpf)})
    ::seccomp_rule_add(filter.get(), SCMP_ACT_KILL_PROCESS, call, 0);
  if (const int error = ::seccomp_load(filter.get()); error != 0)
    return fail(SandboxError::seccomp, std::strerror(-error));
  return {};
}

void bound_file_size(uint64_t bytes) {
  const rlimit limit{bytes, bytes};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

}  // namespace warden::app
