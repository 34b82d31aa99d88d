// SPDX-License-Identifier: Apache-2.0
// What a program trusts is a fact about its TLS library; the table in the design notes (measured per client)
// is behind this.
#include <filesystem>
#include <map>
#include <sstream>

#include "agent/base/file.h"
#include "agent/trust/places.h"
#include "agent/trust/store.h"

namespace warden::trust {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKnobs[] = {"NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA", "NODE_OPTIONS",
                                  "SSL_CERT_FILE",       "SSL_CERT_DIR",       "REQUESTS_CA_BUNDLE",
                                  "CURL_CA_BUNDLE",      "AWS_CA_BUNDLE",      "DENO_CERT",
                                  "GIT_SSL_CAINFO",      "JAVA_TOOL_OPTIONS",  "CODEX_CA_CERTIFICATE"};

struct Kind {
  const char* what;
  const char* trusts;
  const char* knob;
};

constexpr Kind kNode = {"Node.js", "roots compiled into Node; a distribution's build: the system bundle",
                        "NODE_EXTRA_CA_CERTS=/usr/local/share/egresswarden/roots.pem"};
constexpr Kind kJava = {
    "a Java VM", "the cacerts of its JDK; Debian's is kept by update-ca-certificates",
    "JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=... when the JDK is not the distribution's"};
constexpr Kind kPython = {"Python",
                          "the system bundle; requests and httpx from PyPI: certifi's own cacert.pem",
                          "SSL_CERT_FILE, REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt"};
constexpr Kind kNss = {"Chromium or another NSS program", "its own roots and the NSS database of the user",
                       "certutil -d sql:$HOME/.pki/nssdb -A, or the policy CACertificates"};
constexpr Kind kGnuTls = {"a GnuTLS program", "the system bundle", "none needed beside the system bundle"};
constexpr Kind kOpenSsl = {"an OpenSSL program", "the system bundle and its hashed folder",
                           "SSL_CERT_FILE, SSL_CERT_DIR"};
constexpr Kind kStatic = {
    "a program with its TLS compiled in (Go, Rust, Bun)",
    "the system bundle (Go, Bun, rustls with native roots) or roots of its own (rustls with "
    "webpki-roots)",
    "SSL_CERT_FILE, SSL_CERT_DIR; with roots of its own only its own settings, or policy: "
    "on_untrusting_client"};

const Kind& kind_of(const std::string& executable, const std::string& maps) {
  const std::string name = fs::path(executable).filename();
  const auto loads = [&](const char* library) { return maps.find(library) != std::string::npos; };
  if (name.starts_with("node") || loads("/libnode.so")) return kNode;
  if (name == "java" || loads("/libjvm.so")) return kJava;
  if (name.starts_with("python")) return kPython;
  if (name.starts_with("chrom") || name.starts_with("firefox") || loads("/libnss3.so")) return kNss;
  if (loads("/libgnutls.so")) return kGnuTls;
  if (loads("/libssl.so")) return kOpenSsl;
  return kStatic;
}

// Only the variables of the table: others may hold secrets.
std::map<std::string, std::string> knobs_in(const std::string& environment) {
  std::map<std::string, std::string> found;
  std::istringstream entries(environment);
  for (std::string entry; std::getline(entries, entry, '\0');)
    for (const std::string knob : kKnobs)
      if (entry.starts_with(knob + "=")) found[knob] = entry.substr(knob.size() + 1, 256);
  return found;
}

}  // namespace

Result<std::string, TrustError> explain(pid_t pid, const Host& host) {
  const std::string process = host.prefix + "/proc/" + std::to_string(pid);
  std::error_code error;
  const std::string executable = fs::read_symlink(process + "/exe", error);
  if (error)
    return fail(TrustError::no_such_process, "trust: process " + std::to_string(pid) + ": " +
                                                 error.message() + "; run as root, and is it alive?");
  const auto maps = read_file(process + "/maps", 16 << 20);
  const auto environment = read_file(process + "/environ", 4 << 20);
  const Kind& kind = kind_of(executable, maps ? *maps : std::string());
  std::string text = "process     " + std::to_string(pid) + "  " + executable + "\nlooks like  " + kind.what +
                     "\ntrusts      " + kind.trusts + "\nknob        " + kind.knob + "\n";
  if (!environment) return text + "environment not readable; run as root\n";
  const auto knobs = knobs_in(*environment);
  text += knobs.empty() ? "environment sets nothing about trust\n" : "";
  for (const auto& [name, value] : knobs) text += "environment " + name + "=" + value + "\n";
  return text;
}

}  // namespace warden::trust
