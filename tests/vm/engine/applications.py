# SPDX-License-Identifier: Apache-2.0
"""Applications that are learned from, from Debian packages: what each does in its life, and what it is to be allowed then. A container is one of
engines.py, of any engine."""
import io
import os
import signal
import tarfile

from engines import IMAGES, CriContainer, DockerContainer
from harness import must, run, until

# What of an intruder's deeds (intruder.py) every application does itself, and what none does.
MAY = {"a socket", "a library"}
MAY_NOT = {"passwords", "a shell", "a program", "a raw socket", "a mount", "tracing", "a switch of the kernel", "the host's name"}


def served(container, port, path="/"):
    """What the server answers on PORT to who asks for PATH, asked from the host in the container's network. With -T, wget of BusyBox 1.35 ends by SIGSEGV."""
    return run("nsenter", "--target", str(container.pid()), "--net", "busybox", "wget", "-qO-", f"http://127.0.0.1:{port}{path}", timeout=60)[1]


def hang_up(container):
    """Sends the application SIGHUP, by the engine where it has a command for that."""
    if isinstance(container, CriContainer):
        os.kill(container.pid(), signal.SIGHUP)
    else:
        must("docker" if isinstance(container, DockerContainer) else "podman", "kill", "--signal", "HUP", container.id)


def children(pid):
    return set(run("pgrep", "--parent", str(pid))[1].split())


class Child:
    """A program that runs under a child: what starts it, for a while, and what the child may and may not."""

    def __init__(self, name, start, may=frozenset(), may_not=frozenset()):
        self.name, self.start, self.may, self.may_not = name, start, may, may_not


class Application:
    """`work` yields what was done, and whether, between two starts."""

    may, may_not = MAY, MAY_NOT
    children = ()
    no_new_privileges = True
    exit_code = 0  # of a stop
    by_hand = "aa-shim-web"  # the shipped profile for its like
    perhaps = set()  # capabilities that it uses in some engines besides
    half = None  # of `work`, to be learned from first
    rest = ()  # one of them is in the names of all that the other half uses

    @classmethod
    def prepare(cls, engine):
        """Has ENGINE know an image of its name, which the confinement's rule looks at."""
        IMAGES[cls.name] = f"{cls.name}:1"
        must(engine.name, "tag", cls.image, IMAGES[cls.name])


class Nginx(Application):
    template, name, image = "web", "shop", "aa-example/nginx"
    ceiling = ["CHOWN", "SETGID", "SETUID"]
    # Docker lets everybody listen on any port; the other was seen on some hosts alone.
    perhaps = {"DAC_OVERRIDE", "NET_BIND_SERVICE"}

    @staticmethod
    def serves(container):
        return "served by nginx" in served(container, 80)

    @classmethod
    def work(cls, container):
        workers = children(container.pid())
        hang_up(container)
        yield "it is reloaded: other workers", until(lambda: children(container.pid()) - workers and not children(container.pid()) & workers, 30)
        yield "it serves then", until(lambda: cls.serves(container), 30)
        yield "exec of nginx -t", "test is successful" in container.exec("/usr/sbin/nginx", "-t")[1]


class Redis(Application):
    template, name, image, by_hand = "database", "store", "aa-example/redis", "aa-shim-database"
    ceiling = []
    rest = ("/var/lib/redis/", "/smaps")  # for a copy of the data it forks, and looks at itself

    @staticmethod
    def serves(container):
        return container.exec("redis-cli", "ping")[1] == "PONG"

    @staticmethod
    def half(container):
        yield "a key is written", container.exec("redis-cli", "set", "key", "value")[1] == "OK"
        yield "and read", container.exec("redis-cli", "get", "key")[1] == "value"

    @classmethod
    def work(cls, container):
        yield from cls.half(container)
        yield "it is saved", container.exec("redis-cli", "save")[1] == "OK"
        yield "backup by redis-cli", container.exec("redis-cli", "--rdb", "/var/lib/redis/backup.rdb")[0] == 0
        container.restart()
        yield "restarted, it has the key", until(lambda: container.exec("redis-cli", "get", "key")[1] == "value", 60)


class Postgresql(Application):
    """Its psql and pg_dump are scripts, which look for the programs of a version and become them."""

    template, name, image, by_hand = "database", "books", "aa-example/postgresql", "aa-shim-database"
    ceiling = []

    @staticmethod
    def serves(container):
        return container.exec("pg_isready")[0] == 0

    @staticmethod
    def work(container):
        def asks(question, *parameters):
            return container.exec("psql", "--no-psqlrc", "--tuples-only", *parameters, "--command", question)

        yield "a table is made", asks("CREATE TABLE IF NOT EXISTS book (title text); TRUNCATE book")[0] == 0
        yield "and filled", asks("INSERT INTO book SELECT 'no. ' || n FROM generate_series(1, 10000) n", "--set", "ON_ERROR_STOP=1")[0] == 0
        yield "an index is made", asks("CREATE INDEX IF NOT EXISTS by_title ON book (title)")[0] == 0
        yield "it is vacuumed", asks("VACUUM ANALYZE book")[0] == 0
        yield "backup by pg_dump", container.exec("pg_dump", "--file", "/var/lib/postgresql/backup.sql")[0] == 0
        container.restart()
        yield "restarted, it has the table", until(lambda: "10000" in asks("SELECT count(*) FROM book")[1], 60)


class Papers(Application):
    """A web application that has a script publish what it is sent: the script, and not the application, writes there and gives files away."""

    template, name, image = "web", "papers", "aa-example/flask"
    ceiling = ["CHOWN"]
    exit_code = 137  # Python has nothing for SIGTERM, and is the first process
    no_new_privileges = False
    may, may_not = MAY | {"a paper that was sent"}, MAY_NOT | {"a published paper", "a paper of another owner"}
    children = (Child("publish", lambda container: Papers.sends(container, "3"),
                      {"a published paper", "a published paper of another owner"}, {"a paper that was sent", "a socket"}),)
    server = b"""
import subprocess
from flask import Flask

app = Flask(__name__)


@app.route("/")
def page():
    return "a shelf of papers\\n"


@app.route("/send/<name>")
def send(name):
    with open("/var/lib/papers/" + name, "w") as file:
        file.write("paper\\n")
    with open("/var/log/papers.log", "a") as log:
        return str(subprocess.run(["/usr/local/bin/publish", name], stdout=log, stderr=log).returncode)


app.run(host="0.0.0.0", port=5000)
"""
    script = b"""#!/bin/sh
/usr/bin/cp "/var/lib/papers/$1" "/srv/public/$1" && /usr/bin/chown 33:33 "/srv/public/$1" && /usr/bin/sleep 3 && echo "published $1"
"""

    @classmethod
    def prepare(cls, engine):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tree:
            for folder in ("srv/public", "var/lib/papers", "var/log"):
                member = tarfile.TarInfo(folder)
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tree.addfile(member)
            for path, text in (("srv/app.py", cls.server), ("usr/local/bin/publish", cls.script)):
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(text), 0o755
                tree.addfile(member, io.BytesIO(text))
        with open("/srv/new/papers.tar", "wb") as file:
            file.write(archive.getvalue())
        IMAGES[cls.name] = f"{cls.name}:1"
        container = must(engine.name, "create", cls.image)
        with open("/srv/new/papers.tar", "rb") as file:
            run(engine.name, "cp", "-", f"{container}:/", stdin=file)
        must(engine.name, "commit", "--change", "ENV PYTHONDONTWRITEBYTECODE=1", container, IMAGES[cls.name])
        must(engine.name, "rm", container)

    @staticmethod
    def serves(container):
        return "a shelf of papers" in served(container, 5000)

    @staticmethod
    def sends(container, name):
        return served(container, 5000, f"/send/{name}") == "0"

    @classmethod
    def work(cls, container):
        for name in ("1", "2"):
            yield f"paper {name} is published", cls.sends(container, name)
        with open(f"/proc/{container.pid()}/root/var/log/papers.log", encoding="utf-8") as log:
            yield "what the script says is in the log, which it inherits", log.read().endswith("published 2\n")


class Httpd(Application):
    """A static program, and nothing else in its image."""

    template, name = "web", "leaflet"
    ceiling = []
    exit_code = 137  # it has nothing for SIGTERM, and is the first process
    may, may_not = MAY - {"a library"}, MAY_NOT - {"a shell"}

    @classmethod
    def prepare(cls, engine):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tree:
            tree.add(os.path.realpath("/bin/busybox"), "usr/sbin/httpd")
            for folder in ("bin", "tmp", "etc"):
                member = tarfile.TarInfo(folder)
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tree.addfile(member)
            page = tarfile.TarInfo("srv/index.html")
            page.size = len(text := b"served by a static program\n")
            tree.addfile(page, io.BytesIO(text))
        with open("/srv/new/leaflet.tar", "wb") as file:
            file.write(archive.getvalue())
        IMAGES[cls.name] = f"{cls.name}:1"
        command = 'CMD ["/usr/sbin/httpd", "-f", "-p", "0.0.0.0:80", "-h", "/srv"]'
        must(engine.name, "import", "--change", command, "/srv/new/leaflet.tar", IMAGES[cls.name])

    @staticmethod
    def serves(container):
        return "a static program" in served(container, 80)

    @classmethod
    def work(cls, container):
        yield "it serves again", until(lambda: cls.serves(container), 30)


class NginxOfAll(Nginx):
    """Of the image that all engines have."""

    name = "nginx"

    @classmethod
    def prepare(cls, engine):
        """The rule's image is called so already."""
