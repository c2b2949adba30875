// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/kubeconfig.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "base/text.h"
#include "ctl/cli/output.h"

namespace aa::ctl::node {

namespace {

// What a program in a pod finds (Kubernetes documentation, "Accessing the Kubernetes API from a Pod"; client-go rest/config.go).
constexpr const char* kHost = "KUBERNETES_SERVICE_HOST";
constexpr const char* kPort = "KUBERNETES_SERVICE_PORT";
constexpr const char* kToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";
constexpr const char* kAuthority = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

constexpr const char* kFile = "kubeconfig";

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : value;
}

Result<std::string> server() {
    const auto host = variable(kHost);
    const auto port = variable(kPort);
    if (host.empty() || port.empty()) {
        return Error{ErrorKind::system, concat({kHost, " and ", kPort, " do not say where the API server is: run the agent in a pod, ",
                                                "set KUBECONFIG, or leave --name out"})};
    }
    const bool six = host.find(':') != std::string::npos;
    return concat({"https://", six ? "[" : "", host, six ? "]" : "", ":", port});
}

Result<void> require_service_account() {
    for (const char* file : {kToken, kAuthority}) {
        if (::access(file, R_OK) == 0) continue;
        return errno_error("read", file, errno).context("the pod needs its service account's token (automountServiceAccountToken: true)");
    }
    return {};
}

// A kubeconfig is YAML, and so may be JSON (client-go tools/clientcmd/api/v1/types.go).
std::string document(const std::string& server) {
    const Json cluster = {{"server", server}, {"certificate-authority", kAuthority}};
    const Json context = {{"cluster", "pod"}, {"user", "pod"}};
    const Json config = {{"apiVersion", "v1"},
                         {"kind", "Config"},
                         {"clusters", Json::array({{{"name", "pod"}, {"cluster", cluster}}})},
                         {"users", Json::array({{{"name", "pod"}, {"user", {{"tokenFile", kToken}}}}})},
                         {"contexts", Json::array({{{"name", "pod"}, {"context", context}}})},
                         {"current-context", "pod"}};
    return config.dump() + "\n";
}

// A directory that nobody else can have put anything into: the file says to whom the token is sent.
Result<Fd> open_home(const std::string& home) {
    if (::mkdir(home.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("make", home, errno);
    Fd directory = TRY(open_file(AT_FDCWD, home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(require_trusted(directory.get(), home));
    return directory;
}

}  // namespace

Result<std::vector<std::string>> kubectl_environment() {
    const auto temporary = variable("TMPDIR");
    const std::string home = concat({temporary.empty() ? "/tmp" : temporary, "/aa-shim-agent"});
    const Fd directory = TRY(open_home(home));
    std::string config = variable("KUBECONFIG");
    if (config.empty()) {
        const auto text = document(TRY(server()));
        TRY(require_service_account());
        const iovec piece{const_cast<char*>(text.data()), text.size()};
        TRY(replace_file(directory.get(), kFile, {&piece, 1}, ::geteuid(), ::getegid(), 0600));
        config = concat({home, "/", kFile});
    }
    return std::vector<std::string>{"HOME=" + home, "KUBECONFIG=" + config};
}

}  // namespace aa::ctl::node
