"""Scenarios for docker-py (Debian python3-docker) against the daemon named by DOCKER_HOST. Prints one `ok NAME` per scenario."""
import io
import sys
import tarfile
import threading
import time

import docker
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

client = docker.from_env(version=sys.argv[1] if len(sys.argv) > 1 else "auto", timeout=60)


def scenario(function):
    function()
    print("ok", function.__name__, flush=True)


@scenario
def ping_and_versions():
    assert client.ping() is True
    assert client.version()["Os"] == "linux"
    assert client.info()["OSType"] == "linux"


@scenario
def run_collects_output():
    assert client.containers.run("busybox", ["echo", "hello"], remove=True) == b"hello\n"
    assert client.containers.run("busybox", ["sh", "-c", "echo e >&2"], stderr=True, stdout=False, remove=True) == b"e\n"


@scenario
def run_reports_failure():
    try:
        client.containers.run("busybox", ["sh", "-c", "echo why >&2; exit 9"], remove=True)
    except ContainerError as error:
        assert error.exit_status == 9 and b"why" in error.stderr
    else:
        raise AssertionError("no ContainerError")


@scenario
def unknown_things_are_not_found():
    for lookup, kind in ((client.containers.get, NotFound), (client.images.get, ImageNotFound), (client.volumes.get, NotFound)):
        try:
            lookup("nosuchthing")
        except kind:
            continue
        raise AssertionError(lookup)


@scenario
def lifecycle():
    container = client.containers.run("busybox", ["sleep", "100"], detach=True, name="pyc", labels={"py": "1"}, environment={"A": "b"})
    assert container.status == "created"
    container.reload()
    assert container.status == "running"
    assert [c.name for c in client.containers.list(filters={"label": "py=1"})] == ["pyc"]
    container.pause()
    container.reload()
    assert container.status == "paused"
    container.unpause()
    container.rename("pyc2")
    container.restart(timeout=0)
    container.stop(timeout=0)
    assert container.wait()["StatusCode"] == 137
    container.start()
    container.kill("SIGKILL")
    assert container.wait()["StatusCode"] == 137
    container.remove()
    assert client.containers.list(all=True, filters={"label": "py=1"}) == []


@scenario
def exec_run():
    container = client.containers.run("busybox", ["sleep", "100"], detach=True)
    code, output = container.exec_run(["sh", "-c", "echo in; echo err >&2; exit 3"], demux=True)
    assert code == 3 and output == (b"in\n", b"err\n"), (code, output)
    extra = {} if client.api._version == "1.24" else {"workdir": "/tmp", "environment": ["X=1"]}
    code, output = container.exec_run("id -un", user="app", **extra)
    assert (code, output) == (0, b"app\n"), (code, output)
    code, chunks = container.exec_run(["sh", "-c", "for i in 1 2 3; do echo $i; done"], stream=True)
    assert b"".join(chunks) == b"1\n2\n3\n"
    container.remove(force=True)


@scenario
def logs_follow():
    container = client.containers.run("busybox", ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"], detach=True)
    assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n"
    assert container.logs(tail=1) == b"3\n"
    container.remove()


@scenario
def attach_socket():
    container = client.containers.create("busybox", ["cat"], stdin_open=True, tty=True)
    sock = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    sock._sock.sendall(b"typed\n")
    data = b""
    while b"typed" not in data:
        data += sock._sock.recv(4096)
    sock.close()
    container.remove(force=True)


@scenario
def events_arrive():
    seen = []
    stream = client.events(decode=True, filters={"type": "container"})

    def listen():
        for event in stream:
            seen.append(event["Action"])
            if event["Action"] == "destroy":
                return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    client.containers.run("busybox", ["true"], remove=True, detach=False)
    listener.join(20)
    stream.close()
    order = [action for action in seen if action in ("create", "start", "die", "destroy")]
    assert order == ["create", "start", "die", "destroy"], seen


@scenario
def images():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("file")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"data"))
    client.api.import_image_from_data(buffer.getvalue(), repository="pyimage", tag="1")
    image = client.images.get("pyimage:1")
    assert image.tag("pyimage", "2")
    assert sorted(client.images.get("pyimage:1").tags) == ["pyimage:1", "pyimage:2"]
    client.images.remove("pyimage:1")
    client.images.remove("pyimage:2")


@scenario
def volumes():
    volume = client.volumes.create(name="pyvol", labels={"v": "1"})
    client.containers.run("busybox", ["sh", "-c", "echo x > /v/f"], volumes={"pyvol": {"bind": "/v", "mode": "rw"}}, remove=True)
    assert client.containers.run("busybox", ["cat", "/v/f"], volumes={"pyvol": {"bind": "/v", "mode": "ro"}}, remove=True) == b"x\n"
    volume.remove()


def until(what, ask):
    deadline = time.monotonic() + 40
    while not ask():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def archive_of(name, text):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    return buffer.getvalue()


@scenario
def services_of_a_project():
    labels = {"project": "py"}
    network = client.networks.create("pynet", driver="bridge", labels=labels)
    volume = client.volumes.create("pydata", labels=labels)
    mounts = {"pydata": {"bind": "/data", "mode": "rw"}}
    serve = "trap 'exit 0' TERM; echo store up; httpd -p 80 -h /data; while :; do sleep 0.1; done"
    store = client.containers.create(
        "busybox",
        ["sh", "-c", serve],
        name="py_store",
        labels=labels,
        volumes=mounts,
        network="pynet",
        healthcheck={"test": ["CMD-SHELL", "wget -q -O - http://127.0.0.1/index.html"], "interval": 10**9, "timeout": 20 * 10**9, "retries": 60},
    )
    assert store.put_archive("/data", archive_of("index.html", b"page\n"))
    store.start()

    def healthy():
        store.reload()
        return store.attrs["State"]["Health"]["Status"] == "healthy"

    until("the store to be healthy", healthy)
    address = store.attrs["NetworkSettings"]["Networks"]["pynet"]["IPAddress"]
    look = "trap 'exit 0' TERM; echo app got $(wget -q -O - http://%s/); while :; do sleep 0.1; done" % address
    apps = [
        client.containers.run("busybox", ["sh", "-c", look], name="py_app_%d" % i, detach=True, labels=labels, network="pynet", volumes=mounts)
        for i in range(3)
    ]
    for app in apps:
        until("the app's logs", lambda: app.logs() == b"app got page\n")
    network.reload()
    assert len(network.containers) == 4
    ours = {"label": "project=py"}
    assert sorted(c.name for c in client.containers.list(filters=ours)) == ["py_app_0", "py_app_1", "py_app_2", "py_store"]
    assert apps[0].top()["Processes"][0][-1].startswith("sh -c"), apps[0].top()
    sample = apps[0].stats(stream=False)
    assert sample["memory_stats"]["limit"] > 0 and "eth0" in sample["networks"], sample
    assert sample["cpu_stats"]["online_cpus"] > 0 and sample["precpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert next(apps[0].stats(stream=True, decode=True))["id"] == apps[0].id
    apps[0].update(mem_limit="64m", memswap_limit="64m")
    apps[0].reload()
    assert apps[0].attrs["HostConfig"]["Memory"] == 64 * 1024 * 1024
    assert apps[0].exec_run(["sh", "-c", "echo more > /data/more"]).exit_code == 0
    chunks, stat = store.get_archive("/data/more")
    assert stat["name"] == "more" and stat["size"] == 5, stat
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        assert archive.extractfile("more").read() == b"more\n"
    network.disconnect(apps[2])
    network.connect(apps[2])
    for container in client.containers.list(filters=ours):
        container.stop(timeout=5)
    if client.api._version != "1.24":
        assert len(client.containers.prune(ours)["ContainersDeleted"]) == 4
        assert client.networks.prune(ours)["NetworksDeleted"] == ["pynet"]
    else:
        for container in client.containers.list(all=True, filters=ours):
            container.remove()
        network.remove()
    volume.remove()
    assert client.containers.list(all=True, filters=ours) == []
    assert client.networks.list(filters=ours) == [] and client.volumes.list(filters=ours) == []


@scenario
def conflicts_are_conflicts():
    first = client.containers.create("busybox", name="pyname")
    try:
        client.containers.create("busybox", name="pyname")
    except APIError as error:
        assert error.status_code == 409, error
    else:
        raise AssertionError("no conflict")
    first.remove()
