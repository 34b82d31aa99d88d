// SPDX-License-Identifier: Apache-2.0
// How many instructions the verifier looks at for each program, compared with verified_instructions.txt: a jump means
// that older kernels, which count worse, may refuse. Lines "KERNEL PROGRAM INSTRUCTIONS"; kernels that are not in the file
// are held to half of the verifier's limit. WARDEN_RECORD=1 prints the lines for this kernel.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr uint32_t kLimit = 1'000'000;

std::string kernel_series() {
  utsname name{};
  ::uname(&name);
  const std::string release = name.release;
  return release.substr(0, release.find('.', release.find('.') + 1));
}

std::map<std::string, uint32_t> recorded() {
  std::map<std::string, uint32_t> counts;
  std::ifstream file(WARDEN_VERIFIED_INSTRUCTIONS);
  std::string kernel, program;
  uint32_t count = 0;
  while (file >> kernel >> program >> count)
    if (kernel == kernel_series()) counts[program] = count;
  return counts;
}

uint32_t verified_instructions(const std::string& link_path) {
  const Fd link(bpf_obj_get(link_path.c_str()));
  bpf_link_info attached{};
  uint32_t length = sizeof attached;
  if (!link || bpf_obj_get_info_by_fd(link.get(), &attached, &length) != 0) return 0;
  const Fd program(bpf_prog_get_fd_by_id(attached.prog_id));
  bpf_prog_info info{};
  length = sizeof info;
  return program && bpf_obj_get_info_by_fd(program.get(), &info, &length) == 0 ? info.verified_insns : 0;
}

TEST(Verifier, InstructionCountsDoNotJump) {
  Sandbox sandbox;
  Listener listener;
  const auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  auto before = recorded();
  const bool known = !before.empty();
  for (const auto& entry : std::filesystem::directory_iterator(sandbox.bpffs() + "/links")) {
    const std::string program = entry.path().filename();
    const uint32_t now = verified_instructions(entry.path());
    if (std::getenv("WARDEN_RECORD")) std::printf("%s %s %u\n", kernel_series().c_str(), program.c_str(), now);
    if (now == 0) GTEST_SKIP() << "this kernel does not tell (before Linux 5.16)";
    EXPECT_LT(now, kLimit / 2) << program << " comes near the verifier's limit";
    if (!known) continue;
    EXPECT_TRUE(before.contains(program)) << program << " is not in verified_instructions.txt: add it with " << now;
    const uint32_t was = before.contains(program) ? before[program] : now;
    EXPECT_LE(now, was + was / 4) << program << ": the verifier looked at " << was << " instructions, now at " << now
                                  << ". Simplify it, or record the new count if the program has to be so";
    before.erase(program);
  }
  for (const auto& [program, count] : before) ADD_FAILURE() << program << " is in verified_instructions.txt, not loaded";
}

}  // namespace
}  // namespace warden::kernel
