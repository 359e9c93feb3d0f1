"""Three nodes with etcd, Patroni and PostgreSQL, and one with HAProxy and the servers, each in a network namespace."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
NODES = ["a", "b", "c"]
HOST = {"hub": "10.213.7.1", "a": "10.213.7.11", "b": "10.213.7.12", "c": "10.213.7.13", "app": "10.213.7.20"}
PREFIX = "rallyha-"
PASSWORD = "only-in-a-namespace"


def run(*command, **more):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **more).stdout


class Cluster:
    def __init__(self, folder: Path, python: Path, rally: Path, is_synchronous: bool):
        self.folder, self.python, self.rally = folder, python, rally
        self.is_synchronous = is_synchronous
        self.processes = {}
        self.servers = []

    # Networks

    def make_networks(self):
        self.remove_networks()
        run("ip", "netns", "add", PREFIX + "hub")
        run("ip", "-n", PREFIX + "hub", "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", PREFIX + "hub", "link", "set", "bridge", "up")
        for name in [*NODES, "app"]:
            space = PREFIX + name
            run("ip", "netns", "add", space)
            run("ip", "-n", PREFIX + "hub", "link", "add", "to-" + name, "type", "veth", "peer", "name", "eth0", "netns", space)
            run("ip", "-n", PREFIX + "hub", "link", "set", "to-" + name, "master", "bridge", "up")
            run("ip", "-n", space, "address", "add", HOST[name] + "/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
            run("ip", "-n", space, "link", "set", "lo", "up")

    def remove_networks(self):
        there = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        for line in there.splitlines():
            name = line.split()[0]
            if name.startswith(PREFIX):
                run("ip", "netns", "delete", name)

    def cut(self, node):
        run("ip", "-n", PREFIX + "hub", "link", "set", "to-" + node, "down")

    def join(self, node):
        run("ip", "-n", PREFIX + "hub", "link", "set", "to-" + node, "up")

    # Processes

    def start(self, name, space, command, user=None, **environment):
        log = open(self.folder / f"{name}.log", "ab")
        inner = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        process = subprocess.Popen(
            ["ip", "netns", "exec", PREFIX + space, *inner, *map(str, command)],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", **environment},
        )
        self.processes[name] = process
        return process

    def pids_of(self, node):
        """The processes in the namespace of a node, but for etcd: Patroni and PostgreSQL."""
        found = []
        for pid in run("ip", "netns", "pids", PREFIX + node).split():
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
            except OSError:
                continue
            if name != "etcd":
                found.append(int(pid))
        return found

    def signal(self, node, number):
        for pid in self.pids_of(node):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def start_etcd(self, node):
        folder = self.folder / f"etcd-{node}"
        folder.mkdir(exist_ok=True)
        peers = ",".join(f"{name}=http://{HOST[name]}:2380" for name in NODES)
        self.start(f"etcd-{node}", node, [
            "etcd", "--name", node, "--data-dir", folder, "--initial-cluster", peers, "--initial-cluster-state", "new",
            "--listen-peer-urls", f"http://{HOST[node]}:2380", "--initial-advertise-peer-urls", f"http://{HOST[node]}:2380",
            "--listen-client-urls", f"http://{HOST[node]}:2379,http://127.0.0.1:2379",
            "--advertise-client-urls", f"http://{HOST[node]}:2379", "--enable-v2=false", "--logger=zap",
            "--snapshot-count=10000",
        ])

    def start_patroni(self, node):
        path = self.folder / f"patroni-{node}.json"
        data = self.folder / f"postgres-{node}"
        sockets = self.folder / f"sockets-{node}"
        sockets.mkdir(exist_ok=True)
        shutil.chown(sockets, "postgres")
        bootstrap = {
            "ttl": 20, "loop_wait": 3, "retry_timeout": 5, "maximum_lag_on_failover": 33554432,
            "synchronous_mode": self.is_synchronous, "synchronous_mode_strict": self.is_synchronous,
            "postgresql": {"use_pg_rewind": True, "parameters": {
                "max_connections": 100, "wal_keep_size": "256MB", "shared_buffers": "32MB", "hot_standby": "on",
                "wal_log_hints": "on", "wal_receiver_timeout": "10s", "wal_sender_timeout": "10s"}},
        }
        path.write_text(json.dumps({
            "scope": "rally", "name": node,
            "restapi": {"listen": f"{HOST[node]}:8008", "connect_address": f"{HOST[node]}:8008"},
            "etcd3": {"hosts": [f"{HOST[name]}:2379" for name in NODES]},
            "bootstrap": {"dcs": bootstrap, "initdb": [{"encoding": "UTF8"}, "data-checksums"],
                "pg_hba": ["host all all 10.213.7.0/24 scram-sha-256",
                           "host replication all 10.213.7.0/24 scram-sha-256", "local all all trust"]},
            "postgresql": {
                "listen": f"{HOST[node]}:5432", "connect_address": f"{HOST[node]}:5432", "data_dir": str(data),
                "bin_dir": str(POSTGRES), "pgpass": str(self.folder / f"pgpass-{node}"),
                "authentication": {"superuser": {"username": "postgres", "password": PASSWORD},
                                   "replication": {"username": "replicator", "password": PASSWORD},
                                   "rewind": {"username": "postgres", "password": PASSWORD}},
                # Each has a socket of its own, although they share a file system.
                "parameters": {"unix_socket_directories": str(sockets)},
            },
        }))
        shutil.chown(path, "postgres")
        self.start(f"patroni-{node}", node, [self.python.parent / "patroni", path], user="postgres")

    def start_databases(self):
        self.folder.chmod(0o777)
        for node in NODES:
            self.start_etcd(node)
        for node in NODES:
            self.start_patroni(node)
        self.wait_for_primary(180)

    def roles(self):
        roles = {}
        for node in NODES:
            try:
                told = self.ask(f"http://{HOST[node]}:8008/patroni", 2)
                roles[node] = "away" if told.get("state") != "running" else told.get("role", "unknown")
            except OSError:
                roles[node] = "away"
        return roles

    def ask(self, url, timeout):
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return json.loads(answer.read())

    def primary(self):
        return next((node for node, role in self.roles().items() if role in ("primary", "master")), None)

    def wait_for_primary(self, seconds, other_than=None):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            primary = self.primary()
            if primary and primary != other_than:
                return primary
            time.sleep(0.5)
        raise SystemExit(f"no primary within {seconds} s: {self.roles()}")

    def wait_until_whole(self, seconds):
        """Waits until all three nodes run, so that the next round begins with a standby that can take over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            roles = self.roles()
            if "away" not in roles.values() and any(role in ("primary", "master") for role in roles.values()):
                try:
                    members = self.ask(f"http://{HOST[self.primary()]}:8008/cluster", 2)["members"]
                    states = [member["state"] for member in members]
                    has_standby = not self.is_synchronous or any(
                        member["role"] in ("sync_standby", "quorum_standby") for member in members)
                    if len(members) == 3 and has_standby and all(state in ("running", "streaming") for state in states):
                        return
                except (OSError, KeyError):
                    pass
            time.sleep(0.5)
        raise SystemExit(f"the cluster is not whole within {seconds} s: {self.roles()}")

    def start_proxy(self):
        path = self.folder / "haproxy.cfg"
        backends = "\n".join(
            f"  server {node} {HOST[node]}:5432 check port 8008 inter 1s fall 2 rise 1 on-marked-down shutdown-sessions"
            for node in NODES)
        path.write_text(f"""global
  maxconn 1000
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
listen primary
  bind 127.0.0.1:5000
  option httpchk OPTIONS /primary
  http-check expect status 200
{backends}
""")
        self.start("haproxy", "app", ["haproxy", "-db", "-f", path])

    def start_servers(self):
        url = f"postgres://postgres:{PASSWORD}@127.0.0.1:5000/postgres?sslmode=disable"
        faketime = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
        self.clock = self.folder / "clock"
        self.clock.write_text("+0\n")
        for number in range(3):
            environment = {"RALLY_STORE": url}
            if number == 2 and faketime:
                environment |= {"LD_PRELOAD": str(faketime), "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            self.start(f"rally-{number}", "app", [
                self.rally, "serve", "--listen", f"127.0.0.1:{8080 + number}", "--rate-limit", "0",
                "--webhook-allow-loopback", "--webhook-lease", "10",
                *[f"--tenant=t{tenant}" for tenant in range(16)],
            ], **environment)
            self.servers.append(f"127.0.0.1:{8080 + number}")
        self.can_jump = faketime is not None
        for address in self.servers:
            self.wait_until_ready(address, 120)

    def wait_until_ready(self, address, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://{address}/readyz", timeout=3) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.5)
        raise SystemExit(f"{address} is not ready within {seconds} s")

    def key(self, tenant):
        url = f"postgres://postgres:{PASSWORD}@127.0.0.1:5000/postgres?sslmode=disable"
        return run(self.rally, "keys", "create", "--tenant", tenant, "--name", "failover", "--scopes", "read,write,admin",
                   env={"PATH": os.environ["PATH"], "RALLY_STORE": url}, cwd=self.folder).strip()

    def jump(self, seconds):
        self.clock.write_text(f"{seconds:+d}\n")

    def stop(self):
        for name in NODES + ["app"]:
            for pid in subprocess.run(["ip", "netns", "pids", PREFIX + name], capture_output=True, text=True).stdout.split():
                # In the namespaces of this test there are only processes of its own, and this one.
                if int(pid) != os.getpid():
                    try:
                        os.kill(int(pid), signal.SIGCONT)
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
        for process in self.processes.values():
            process.wait()
