# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Kubernetes' API server: TLS with a CA of its own, one service account's token, one node, and of the API what the agent's
role lets it do (deploy/kubernetes/base/rbac.yaml). Everything else is forbidden, as it is in a cluster. It writes down all requests."""

import http.server
import json
import ssl
import subprocess
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

TOKEN = "the.token.of-this-pod"

# What discovery says, which every client may read (the role system:discovery).
DISCOVERY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [{"name": "nodes", "singularName": "node", "namespaced": False, "kind": "Node", "shortNames": ["no"], "verbs": ["get", "patch"]}],
    },
}


@dataclass
class Request:
    verb: str
    path: str
    content_type: str
    body: str


def make_certificates(directory, address):
    """A CA, and a certificate for ADDRESS by it: ca.crt, server.crt, server.key in DIRECTORY."""

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

    (directory / "names").write_text(f"subjectAltName=IP:{address}\n")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-days", "1", "-subj", "/CN=a cluster's CA")
    openssl("req", *new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=kubernetes")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names", "-out",
            "server.crt")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, document):
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, code, reason, message):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = urlsplit(self.path).path
        api = self.server.api
        request = Request(self.command, path, self.headers.get("Content-Type", ""), body)
        if self.headers.get("Authorization") != f"Bearer {api.token}":
            return self.refuse(401, "Unauthorized", "Unauthorized")
        api.requests.append(request)
        if self.command == "GET" and path in DISCOVERY:
            return self.answer(200, DISCOVERY[path])
        if path == f"/api/v1/nodes/{api.node['metadata']['name']}" and self.command in ("GET", "PATCH"):
            if self.command == "PATCH":
                api.merge(request)
            return self.answer(200, api.node)
        if self.command == "GET" and path.startswith("/api/v1/nodes/"):
            return self.refuse(404, "NotFound", f'nodes "{path.rpartition("/")[2]}" not found')
        api.forbidden.append(request)
        return self.refuse(403, "Forbidden", f"{self.command} {path} is forbidden")

    do_GET = do_PATCH = do_PUT = do_POST = do_DELETE = handle_request


class ApiServer:
    """Serves at ADDRESS, with certificates made in DIRECTORY, until it is stopped."""

    def __init__(self, directory, address="127.0.0.1"):
        self.token = TOKEN
        self.requests = []
        self.forbidden = []
        self.node = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "node-1", "labels": {"mine": "stays"}, "annotations": {}}}
        make_certificates(directory, address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.crt", directory / "server.key")
        server_class = type("Server", (http.server.ThreadingHTTPServer,), {"address_family": 10 if ":" in address else 2})
        self.server = server_class((address, 0), Handler)
        self.server.api = self
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address, self.port = address, self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def merge(self, request):
        """A merge patch of the node (RFC 7386)."""

        def merged(old, new):
            if not isinstance(new, dict):
                return new
            old = dict(old) if isinstance(old, dict) else {}
            for key, value in new.items():
                if value is None:
                    old.pop(key, None)
                else:
                    old[key] = merged(old.get(key), value)
            return old

        if request.content_type == "application/merge-patch+json":
            self.node = merged(self.node, json.loads(request.body))

    def patches(self):
        return [request for request in self.requests if request.verb == "PATCH"]
