"""Fails databases, networks and clocks under three servers, and compares what was acknowledged with what is there.

usage: failover.py RALLY PYTHON FOLDER [--rounds N] [--seconds N] [--asynchronous]

RALLY is the program, PYTHON one that has Patroni, FOLDER one for data and logs. It runs as root, in network namespaces of its own.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from clients import Reader, Receiver, Writer, ask
from cluster import NODES, PREFIX, Cluster

TENANTS = [f"t{number}" for number in range(16)]


def kill(cluster, primary):
    cluster.signal(primary, signal.SIGKILL)
    cluster.wait_for_primary(90, other_than=primary)
    cluster.start_patroni(primary)


def partition(cluster, primary):
    cluster.cut(primary)
    cluster.wait_for_primary(90, other_than=primary)
    cluster.join(primary)


def pause(cluster, primary):
    cluster.signal(primary, signal.SIGSTOP)
    try:
        cluster.wait_for_primary(90, other_than=primary)
    finally:
        cluster.signal(primary, signal.SIGCONT)


def cut_standby(cluster, primary):
    standby = next(node for node in NODES if node != primary)
    cluster.cut(standby)
    time.sleep(8)
    cluster.join(standby)


def jump_clock(cluster, primary):
    for seconds in (90, -90, 0):
        cluster.jump(seconds)
        time.sleep(4)


FAULTS = [kill, partition, pause, cut_standby, jump_clock]


def is_receiver(pid):
    try:
        return b"walreceiver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def lose_commits(cluster, primary):
    """Stops replication, lets the primary go on, and has a standby take over without what came since."""
    # Replication alone: Patroni still sees its peers through etcd, and the primary keeps its lease.
    receivers = [pid for node in NODES if node != primary for pid in cluster.pids_of(node) if is_receiver(pid)]
    for pid in receivers:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(6)
    cluster.signal(primary, signal.SIGKILL)
    # Going on, they would still get what is in their sockets.
    for pid in receivers:
        os.kill(pid, signal.SIGKILL)
    cluster.wait_for_primary(120, other_than=primary)
    cluster.start_patroni(primary)


def subscribe(cluster, keys, receiver):
    ids = {}
    for tenant, key in keys.items():
        hook = {"name": "failover", "url": receiver.url, "events": ["contact.created"]}
        status, _, answer = ask(cluster.servers[0], "POST", "/api/v1/webhooks", key, hook)
        assert status == 201, (status, answer)
        ids[tenant] = ask(cluster.servers[0], "GET", "/api/v1/auth/me", key)[2]["tenantId"]
    return ids


def everything(address, key):
    found, after = {}, None
    while True:
        path = "/api/v1/contacts?limit=100&fields=id,email" + (f"&after={after}" if after else "")
        status, _, page = ask(address, "GET", path, key)
        assert status == 200, (status, page)
        found |= {contact["email"]: contact["id"] for contact in page}
        if len(page) < 100:
            return found
        after = page[-1]["id"]


def judge(cluster, keys, writers, readers, receiver, tenant_ids, is_synchronous):
    """Prints what is wrong, and gives its number."""
    wrong, lost, written = [], 0, 0
    for writer, reader in zip(writers, readers):
        tenant = writer.tenant
        there = everything(cluster.servers[0], keys[tenant])
        missing = {email for email, id in writer.acknowledged.items() if there.get(email) != id}
        lost, written = lost + len(missing), written + len(writer.acknowledged)
        wrong += [f"{tenant}: feed: {fault}" for fault in reader.faults]
        if is_synchronous:
            wrong += [f"{tenant}: {email} was acknowledged and is gone" for email in sorted(missing)]
            if reader.resets:
                wrong.append(f"{tenant}: the feed was reset although nothing was lost")
        # A reader that has seen what is lost, and was not told, still has it.
        if set(reader.seen) != set(there.values()):
            unseen, unknown = set(there.values()) - set(reader.seen), set(reader.seen) - set(there.values())
            wrong.append(f"{tenant}: the reader lacks {len(unseen)} and has {len(unknown)} that are not there")
        wrong += [f"{tenant}: refused: {refusal}" for refusal in writer.refusals]
        told = set(reader.seen.values())
        undelivered = told - receiver.events[tenant_ids[tenant]]
        if undelivered:
            wrong.append(f"{tenant}: {len(undelivered)} of {len(told)} events were not delivered: {sorted(undelivered)}")
            wrong += [f"{tenant}: waiting: {delivery}" for delivery in waiting(cluster.servers[0], keys[tenant])]
    if not is_synchronous and not lost:
        wrong.append("nothing was lost, so nothing was tried")
    longest = max(writer.longest for writer in writers)
    print(f"{written} writes acknowledged, {lost} of them lost, {sum(reader.resets for reader in readers)} feeds reset,"
          f" {receiver.count} events sent, the longest wait of a write {longest:.1f} s", flush=True)
    return wrong


def waiting(address, key):
    """The deliveries of a tenant that have not come to an end."""
    found = []
    for hook in ask(address, "GET", "/api/v1/webhooks", key)[2]:
        path = f"/api/v1/webhooks/{hook['id']}/deliveries?status=pending"
        found += ask(address, "GET", path, key)[2] or []
    return found


def wait_for_deliveries(readers, receiver, tenant_ids, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if all(set(reader.seen.values()) <= receiver.events[tenant_ids[reader.tenant]] for reader in readers):
            return
        time.sleep(0.5)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rally", type=Path)
    parser.add_argument("python", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=1_800, help="no round begins after so long")
    parser.add_argument("--asynchronous", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    rally, python, folder = (path.absolute() for path in (arguments.rally, arguments.python, arguments.folder))
    cluster = Cluster(folder, python, rally, not arguments.asynchronous)
    if not arguments.inside:
        folder.mkdir(parents=True, exist_ok=True)
        cluster.make_networks()
        os.execvp("ip", ["ip", "netns", "exec", PREFIX + "app", sys.executable, *sys.argv, "--inside"])
    try:
        wrong = attempt(cluster, arguments)
    finally:
        cluster.stop()
        cluster.remove_networks()
    print("\n".join(wrong) if wrong else "nothing is wrong")
    sys.exit(1 if wrong else 0)


def attempt(cluster, arguments):
    cluster.start_databases()
    cluster.start_proxy()
    cluster.start_servers()
    keys = {tenant: cluster.key(tenant) for tenant in TENANTS}
    receiver = Receiver(9_000)
    tenant_ids = subscribe(cluster, keys, receiver)
    writers = [Writer(tenant, key, cluster.servers, 0.25) for tenant, key in keys.items()]
    readers = [Reader(tenant, key, cluster.servers) for tenant, key in keys.items()]
    for thread in [*writers, *readers]:
        thread.start()
    began = time.monotonic()
    faults = [lose_commits] if arguments.asynchronous else [fault for fault in FAULTS if fault != jump_clock or cluster.can_jump]
    for number in range(arguments.rounds):
        if time.monotonic() - began > arguments.seconds:
            print(f"time is up after {number} rounds", flush=True)
            break
        cluster.wait_until_whole(180)
        time.sleep(3)
        fault, primary = faults[number % len(faults)], cluster.primary()
        at = time.monotonic()
        fault(cluster, primary)
        print(f"round {number + 1}: {fault.__name__} at {primary}, then {cluster.primary()} after"
              f" {time.monotonic() - at:.0f} s", flush=True)
    cluster.wait_until_whole(180)
    for writer in writers:
        writer.is_over.set()
    for writer in writers:
        writer.join(120)
    for reader in readers:
        reader.is_over.set()
    for reader in readers:
        reader.join(120)
    # A delivery that fails once because it is to, and once because of a failover, is attempted again after five minutes.
    wait_for_deliveries(readers, receiver, tenant_ids, 420)
    return judge(cluster, keys, writers, readers, receiver, tenant_ids, cluster.is_synchronous)


if __name__ == "__main__":
    main()
