# SPDX-License-Identifier: Apache-2.0
"""Two profiles as they were published, from what the parser refuses to what confines: `check --fix` and the edits that `check` advises besides
(published_edits.py). Under what comes out each application serves its page and does what it is to, and what its profile was published to
keep from happening is denied. Labels and denials are the kernel's."""
import contextlib
import json
import os
import pathlib
import shutil

import learned
from applications import Application, served
from engines import IMAGES, Ask, Docker
from harness import label, must, run, tap, until
from published_edits import mend

PLACE = "/srv/published"
CATALOG = "/etc/aa-shim/catalog.d/01-published.json"
BOUNDS = {"hostPaths": [], "devices": [], "hostNamespaces": ["cgroup", "network", "user", "uts"], "keepMasked": True}
# What both profiles are to keep from happening, by the words of those who published them or as no rule allows it.
MAY_NOT = {"passwords", "a shell", "bash", "a program", "a file in /etc", "a raw socket", "a mount", "a module", "the kernel's log", "tracing",
           "a switch of the kernel", "the host's name"}


class Published(Application):
    """Of the file `name` of tests/golden/published, which is the name of the profile and of the confinement as well."""

    ceiling = ["NET_BIND_SERVICE"]
    no_new_privileges = False
    files = {}  # of the image's folder
    allowed = ()  # a command, and what it says

    @classmethod
    def build(cls):
        folder = f"{PLACE}/{cls.image}"
        os.makedirs(folder)
        shutil.copy("/bin/dash", f"{folder}/bash")  # needs no library that the image may not have
        for name, text in cls.files.items():
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        IMAGES[cls.name] = f"{cls.image}:latest"
        must("docker", "build", "--quiet", "--tag", cls.image, folder)

    @classmethod
    def serves(cls, container):
        return cls.page in served(container, cls.port)


class Flask(Published):
    name, image = "my-apparmor-profile", "flask-apparmor"
    port, page = 5000, "Hello, this is a secure Flask application running inside a Docker container!"
    may = {"a socket", "a library", "names of hosts", "Python", "a file in /app"}
    may_not = MAY_NOT | {"accounts", "a file in /var/log"}
    allowed = (["/usr/bin/python3", "--version"], "Python 3")
    files = {
        "Dockerfile": 'FROM aa-example/flask\nWORKDIR /app\nCOPY bash /usr/bin/\nCOPY app.py /app/\nCOPY app.py /var/log/\nEXPOSE 5000\nCMD ["python3", "app.py"]\n',
        "app.py": f"""from flask import Flask

app = Flask(__name__)

@app.route('/')
def home():
    return "{page}"

if __name__ == '__main__':
    app.run(host='0.0.0.0', port=5000)
""",
    }


class WebApplication(Published):
    """Its program is nginx, under the name that the profile has for it."""

    name, image = "docker.local.my-webapp", "my-webapp-image"
    port, page = 80, "served by my-webapp"
    may = {"a socket", "a library", "names of hosts", "accounts", "port 443", "a file in /etc/my-webapp", "a file in /var/log/my-webapp",
           "a file in /var/lib/my-webapp"}
    may_not = MAY_NOT | {"a file in /var/log"}
    allowed = (["/usr/local/bin/my-webapp", "-v"], "nginx version")
    files = {
        "Dockerfile": """FROM aa-example/nginx
COPY bash /usr/bin/
COPY --from=aa-example/nginx /usr/sbin/nginx /usr/local/bin/my-webapp
COPY nginx.conf /etc/my-webapp/
COPY index.html /var/lib/my-webapp/www/
COPY index.html /var/log/my-webapp/
CMD ["/usr/local/bin/my-webapp", "-c", "/etc/my-webapp/nginx.conf", "-e", "/var/log/my-webapp/error.log"]
""",
        "nginx.conf": f"""user root;
daemon off;
master_process off;
pid /var/lib/my-webapp/pid;
events {{ worker_connections 64; }}
http {{
    access_log /var/log/my-webapp/access.log;
    {' '.join(f'{kind}_temp_path /var/lib/my-webapp/{kind};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))}
    server {{ listen {port}; root /var/lib/my-webapp/www; }}
}}
""",
        "index.html": page,
    }


def check(path):
    return run("aa-shimctl", "check", str(path))[1]


def mend_profile(name):
    """As the documents have it, in /etc/apparmor.d."""
    path = pathlib.Path("/etc/apparmor.d", name)
    shutil.copy(f"engine/published/{name}", path)
    tap.ok(f"{name}: as it was published the parser refuses it", run("apparmor_parser", "--replace", "--skip-cache", str(path))[0] != 0)
    run("aa-shimctl", "check", "--fix", "--yes", str(path))  # 1 where faults are left
    for edit, done, said in mend(path, lambda: check(path)):
        tap.ok(f"{name}: the edit for {edit.finding.strip(' :')} is advised, and answers it", done, said)
    tap.equal(f"{name}: nothing is left to say", check(path), "The profiles are good: 1 file.")


@contextlib.contextmanager
def in_force(*applications):
    """The profiles, and a catalog in which the image chooses."""
    catalog = {"confinements": {one.name: {"apparmor": one.name, "capabilities": one.ceiling, **BOUNDS} for one in applications},
               "rules": [{"match": {"engine": "docker", "image": f"{one.image}*"}, "use": one.name} for one in applications]}
    with open(CATALOG, "w", encoding="utf-8") as file:
        json.dump(catalog, file, indent=2)
    try:
        must("aa-shimctl", "load")
        yield
    finally:
        os.remove(CATALOG)
        for one in applications:
            os.remove(f"/etc/apparmor.d/{one.name}")
        must("aa-shimctl", "load")


def check_execs(application, container):
    """The attacks of the document, as it makes them: by `docker exec`."""
    for command in (["cat", "/etc/passwd"], ["/bin/bash"]):
        status, output = container.exec(*command)
        tap.ok(f"{application.name}: no {' '.join(command)} by exec", status == 126 and "lets it execute" in output, f"status {status}: {output}")
    command, answer = application.allowed
    status, output = container.exec(*command)
    tap.ok(f"{application.name}: {' '.join(command)} by exec", status == 0 and answer in output, f"status {status}: {output}")


def check_application(application):
    stage = learned.Stage(Docker(), application)
    stage.profile = application.name
    container = Docker().start(Ask(image=application.name, profile=application.name, network=True))
    try:
        tap.ok(f"{application.name}: it serves its page", until(lambda: application.serves(container), 60), run("docker", "logs", container.id)[1])
        tap.equal(f"{application.name}: the kernel's label", label(container.pid()), (frozenset([application.name]), "enforce"))
        check_execs(application, container)
        # A file of the kernel's log, which the container's /dev has not.
        must("mknod", "-m", "666", f"/proc/{container.pid()}/root/dev/kmsg", "c", "1", "11")
        learned.check_attacks(stage, container)
        tap.ok(f"{application.name}: it serves its page then", application.serves(container))
        status, output = container.stop(3)
        tap.ok(f"{application.name}: it can be stopped", status == 0 and container.exit_code() is not None, output)
    finally:
        container.remove()


def main():
    learned.print_all_denials()
    applications = (Flask, WebApplication)
    for one in applications:
        one.build()
        mend_profile(one.name)
    with in_force(*applications):
        for one in applications:
            check_application(one)
