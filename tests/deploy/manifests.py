# SPDX-License-Identifier: Apache-2.0
"""manifests.py BUILD: what deploy/ gives to a cluster: that it renders, is what Kubernetes' API takes, and is the same by kustomize
and by helm. Exit code 77 (skipped) where the tools cannot be had; the reason is a line that begins with "skip:".
"""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skip: {missing}: install python3-yaml and python3-jsonschema")
    sys.exit(77)

from fields import Fields  # what it needs was found

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "aa-shim"
BASE = DEPLOY / "kubernetes" / "base"
SKIPPED = 77
MARKS = '{ "learning": [{ "confinement": "web", "until": "2026-11-30T14:00:00Z" }] }'


def skip(reason):
    print(f"skip: {reason}")
    sys.exit(SKIPPED)


def output_of(*command, **options):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=True, **options).stdout


def documents(text):
    """The objects in TEXT by kind, namespace and name."""
    found = {}
    for document in yaml.safe_load_all(text):
        if document is None:
            continue
        key = document["kind"], document["metadata"].get("namespace"), document["metadata"]["name"]
        if key in found:
            raise AssertionError(f"{key} is there twice")
        found[key] = document
    return found


def lost(before, after, where):
    """What of BEFORE is not in AFTER."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from lost(value, after[key], f"{where}.{key}") if key in after else [f"{where}: kubectl knows no field {key!r}"]
    elif isinstance(before, list) and isinstance(after, list) and len(before) <= len(after):
        for number, value in enumerate(before):
            yield from lost(value, after[number], f"{where}[{number}]")
    elif before != after:
        yield f"{where}: {before!r} became {after!r}"


def kubectl_complaints(document):
    """What kubectl says when it reads DOCUMENT as an object of its kind: without a server, `set --local` is what does so. It writes
    out what it has read, of the kinds that have containers; a field that it does not know is not there any more."""
    file = WORK / "object.json"
    file.write_text(json.dumps(document))
    words = [TOOLS / "kubectl", "set", "env", "--local", "--filename", file, "--output", "json", "AA_TEST=1"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"KUBECONFIG": "/dev/null"})
    if result.returncode == 0:
        return list(lost(document, json.loads(result.stdout), document["kind"]))
    name = f"/{document['metadata']['name']}"  # the error of an object that was read, and has no containers
    return [] if re.search(rf"^error: \w+(\.[\w.]+)?{re.escape(name)}\b", result.stderr) else [result.stderr.strip()]


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fields = Fields(TOOLS / "fields.go")
        cls.base = documents(output_of(TOOLS / "kubectl", "kustomize", BASE))

    def chart(self, **values):
        command = [HELM, CHART]
        if values:
            file = WORK / "values.json"
            file.write_text(json.dumps(values))
            jsonschema.validate(values, SCHEMA)
            command.append(file)
        rendered = json.loads(output_of(*command))
        notes = rendered.pop("NOTES.txt")
        return documents("\n---\n".join(rendered.values())), notes

    def assert_valid(self, objects):
        self.assertEqual([complaint for document in objects.values() for complaint in self.fields.complaints(document)], [])

    @staticmethod
    def arguments(objects):
        return objects["DaemonSet", "aa-shim", "aa-shim"]["spec"]["template"]["spec"]["containers"][0]["args"]

    def test_kubernetes_knows_every_field(self):
        self.assert_valid(self.base)
        self.assert_valid(self.overlay(remove=True))
        self.assert_valid(self.overlay("learn"))
        for file in sorted((DEPLOY / "kubernetes" / "examples").glob("*.yaml")):
            self.assert_valid(documents(file.read_text()))

    def test_kubectl_reads_every_object(self):
        examples = [documents(file.read_text()) for file in sorted((DEPLOY / "kubernetes" / "examples").glob("*.yaml"))]
        for objects in (self.base, *examples):
            self.assertEqual([complaint for document in objects.values() for complaint in kubectl_complaints(document)], [])

    def test_what_kubectl_does_not_take(self):
        daemonset = self.base["DaemonSet", "aa-shim", "aa-shim"]
        for change, expected in (
            (lambda container: container.update(cmd=["x"]), "DaemonSet.spec.template.spec.containers[0]: kubectl knows no field 'cmd'"),
            (lambda container: container["securityContext"].update(privileged="false"), "unable to decode"),
            (lambda container: container.update(volumeMounts={}), "unable to decode"),
        ):
            wrong = copy.deepcopy(daemonset)
            change(wrong["spec"]["template"]["spec"]["containers"][0])
            self.assertIn(expected, "".join(kubectl_complaints(wrong)))
        runtime_class = copy.deepcopy(self.base["RuntimeClass", None, "aa-shim"])
        self.assertIn("unable to decode", "".join(kubectl_complaints(runtime_class | {"handler": 1})))
        self.assertIn("no kind", "".join(kubectl_complaints(runtime_class | {"kind": "RuntimeClas"})))

    def test_the_check_of_fields_can_fail(self):
        pod = yaml.safe_load((DEPLOY / "kubernetes" / "examples" / "pod.yaml").read_text())
        pod["spec"]["runtimeClass"] = "aa-shim"
        pod["spec"]["containers"][0]["ports"][0]["containerPort"] = "80"
        pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = "false"
        self.assertEqual(self.fields.complaints(pod), [
            "Pod.spec.containers[0].ports[0].containerPort: '80' is no numeric",
            "Pod.spec.containers[0].securityContext.allowPrivilegeEscalation: 'false' is no boolean",
            "Pod.spec: no field is called 'runtimeClass'",
        ])
        self.assertEqual(self.fields.complaints({"apiVersion": "node.k8s.io/v2", "kind": "RuntimeClass"}), ["node.k8s.io/v2 RuntimeClass: no such kind"])

    def test_this_systems_kubectl_renders_the_same(self):
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            self.skipTest("kubernetes-client is not installed here, so only Debian stable's kubectl was asked")
        self.assertEqual(documents(output_of(kubectl, "kustomize", BASE)), self.base)

    def test_the_chart_is_the_base(self):
        objects, notes = self.chart()
        expected = dict(self.base)
        del expected["Namespace", None, "aa-shim"]  # helm makes it, --create-namespace
        self.assertEqual(sorted(objects), sorted(expected))
        for key, document in expected.items():
            self.assertEqual(objects[key], document, key)
        self.assertIn("runtimeClassName: aa-shim   # or aa-shim-web", notes)
        self.assertIn("restart containerd", notes)

    def test_the_default_catalog_is_that_of_share(self):
        share = {file.name: file.read_text() for folder in ("catalog.d", "apparmor.d") for file in (ROOT / "share" / folder).iterdir()}
        self.assertEqual(self.base["ConfigMap", "aa-shim", "aa-shim-catalog"]["data"], share)
        copies = {file.name: file.read_text() for folder in ("catalog.d", "apparmor.d") for file in (BASE / folder).iterdir()}
        self.assertEqual(copies, share)

    def test_values(self):
        catalog = {"10-mine.json": "{}", "mine": "profile mine {}\n"}
        objects, notes = self.chart(
            image={"repository": "registry.example/aa-shim", "tag": "9"}, handlers=["db", "job"], catalog=catalog,
            engine={"restart": True, "default": True, "mandatory": True, "replaceRuntime": True}, metrics={"file": "/var/lib/metrics/aa-shim.prom"}, interval=30,
            nodeSelector={"pool": "apps"}, tolerations=[], imagePullSecrets=[{"name": "registry"}])
        self.assert_valid(objects)
        pod = objects["DaemonSet", "aa-shim", "aa-shim"]["spec"]["template"]["spec"]
        self.assertEqual(self.arguments(objects), [
            "node", "--root=/host", "--name=$(NODE_NAME)", "--catalog=/catalog", "--handlers=db,job", "--interval=30", "--restart-engine",
            "--default", "--mandatory", "--replace-runtime", "--metrics=/var/lib/metrics/aa-shim.prom"])
        self.assertEqual(pod["containers"][0]["image"], "registry.example/aa-shim:9")
        self.assertEqual(pod["nodeSelector"], {"kubernetes.io/os": "linux", "pool": "apps"})
        self.assertNotIn("tolerations", pod)
        self.assertEqual(objects["ConfigMap", "aa-shim", "aa-shim-catalog"]["data"], catalog)
        self.assertEqual([name for kind, _, name in sorted(objects, key=str) if kind == "RuntimeClass"], ["aa-shim", "aa-shim-db", "aa-shim-job"])
        self.assertNotIn("restart containerd", notes)
        self.assertIn("aa-shim is the default runtime", notes)

    def test_without_handlers(self):
        objects, notes = self.chart(handlers=[])
        self.assertEqual(self.arguments(objects), ["node", "--root=/host", "--name=$(NODE_NAME)", "--catalog=/catalog"])
        self.assertEqual([name for kind, _, name in objects if kind == "RuntimeClass"], ["aa-shim"])
        self.assertIn("runtimeClassName: aa-shim\n", notes)

    def overlay(self, *components, remove=False, **more):
        """What kustomize makes of an operator's overlay of the base, with MORE in it, and COMPONENTS; `remove` is the one that removes aa-shim."""
        folder = WORK / "overlay"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "80-mine.json").write_text("{}")
        (folder / "learning.json").write_text(MARKS)
        document = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [os.path.relpath(BASE, folder)], **more}
        components += ("remove",) if remove else ()
        if components:
            document["components"] = [os.path.relpath(DEPLOY / "kubernetes" / name, folder) for name in components]
        (folder / "kustomization.yaml").write_text(json.dumps(document))
        return documents(output_of(TOOLS / "kubectl", "kustomize", folder))

    def test_options_are_the_same_by_both(self):
        """The patch that the base's comment shows makes of it what the chart's values make."""
        comment = [line[4:] for line in (BASE / "kustomization.yaml").read_text().splitlines() if line.startswith("#   ")]
        shown = yaml.safe_load("\n".join(comment))
        key = ("DaemonSet", "aa-shim", "aa-shim")
        by_chart = self.chart(engine={"restart": True, "default": True, "replaceRuntime": True})[0]
        self.assertIn("--replace-runtime", self.arguments(by_chart))
        self.assertEqual(self.overlay(remove=False, **shown)[key], by_chart[key])
        self.assertNotIn("--replace-runtime", self.arguments(self.base))

    def test_removal_is_the_same_by_both(self):
        objects, notes = self.chart(remove=True)
        removal = self.overlay(remove=True)
        self.assertEqual(objects["DaemonSet", "aa-shim", "aa-shim"], removal["DaemonSet", "aa-shim", "aa-shim"])
        self.assertEqual(self.arguments(objects)[-1], "--remove")
        self.assertIn("being taken away", notes)

    def test_removal_keeps_what_an_overlay_says(self):
        """The agent that takes aa-shim away is the one that brought it: its image, its options, its catalog."""
        patch = [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": word} for word in ("--restart-engine", "--default")]
        more = {
            "images": [{"name": "aa-shim-installer", "newName": "registry.example/aa-shim", "newTag": "9"}],
            "patches": [{"target": {"kind": "DaemonSet"}, "patch": json.dumps(patch)}],
            "configMapGenerator": [{"name": "aa-shim-catalog", "namespace": "aa-shim", "behavior": "merge", "files": ["80-mine.json"]}],
        }
        with_it, without = self.overlay(remove=True, **more), self.overlay(remove=False, **more)
        key = ("DaemonSet", "aa-shim", "aa-shim")
        removing, running = with_it.pop(key), without.pop(key)
        self.assertEqual(with_it, without)
        container = removing["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(container["image"], "registry.example/aa-shim:9")
        # A component comes before its overlay's own patches.
        self.assertEqual(sorted(container["args"]), sorted([*running["spec"]["template"]["spec"]["containers"][0]["args"], "--remove"]))
        self.assertIn("80-mine.json", with_it["ConfigMap", "aa-shim", "aa-shim-catalog"]["data"])
        values = {"image": {"repository": "registry.example/aa-shim", "tag": "9"}, "engine": {"restart": True, "default": True}}
        by_chart = self.chart(remove=True, **values)[0]["DaemonSet", "aa-shim", "aa-shim"]
        by_chart["spec"]["template"]["spec"]["containers"][0]["args"].sort()
        container["args"].sort()
        self.assertEqual(by_chart, removing)

    def test_learning_is_the_same_by_both(self):
        """By the component as its comment shows it, and by the chart's value; with it comes what it takes, and without it nothing."""
        comment = [line[4:] for line in (DEPLOY / "kubernetes" / "learn" / "kustomization.yaml").read_text().splitlines() if line.startswith("#   ")]
        shown = yaml.safe_load("\n".join(comment))
        self.assertEqual(shown.pop("components"), ["../learn"])
        by_overlay, by_chart = self.overlay("learn", **shown), self.chart(learn={"enabled": True, "marks": MARKS})[0]
        daemon_set = ("DaemonSet", "aa-shim", "aa-shim")
        self.assertEqual(by_overlay[daemon_set], by_chart[daemon_set])
        for objects in (by_overlay, by_chart):
            self.assertEqual(objects["ConfigMap", "aa-shim", "aa-shim-catalog"]["data"]["learning.json"], MARKS)
        plain, learning = (objects[daemon_set]["spec"]["template"]["spec"] for objects in copy.deepcopy((self.base, by_overlay)))
        self.assertEqual({key: value for key, value in learning.items() if plain.get(key) != value and key != "containers"}, {"hostNetwork": True, "hostPID": True})
        self.assertEqual([word for word in learning["containers"][0]["args"] if word not in plain["containers"][0]["args"]], ["--learn"])
        more = [set(pod["containers"][0]["securityContext"].pop("capabilities")["add"]) for pod in (plain, learning)]
        self.assertEqual(more[1] - more[0], {"AUDIT_CONTROL", "AUDIT_READ", "NET_ADMIN", "SYS_PTRACE"})
        self.assertEqual(learning["containers"][0]["securityContext"], plain["containers"][0]["securityContext"])
        removing = self.overlay("learn", remove=True)
        self.assertEqual(self.arguments(removing)[-2:], ["--learn", "--remove"])
        self.assertEqual(removing[daemon_set], self.chart(learn={"enabled": True}, remove=True)[0][daemon_set])

    def test_the_schema_takes_the_defaults_and_refuses_mistakes(self):
        jsonschema.validate(yaml.safe_load((CHART / "values.yaml").read_text()), SCHEMA)
        for wrong in (
            {"handler": ["web"]}, {"handlers": "web"}, {"handlers": ["Web"]}, {"handlers": ["web,db"]}, {"handlers": ["web", "web"]}, {"interval": 0},
            {"interval": "10"}, {"engine": {"restartEngine": True}}, {"engine": {"default": "yes"}}, {"engine": {"replaceRuntime": 1}}, {"image": {"tag": "1"}},
            {"image": {"repository": "x", "tag": "a b"}}, {"catalog": {"../x": ""}}, {"catalog": {".x": ""}}, {"catalog": {"x.json": {}}},
            {"metrics": {"file": "metrics.prom"}}, {"learn": True}, {"learn": {"marks": {}}}, {"nodeSelector": {"a": True}},
        ):
            with self.assertRaises(jsonschema.ValidationError, msg=str(wrong)):
                jsonschema.validate(wrong, SCHEMA)

    def test_every_value_is_explained_and_every_handler_has_a_class(self):
        values = (CHART / "values.yaml").read_text()
        self.assertEqual(set(yaml.safe_load(values)), set(SCHEMA["properties"]) - {"global"})
        handlers = {document["handler"] for (kind, _, _), document in self.base.items() if kind == "RuntimeClass"}
        asked = next(word for word in self.arguments(self.base) if word.startswith("--handlers=")).partition("=")[2].split(",")
        self.assertEqual(handlers, {"aa-shim", *(f"aa-shim-{name}" for name in asked)})

    def test_runtime_classes_lead_to_ready_nodes_without_overhead(self):
        classes = [document for (kind, _, _), document in self.base.items() if kind == "RuntimeClass"]
        for document in classes:
            self.assertEqual(document["metadata"]["name"], document["handler"])
            self.assertEqual(document["scheduling"], {"nodeSelector": {"aa-shim/ready": "true"}})
            self.assertNotIn("overhead", document)

    def test_install_prints_the_same_classes(self):
        node = WORK / "node"
        shutil.rmtree(node, ignore_errors=True)
        for file, text in (("etc/containerd/config.toml", "version = 2\n"), ("usr/bin/aa-shim", ""), ("usr/bin/containerd", ""), ("usr/bin/runc", "")):
            (node / file).parent.mkdir(parents=True, exist_ok=True)
            (node / file).write_text(text)
            (node / file).chmod(0o755)
        printed = json.loads(output_of(CTL, "--json", "install", "kubernetes", "--root", node, "--handlers", "web", "--dry-run"))["manifests"]
        expected = {key: copy.deepcopy(document) for key, document in self.base.items() if key[0] == "RuntimeClass"}
        for document in expected.values():
            document["metadata"] = {"name": document["metadata"]["name"]}
        self.assertEqual(documents(printed), expected)

    def test_the_agent_may_touch_nodes_and_nothing_else(self):
        roles = [document for (kind, _, _), document in self.base.items() if kind in ("Role", "ClusterRole")]
        self.assertEqual([role["rules"] for role in roles], [[{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "patch"]}]])
        spec = self.base["DaemonSet", "aa-shim", "aa-shim"]["spec"]["template"]["spec"]
        self.assertEqual([name for name in ("hostPID", "hostNetwork", "hostIPC") if spec.get(name)], [])
        self.assertEqual(spec["containers"][0]["securityContext"]["capabilities"]["drop"], ["ALL"])

    def test_the_agent_knows_every_option_that_it_is_given(self):
        known = output_of(CTL, "node", "--help")
        _, everything = {}, self.chart(interval=5, engine={"restart": True, "default": True, "mandatory": True, "replaceRuntime": True}, metrics={"file": "/x"}, learn={"enabled": True}, remove=True)
        words = self.arguments(everything[0])
        command = self.base["DaemonSet", "aa-shim", "aa-shim"]["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["exec"]["command"]
        for word in (*words[1:], *command[2:]):
            self.assertRegex(known, rf"(?m)^ +{re.escape(word.partition('=')[0])}\b")

    def build_image(self, kubectl, context):
        """deploy/image/build on a machine without binutils; its exit code."""
        tools = WORK / "tools"
        shutil.rmtree(tools, ignore_errors=True)
        tools.mkdir()
        for name in ("awk", "bash", "cat", "chmod", "cp", "dirname", "du", "find", "grep", "install", "ldd", "mkdir", "mktemp", "mv", "rm", "sed", "touch"):
            (tools / name).symlink_to(shutil.which(name))
        command = ["/bin/bash", DEPLOY / "image" / "build", BUILD, context, "--kubectl", kubectl]
        return subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True, timeout=120, check=False).returncode

    def test_the_image_needs_no_binutils_and_is_all_or_nothing(self):
        place = WORK / "image"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        self.assertNotEqual(self.build_image(place / "no-such-kubectl", place / "context"), 0)
        self.assertEqual(list(place.iterdir()), [])
        self.assertEqual(self.build_image(TOOLS / "bin" / "kubectl", place / "context"), 0)
        self.assertEqual([path.name for path in place.iterdir()], ["context"])
        self.assertEqual((place / "context").stat().st_mode & 0o777, 0o755)
        root = place / "context" / "root"
        for file in ("usr/bin/aa-shim", "usr/sbin/aa-shimctl", "usr/bin/kubectl"):
            self.assertTrue(os.access(root / file, os.X_OK), file)
        # Debian's kubectl is linked dynamically; what it needs is there.
        self.assertTrue(list(root.glob("lib*/**/libc.so.6")) or list(root.glob("usr/lib/**/libc.so.6")))

    def test_the_version_is_the_projects(self):
        version = re.search(r"project\(aa-shim VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual((str(chart["version"]), str(chart["appVersion"])), (version, version))
        image = self.base["DaemonSet", "aa-shim", "aa-shim"]["spec"]["template"]["spec"]["containers"][0]["image"]
        self.assertEqual(image, f"aa-shim-installer:{version}")


def build_helm():
    """The renderer of the chart, compiled from Debian's text/template and sprig."""
    if shutil.which("go") is None:
        skip("the chart is rendered by a small program in Go: install golang-go, golang-github-masterminds-sprig-dev, golang-k8s-sigs-yaml-dev")
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(WORK / "go"), "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    result = subprocess.run(["go", "build", "-o", HELM, ROOT / "tests" / "deploy" / "helm" / "main.go"], env=environment, text=True, stderr=subprocess.PIPE, check=False)
    if result.returncode != 0:
        reason = result.stderr.strip()
        skip(reason.splitlines()[0]) if "cannot find package" in reason else sys.exit(reason)


if __name__ == "__main__":
    BUILD = Path(sys.argv[1]).resolve()
    CTL = BUILD / "ctl" / "aa-shimctl"
    WORK = BUILD / "tests" / "deploy" / "work"
    WORK.mkdir(parents=True, exist_ok=True)
    HELM = WORK / "helm"
    SCHEMA = json.loads((CHART / "values.schema.json").read_text())
    tools = subprocess.run([ROOT / "tests" / "deploy" / "kubernetes-tools"], text=True, stdout=subprocess.PIPE, check=False)
    if tools.returncode == SKIPPED:
        skip(tools.stdout.strip().removeprefix("skip: "))
    TOOLS = Path(tools.stdout.strip())
    build_helm()
    result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Manifests))
    for _, reason in result.skipped:
        print(f"skip: {reason}")
    sys.exit(0 if result.wasSuccessful() else 1)
