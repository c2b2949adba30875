# SPDX-License-Identifier: Apache-2.0
"""The matrix: containerd as a kubelet drives it, and what only it has: sandboxes, profiles by type, annotations by allow-list."""
import glob
import json
import os
import tempfile

import cri
import matrix
from engines import Ask, Cri, CriContainer, Refused
from harness import DOCKER_DEFAULT, capabilities, expected_sets, label, no_new_privileges, parse_label, run, tap

BASELINE = matrix.enforced("aa-shim-baseline")
ROOT = "/run/containerd/runc/k8s.io"


def info(method, **request):
    return json.loads(cri.call(method, verbose=True, **request)["info"]["info"])


def annotations(identity):
    """Those of the bundle that the runtime was given."""
    with open(f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{identity}/config.json", encoding="utf-8") as file:
        return json.load(file)["annotations"]


def is_unconfined(pid):
    """Without a profile, or under the one that newer releases give to runc and crun, which confines nothing."""
    return label(pid) in [(frozenset(["unconfined"]), ""), *((frozenset([name]), "unconfined") for name in matrix.RUNTIMES)]


def check_sandbox(engine):
    """A sandbox is left as containerd made it, unless a rule says so; either way the decision is on record."""
    sandbox, _ = engine.sandbox(pod="pod-plain")
    pid = info("PodSandboxStatus", pod_sandbox_id=sandbox)["pid"]
    tap.ok("sandbox: left as the engine made it: unconfined", is_unconfined(pid), label(pid))
    tap.equal("sandbox: left as the engine made it: capabilities", capabilities(pid)["Bnd"], DOCKER_DEFAULT)
    tap.ok("sandbox: left as the engine made it: no new privileges", no_new_privileges(pid))
    record = annotations(sandbox)
    tap.ok("sandbox: on record", record.get("aa-shim/decision") and record.get("aa-shim/applied") == "", record)
    sandbox, _ = engine.sandbox(pod="pod-confined")
    pid = info("PodSandboxStatus", pod_sandbox_id=sandbox)["pid"]
    tap.equal("sandbox: confined by a rule: label", label(pid), BASELINE)
    tap.equal("sandbox: confined by a rule: on record", annotations(sandbox).get("aa-shim/applied"), "baseline")


def check_profiles(engine):
    """What a pod's appArmorProfile becomes; the older field means the same."""
    with engine.start(Ask(profile="aa-scenario-own", privileged=True)) as container:
        tap.equal("Localhost in a privileged container: label", label(container.pid()), (frozenset(["aa-shim-baseline", "aa-scenario-own"]), "enforce"))
        tap.equal("Localhost in a privileged container: capabilities", capabilities(container.pid()), expected_sets(DOCKER_DEFAULT - {"MKNOD"}))
    for text, profiles in [("localhost/aa-scenario-own", ["aa-shim-baseline", "aa-scenario-own"]), ("unconfined", ["aa-shim-baseline"]),
                           ("runtime/default", ["aa-shim-baseline"])]:
        config = {"metadata": {"name": f"old-{text}"}, "image": {"image": "docker.io/aa-example/busybox:latest"}, "log_path": "log",
                  "linux": {"security_context": {"apparmor_profile": text, "namespace_options": {"network": cri.NODE, "pid": cri.CONTAINER}}}}
        with CriContainer(engine.sandbox(), config) as container:
            tap.equal(f"apparmor_profile {text}: label", label(container.pid())[0], frozenset(profiles))
    try:
        engine.start(Ask(profile="aa-no-such-profile")).remove()
        tap.ok("Localhost, not loaded: refused", False, "it started")
    except Refused as error:
        tap.has("Localhost, not loaded: refused", error.text, "apparmor profile not found", "aa-no-such-profile")


def check_annotations(engine):
    """A pod's annotations reach a container through the handler's allow-list alone."""
    pod = engine.sandbox(pod="annotated", annotations=(("example.aa/mode", "build"), ("other.aa/mode", "build")))
    config = {"metadata": {"name": "annotated"}, "image": {"image": "docker.io/aa-example/busybox:latest"}, "log_path": "log",
              "linux": {"security_context": {"namespace_options": {"network": cri.NODE, "pid": cri.CONTAINER}}}}
    with CriContainer(pod, config) as container:
        found = annotations(container.id)
        tap.equal("pod annotation on the list arrives", found.get("example.aa/mode"), "build")
        tap.ok("pod annotation that is not on the list does not", "other.aa/mode" not in found, found)
        tap.equal("pod annotation decides: label", label(container.pid())[0], frozenset(["aa-shim-builder"]))


def check_no_capabilities(engine):
    """`"capabilities": {}` in both documents: nothing to cut, and nothing to gain by an exec."""
    with engine.start(Ask(drop=["ALL"])) as container:
        none = expected_sets(frozenset())
        tap.equal("drop ALL: main process", capabilities(container.pid()), none)
        tap.equal("drop ALL: exec", capabilities(container.exec_pid()), none)


def check_streaming(engine):
    """`kubectl exec`: the same decisions as an ExecSync, which is what probes are."""
    with engine.start(Ask(handler="web")) as container:
        status, output, _ = cri.streaming_exec(container.id, ["cat", "/proc/self/attr/apparmor/current"])
        tap.equal("streaming exec: label and status", (status, parse_label(output)), (0, matrix.enforced("aa-shim-web")))
        status, output, _ = cri.streaming_exec(container.id, ["sh", "-c", f"read line; echo \"<$line>\"; {matrix.LABEL}; exit 9"], stdin=b"typed\n")
        tap.ok("streaming exec of a shell, with input", status == 9 and "<typed>" in output and matrix.has_label(output, "aa-shim-web//shell"), f"status {status}: {output}")
        status, output, verdict = cri.streaming_exec(container.id, ["apt-get", "update"])
        tap.ok("streaming exec, missing program", status != 0, f"status {status}: {output} {verdict}")
    with engine.start(Ask(scenario="strict")) as container:
        status, output, verdict = cri.streaming_exec(container.id, ["id"])
        tap.ok("streaming exec, denied by a rule", status != 0 and "nobody needs to know" in verdict + output, f"status {status}: {output} {verdict}")


def check_probe(engine):
    """What a kubelet makes a probe's result of: an answer with a status, or else an error, upon which it keeps the result that it had."""
    with engine.start(Ask(scenario="status")) as container:
        answer = cri.call("ExecSync", container_id=container.id, cmd=["touch", "/tmp/mark"], timeout=100)
        tap.equal("refused as an exit status: a probe's answer", (answer["exit_code"], answer["stdout"]), (126, b""))
        tap.has("refused as an exit status: a probe's standard error", answer["stderr"].decode(), "aa-shim: ", "nothing is touched")
        status, output, verdict = cri.streaming_exec(container.id, ["touch", "/tmp/mark"])
        tap.ok("refused as an exit status: streaming", status == 126 and "nothing is touched" in output, f"status {status}: {output} {verdict}")
    with engine.start(Ask(scenario="strict")) as container:
        try:
            tap.ok("refused as an error: no answer", False, cri.call("ExecSync", container_id=container.id, cmd=["id"], timeout=100))
        except cri.Refused as error:
            tap.has("refused as an error: no answer", str(error), "nobody needs to know")


def check_update(engine):
    with engine.start(Ask()) as container:
        cri.call("UpdateContainerResources", container_id=container.id, linux={"memory": 67108864})
        with open(f"/proc/{container.pid()}/cgroup", encoding="utf-8") as file:
            group = file.read().strip().split("::")[1]
        with open(f"/sys/fs/cgroup{group}/memory.max", encoding="utf-8") as file:
            tap.equal("update reaches the kernel", file.read().strip(), "67108864")
        tap.equal("label after an update", label(container.pid()), BASELINE)


def check_cleaning(engine):
    """What the shim of containerd calls when a container is gone: again and again, from a directory that no longer exists."""
    container = engine.start(Ask())
    delete = ["--root", ROOT, "--log", "/tmp/delete.log", "--log-format", "json", "delete", "--force", container.id]
    container.kill()
    container.remove()
    gone = tempfile.mkdtemp()
    for number, directory in enumerate(["/", gone, gone], 1):
        if number == 2:
            script = f"cd {gone} && rmdir {gone} && exec \"$@\""
        else:
            script = f"cd {directory if os.path.exists(directory) else '/'} && exec \"$@\""
        status, output = run("sh", "-c", script, "sh", "/usr/bin/aa-shim", *delete)
        runtime = run("sh", "-c", "exec \"$@\"", "sh", os.path.realpath("/etc/aa-shim/runtime"), *delete)
        tap.equal(f"delete --force, time {number}: as the runtime answers", (status, output), runtime)
        tap.equal(f"delete --force, time {number}: status", status, 0)


def check_features(engine):
    """containerd 2 asks each handler for its features, without a flag, and tells the kubelet."""
    own, runtimes = (run(program, "features", cwd="/") for program in ("/usr/bin/aa-shim", os.path.realpath("/etc/aa-shim/runtime")))
    tap.equal("features: as the runtime's", own, runtimes)
    if runtimes[0] == 0:  # crun learned it with 1.9
        tap.has("features: a document", own[1], "ociVersionMin")
    handlers = {handler["name"]: handler["features"] for handler in cri.call("Status")["runtime_handlers"]}
    if int(engine.version.split(".")[0]) >= 2:
        tap.ok("the handlers' features", handlers["aa-shim"]["user_namespaces"] == 1 and handlers["aa-shim"] == handlers["aa-shim-web"], handlers)


def check_nothing_left(engine):
    engine.close()
    tap.equal("nothing is left behind: states", [name for name in os.listdir(ROOT) if not name.startswith(".")], [])
    tap.equal("nothing is left behind: bundles", glob.glob("/run/containerd/io.containerd.runtime.v2.task/k8s.io/*"), [])


def main():
    matrix.main(Cri, [check_sandbox, check_profiles, check_annotations, check_no_capabilities, check_streaming, check_probe, check_update, check_cleaning, check_features,
                      check_nothing_left])
