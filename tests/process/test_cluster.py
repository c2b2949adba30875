# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl node and the cluster: Debian's real kubectl (bookworm's and trixie's and sid's) in an environment like a pod's, before a
server that checks what arrives. And that the kubectl of the other tests is like it."""

import json
import subprocess
import unittest
from pathlib import Path

import harness
from api_server import TOKEN, ApiServer
from node_test import PENDING, WRONG, NodeTest
from node_tree import ACCOUNT

TOOLS = Path(__file__).resolve().parents[1] / "deploy" / "kubernetes-tools"
SUITES = ("bookworm", "trixie", "sid")
SKIPPED = 77
REFUSED = "The connection to the server localhost:8080 was refused - did you specify the right host or port?"


def real_kubectl(suite):
    tools = subprocess.run([TOOLS, suite], stdout=subprocess.PIPE, text=True, check=False)
    if tools.returncode == SKIPPED:
        raise unittest.SkipTest(tools.stdout.strip().removeprefix("skip: "))
    return Path(tools.stdout.strip()) / "kubectl"


class ClusterTest(NodeTest):
    address = "127.0.0.1"

    @classmethod
    def setUpClass(cls):
        cls.kubectls = {suite: real_kubectl(suite) for suite in SUITES}

    def setUp(self):
        super().setUp()
        self.fake = self.node.kubectl
        self.start_server()

    def start_server(self):
        directory = harness.WORK / f"tls-{self.address.replace(':', '')}"
        directory.mkdir()
        self.server = ApiServer(directory, self.address)
        self.addCleanup(self.server.stop)
        self.node.environment |= {"KUBERNETES_SERVICE_HOST": self.address, "KUBERNETES_SERVICE_PORT": str(self.server.port)}
        (ACCOUNT / "token").write_text(TOKEN)
        (ACCOUNT / "ca.crt").write_text((directory / "ca.crt").read_text())

    def each_kubectl(self):
        for suite, kubectl in self.kubectls.items():
            with self.subTest(suite=suite):
                self.node.kubectl = kubectl
                self.server.requests.clear()
                yield suite

    def become_ready(self):
        first = True
        for _ in self.each_kubectl():
            if first:
                self.once(code=WRONG)
                self.assertNotIn("aa-shim/ready", self.server.node["metadata"]["labels"])
                self.assertIn(PENDING, self.server.node["metadata"]["annotations"]["aa-shim/status"])
                self.node.start_containerd()
                first = False
            self.once()
            metadata = self.server.node["metadata"]
            self.assertEqual(metadata["labels"], {"mine": "stays", "aa-shim/ready": "true"})
            self.assertIn("ready: aa-shim ", metadata["annotations"]["aa-shim/status"])
            for request in self.server.patches():
                self.assertEqual((request.path, request.content_type), ("/api/v1/nodes/node-1", "application/merge-patch+json"))
                self.assertEqual(set(json.loads(request.body)), {"metadata"})
                self.assertEqual(set(json.loads(request.body)["metadata"]), {"labels", "annotations"})
            self.assertEqual(self.server.forbidden, [])


class Cluster(ClusterTest):
    def test_the_node_becomes_ready(self):
        self.become_ready()

    def test_removal_is_told(self):
        for _ in self.each_kubectl():
            self.once("--remove", "--restart-engine")
            self.assertEqual(self.server.node["metadata"], {"name": "node-1", "labels": {"mine": "stays"}, "annotations": {}})
            self.assertEqual(len(self.server.patches()), 2)

    def test_a_token_that_was_replaced(self):
        """The kubelet replaces it within the hour; an agent goes on."""
        self.node.kubectl = self.kubectls["sid"]
        self.once(code=WRONG)
        self.server.token = "another.token"
        self.assertIn("kubectl: error: You must be logged in to the server", self.once(code=WRONG).stderr)
        (ACCOUNT / "token").write_text("another.token")
        self.assertEqual(self.once(code=WRONG).stderr, "")

    def test_a_server_with_another_ca_is_told_nothing(self):
        directory = harness.WORK / "another"
        directory.mkdir()
        another = ApiServer(directory, self.address)
        self.addCleanup(another.stop)
        self.node.environment["KUBERNETES_SERVICE_PORT"] = str(another.port)
        for _ in self.each_kubectl():
            self.assertIn("x509: certificate signed by unknown authority", self.once(code=WRONG).stderr)
            self.assertEqual(another.requests, [])

    def test_a_node_that_is_not_there(self):
        for _ in self.each_kubectl():
            self.assertIn('kubectl: Error from server (NotFound): nodes "node-2" not found', self.once(code=WRONG, name="node-2").stderr)

    def test_a_pod_without_a_token(self):
        (ACCOUNT / "token").unlink()
        self.assertIn("the pod needs its service account's token (automountServiceAccountToken: true): cannot read "
                      "'/var/run/secrets/kubernetes.io/serviceaccount/token'", self.once(code=WRONG).stderr)

    def test_outside_of_a_pod(self):
        del self.node.environment["KUBERNETES_SERVICE_HOST"]
        self.assertIn("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT do not say where the API server is: run the agent in a pod, set "
                      "KUBECONFIG, or leave --name out", self.once(code=WRONG).stderr)

    def test_a_configuration_that_is_given(self):
        config = self.node.directory / "aa-shim-agent" / "kubeconfig"
        self.once(code=WRONG)
        given = config.rename(self.node.directory / "given")
        self.node.environment["KUBECONFIG"] = str(given)
        del self.node.environment["KUBERNETES_SERVICE_HOST"]
        for _ in self.each_kubectl():
            self.assertEqual(self.once(code=WRONG).stderr, "")
            self.assertEqual(len(self.server.patches()), 1)

    def test_a_place_that_others_can_write_is_not_used(self):
        """Whoever names the server there gets the token."""
        home = self.node.directory / "aa-shim-agent"
        home.mkdir()
        home.chmod(0o777)
        self.assertIn(f"'{home}' can be written by others", self.once(code=WRONG).stderr)
        home.rmdir()
        home.symlink_to("/")
        self.assertIn(f"'{home}'", self.once(code=WRONG).stderr)
        self.assertEqual(self.server.requests, [])

    def test_the_fake_is_like_the_real_ones(self):
        self.once(code=WRONG)
        config = {"KUBECONFIG": str(self.node.directory / "aa-shim-agent" / "kubeconfig")}
        call = ["patch", "node", "node-1", "--type=merge", "--request-timeout=20s", '--patch={"metadata":{}}']
        calls = {"as the agent": (call, config, True), "without a configuration": (call, {}, False), "an unknown option": ([*call, "--patches=x"], config, False)}
        for name, (words, more, good) in calls.items():
            for suite, kubectl in (self.kubectls | {"fake": self.fake}).items():
                environment = {key: value for key, value in self.node.environment.items() if key != "KUBECONFIG"} | {"HOME": str(harness.WORK)} | more
                result = subprocess.run([kubectl, *words], env=environment, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
                self.assertEqual(result.returncode == 0, good, f"{name}: {suite}: {result.stderr}")
                if more == {}:
                    self.assertEqual(result.stderr.splitlines()[-1], REFUSED, suite)


class ClusterByIPv6(ClusterTest):
    address = "::1"

    def start_server(self):
        try:
            super().start_server()
        except OSError as error:
            self.skipTest(f"no IPv6 here: {error}")

    def test_the_node_becomes_ready(self):
        self.become_ready()
