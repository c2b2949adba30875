# SPDX-License-Identifier: Apache-2.0
"""A client of the Kubernetes container runtime interface: its calls over gRPC, without generated code, and the streams of an exec.

A message is a dict. A schema says which number and type each of its fields has: `str`, `bytes`, `int` (also bool and enum), `MAP`
(str → str), another schema, or a list of one of them for a repeated field. What a schema does not name is skipped.
"""
import base64
import json
import os
import socket
import struct
from urllib.parse import urlsplit

import grpc

SOCKET = "unix:///run/containerd/containerd.sock"
MAP = {"key": (1, str), "value": (2, str)}

METADATA = {"name": (1, str), "uid": (2, str), "namespace": (3, str), "attempt": (4, int)}
NAMESPACES = {"network": (1, int), "pid": (2, int), "ipc": (3, int), "target_id": (4, str)}
POD, CONTAINER, NODE = 0, 1, 2
PROFILE = {"profile_type": (1, int), "localhost_ref": (2, str)}
RUNTIME_DEFAULT, UNCONFINED, LOCALHOST = 0, 1, 2
SANDBOX_SECURITY = {"namespace_options": (1, NAMESPACES), "privileged": (6, int)}
SANDBOX = {
    "metadata": (1, METADATA), "hostname": (2, str), "log_directory": (3, str), "labels": (6, [MAP]), "annotations": (7, [MAP]),
    "linux": (8, {"cgroup_parent": (1, str), "security_context": (2, SANDBOX_SECURITY)}),
}
CAPABILITIES = {"add": (1, [str]), "drop": (2, [str])}
CONTAINER_SECURITY = {
    "capabilities": (1, CAPABILITIES), "privileged": (2, int), "namespace_options": (3, NAMESPACES), "run_as_user": (5, {"value": (1, int)}),
    "readonly_rootfs": (7, int), "apparmor_profile": (9, str), "no_new_privs": (11, int), "apparmor": (16, PROFILE),
}
CONTAINER_CONFIG = {
    "metadata": (1, {"name": (1, str), "attempt": (2, int)}), "image": (2, {"image": (1, str)}), "command": (3, [str]), "args": (4, [str]),
    "working_dir": (5, str), "labels": (9, [MAP]), "annotations": (10, [MAP]), "log_path": (11, str), "stdin": (12, int), "tty": (14, int),
    "linux": (15, {"security_context": (2, CONTAINER_SECURITY)}),
}
STATUS = {"id": (1, str), "state": (3, int), "exit_code": (7, int), "reason": (10, str), "message": (11, str)}
RUNNING, EXITED = 1, 2
HANDLER = {"name": (1, str), "features": (2, {"recursive_read_only_mounts": (1, int), "user_namespaces": (2, int)})}

# Method → schema of the request, schema of the answer.
METHODS = {
    "Version": ({"version": (1, str)}, {"runtime_name": (2, str), "runtime_version": (3, str)}),
    "Status": ({"verbose": (1, int)}, {"runtime_handlers": (3, [HANDLER])}),
    "RunPodSandbox": ({"config": (1, SANDBOX), "runtime_handler": (2, str)}, {"pod_sandbox_id": (1, str)}),
    "PodSandboxStatus": ({"pod_sandbox_id": (1, str), "verbose": (2, int)}, {"info": (2, [MAP])}),
    "ListPodSandbox": ({}, {"items": (1, [{"id": (1, str), "metadata": (2, METADATA)}])}),
    "StopPodSandbox": ({"pod_sandbox_id": (1, str)}, {}),
    "RemovePodSandbox": ({"pod_sandbox_id": (1, str)}, {}),
    "CreateContainer": ({"pod_sandbox_id": (1, str), "config": (2, CONTAINER_CONFIG), "sandbox_config": (3, SANDBOX)}, {"container_id": (1, str)}),
    "StartContainer": ({"container_id": (1, str)}, {}),
    "StopContainer": ({"container_id": (1, str), "timeout": (2, int)}, {}),
    "RemoveContainer": ({"container_id": (1, str)}, {}),
    "ContainerStatus": ({"container_id": (1, str), "verbose": (2, int)}, {"status": (1, STATUS), "info": (2, [MAP])}),
    "UpdateContainerResources": ({"container_id": (1, str), "linux": (2, {"cpu_shares": (3, int), "memory": (4, int)})}, {}),
    "ExecSync": ({"container_id": (1, str), "cmd": (2, [str]), "timeout": (3, int)}, {"stdout": (1, bytes), "stderr": (2, bytes), "exit_code": (3, int)}),
    "Exec": ({"container_id": (1, str), "cmd": (2, [str]), "tty": (3, int), "stdin": (4, int), "stdout": (5, int), "stderr": (6, int)}, {"url": (1, str)}),
}


# ---- the wire format of protocol buffers

def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(schema, message):
    out = b""
    for name, value in message.items():
        number, kind = schema[name]
        repeated = isinstance(kind, list)
        if repeated and kind[0] is MAP and isinstance(value, dict):
            value = [{"key": key, "value": text} for key, text in value.items()]
        for item in value if repeated else [value]:
            out += encode_field(number, kind[0] if repeated else kind, item)
    return out


def encode_field(number, kind, item):
    if kind is int:
        return varint(number << 3) + varint(int(item))
    content = encode(kind, item) if isinstance(kind, dict) else item.encode() if kind is str else item
    return varint(number << 3 | 2) + varint(len(content)) + content


def read_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return number, at


def decode(schema, data):
    """The fields of DATA that the schema names; those that are not there have their type's empty value."""
    fields = {number: (name, kind) for name, (number, kind) in schema.items()}
    message = {name: {} if kind == [MAP] else [] if isinstance(kind, list) else decode(kind, b"") if isinstance(kind, dict) else kind()
               for name, (_, kind) in schema.items()}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = read_varint(data, at)
        elif wire == 2:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:  # fixed 64 or 32 bits
            size = 8 if wire == 1 else 4
            value, at = data[at:at + size], at + size
        if number in fields:
            store(message, *fields[number], value)
    return message


def store(message, name, kind, value):
    if kind == [MAP]:
        pair = decode(MAP, value)
        message[name][pair["key"]] = pair["value"]
        return
    of = kind[0] if isinstance(kind, list) else kind
    value = decode(of, value) if isinstance(of, dict) else value.decode(errors="replace") if of is str else value
    if isinstance(kind, list):
        message[name].append(value)
    else:
        message[name] = value


# ---- calls

class Refused(Exception):
    """What the engine answered in place of a result."""


_channel = None


def call(method, deadline=180, **request):
    """Calls METHOD of containerd's CRI; its answer, or Refused with containerd's text."""
    global _channel
    if _channel is None:
        _channel = grpc.insecure_channel(SOCKET, options=[("grpc.default_authority", "localhost")])
    asked, answered = METHODS[method]
    stub = _channel.unary_unary(f"/runtime.v1.RuntimeService/{method}", request_serializer=lambda message: encode(asked, message),
                                response_deserializer=lambda data: decode(answered, data))
    try:
        return stub(request, timeout=deadline)
    except grpc.RpcError as error:
        raise Refused(error.details()) from None


# ---- the streams of an exec: a WebSocket (RFC 6455), each message a channel's number and its data

STDIN, STDOUT, STDERR, ERROR = 0, 1, 2, 3
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket:
    def __init__(self, url, protocol="v4.channel.k8s.io", timeout=120):
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout)
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Origin: http://{parts.netloc}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                             f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n").encode())
        head = []
        while line := self.file.readline().decode().strip():
            head.append(line)
        if not head or " 101 " not in head[0]:
            raise Refused(f"no WebSocket: {head} {self.file.read(500)}")

    def send(self, opcode, data):
        """One frame; a client masks what it sends."""
        mask = os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
        self.socket.sendall(bytes([0x80 | opcode]) + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))

    def receive(self):
        """The next message; None at the end."""
        data = b""
        while True:
            head = self.file.read(2)
            if len(head) < 2 or head[0] & 0x0f == CLOSE:
                return None
            size = head[1] & 0x7f
            if size >= 126:
                size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
            content = self.file.read(size)
            if head[0] & 0x0f == PING:
                self.send(PONG, content)
                continue
            data += content
            if head[0] & 0x80:
                return data

    def close(self):
        self.file.close()
        self.socket.close()


def streaming_exec(container, command, tty=False, stdin=b"", await_output=b""):
    """What `kubectl exec` does: its exit status and its output. STDIN is typed once AWAIT_OUTPUT was seen."""
    url = call("Exec", container_id=container, cmd=command, tty=tty, stdin=bool(stdin), stdout=True, stderr=not tty)["url"]
    stream = WebSocket(url)
    output, verdict, typed = b"", b"", not stdin
    try:
        while True:
            if not typed and await_output in output:
                stream.send(BINARY, bytes([STDIN]) + stdin)
                typed = True
            message = stream.receive()
            if message is None:
                break
            if message[:1] in (bytes([STDOUT]), bytes([STDERR])):
                output += message[1:]
            elif message[:1] == bytes([ERROR]):
                verdict += message[1:]
    finally:
        stream.close()
    return exit_status(verdict), output.decode(errors="replace").strip(), verdict.decode(errors="replace")


def exit_status(verdict):
    """The exit status in the Status object that ends an exec; -1 where the engine could not start it."""
    status = json.loads(verdict) if verdict else {}
    if status.get("status") == "Success":
        return 0
    causes = status.get("details", {}).get("causes", [])
    return next((int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"), -1)
