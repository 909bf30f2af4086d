#!/usr/bin/env python3
"""Runs the cases of a day of hostile use and prints, for each, whether what is right was seen.

usage: run.py FOLDER [--keep DIR] [CASE ...]

FOLDER holds `reading/`, `live/` and `hostile/` with inputs and scripts (they aren't in this
repository; the tests beside this file make each of their states anew). CASE is the beginning of a
case's name, such as `reading`, `live/t_asm` or `hostile/INFO`. SLOTKIT names the program, servers are
those of tests/servers/install. --keep DIR leaves each case's output there.

Needs python3 and `unshare -n` (each case that starts servers runs in a network namespace of its
own). Exits with 1 where something wrong was seen, with 2 where nothing could be run.
"""
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SLOTKIT = os.environ.get("SLOTKIT", "slotkit")
CASE_TIMEOUT_SECONDS = 400
# A script makes clusters one after the other, and some of them fill one with a big value first.
LIVE_TIMEOUT_SECONDS = 900


class Wrong(Exception):
    """What was seen isn't what is right."""


class Skipped(Exception):
    """The case can't be run on this machine."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def has(text, *patterns):
    for pattern in patterns:
        expect(re.search(pattern, text, re.I | re.S), f"expected {pattern!r}")


def lacks(text, *patterns):
    for pattern in patterns:
        found = re.search(pattern, text, re.I | re.S)
        expect(not found, f"didn't expect {pattern!r}: {found and found.group(0)[:80]!r}")


def before(text, mark):
    expect(mark in text, f"expected {mark!r} in the output")
    return text.split(mark, 1)[0]


def after(text, mark):
    expect(mark in text, f"expected {mark!r} in the output")
    return text.split(mark, 1)[1]


def between(text, start, end):
    return before(after(text, start), end)


class Tool:
    """The program, and where it leaves what it said."""

    def __init__(self, keep):
        self.log = io.StringIO()
        self.keep = keep

    def run(self, *args, stdin=b""):
        done = subprocess.run([SLOTKIT, *args], input=stdin, capture_output=True, timeout=CASE_TIMEOUT_SECONDS)
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        self.log.write(f"$ {' '.join(args)}\n{out[:20000]}\n{err[:20000]}\nexit {done.returncode}\n")
        return done.returncode, out, err

    def report(self, *args):
        code, out, err = self.run("analyze", *args, "--json")
        expect(code in (0, 1), f"analyze exits with {code}: {err.strip()[:120]}")
        return json.loads(out), err


# --- reading ------------------------------------------------------------------------------------


def vectors(tool, folder):
    nodes, dump = f"{folder}/three.txt", f"{folder}/vectors.rdb"
    code, out, err = tool.run("plan-rebalance", "--nodes", nodes, "--keyspace", dump, "--by", "bytes")
    expect(code == 2, f"a plan by unknown bytes exits with {code}")
    has(err, r"--by keys|--size serialized")
    report, _ = tool.report(dump)
    unknown = [row for name, row in report["types"].items() if name != "string"]
    expect(unknown and all(row.get("bytes") is None for row in unknown), "bytes of vector sets aren't null")
    for metric in ("keys",):
        code, _, err = tool.run("plan-rebalance", "--nodes", nodes, "--keyspace", dump, "--by", metric)
        expect(code in (0, 1), f"a plan by {metric} exits with {code}: {err[:100]}")
    code, _, err = tool.run(
        "plan-rebalance", "--nodes", nodes, "--keyspace", dump, "--by", "bytes", "--size", "serialized")
    expect(code in (0, 1), f"a plan by serialized bytes exits with {code}: {err[:100]}")


def keydb(tool, folder):
    report, _ = tool.report(f"{folder}/keydb.rdb")
    expect(report["totals"]["keys"] == 10, "ten keys")
    expect(report["totals"]["expiring"] == 10, f"{report['totals']['expiring']} of 10 expire")
    code, out, _ = tool.run("analyze", f"{folder}/keydb.rdb", "--output", "memory-csv")
    expect(code == 0 and out.count("2051-06-06") == 10, "they expire at 2569704056336 ms")


def refused(name, *words):
    def case(tool, folder):
        code, _, err = tool.run("analyze", f"{folder}/text/{name}")
        expect(code == 2, f"exits with {code}")
        has(err, *words)
    return case


def counted_as(name, keys):
    def case(tool, folder):
        report, _ = tool.report(f"{folder}/text/{name}")
        expect(report["totals"]["keys"] == keys, f"{report['totals']['keys']} keys, expected {keys}")
    return case


def monitored(name):
    def case(tool, folder):
        report, _ = tool.report(f"{folder}/text/{name}")
        expect(report.get("operations"), "expected the operations of a MONITOR log")
    return case


def aof_folder(tool, folder):
    for path in (f"{folder}/datadir_aof", f"{folder}/datadir_aof/appendonly.aof.manifest"):
        report, err = tool.report(path)
        has(err + json.dumps(report), "increment")
        lists = [row for row in report["inputs"] if row.get("format") == "list"]
        expect(not lists, "the manifest's lines count as keys")


def rdb_cli(tool, folder):
    report, _ = tool.report(f"{folder}/rc_real.csv")
    expect(report["totals"]["bytes"] == 92410, f"{report['totals']['bytes']} bytes, expected 92,410")


def tags(tool, folder):
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([sys.executable, f"{folder}/make_tags.py"], cwd=work, check=True, timeout=CASE_TIMEOUT_SECONDS)
        report, _ = tool.report(f"{work}/tags.csv", "--top", "40")
    hot = {row["slot"]: row["cause"] for row in report["hot_slots"]["by_keys"]}
    for slot, name in ((8732, "h11"), (4735, "h12"), (5142, "h6")):
        cause = hot.get(slot) or {}
        told = cause.get("kind") == "hash_tag" and cause.get("name") == name and cause.get("exact") is True
        expect(told, f"slot {slot}: {json.dumps(cause)[:100]}")


def minus(tool, folder):
    code, out, _ = tool.run("analyze", f"{folder}/minus.rdb", "--output", "memory-csv")
    expect(code == 0, f"exits with {code}")
    first, _ = tool.report(f"{folder}/minus.rdb")
    with tempfile.TemporaryDirectory() as work:
        path = f"{work}/minus.csv"
        with open(path, "w", newline="") as file:
            file.write(out)
        second, _ = tool.report(path)
    slots = lambda report: [(row["slot"], row["keys"]) for row in report["slots"]]
    expect(slots(first) == slots(second), "other slots after a round trip")


def far(tool, folder):
    code, out, _ = tool.run("analyze", f"{folder}/far.csv", "--as-of", "2026-11-29")
    expect(code == 0, f"exits with {code}")
    has(out, r"2200|or later", r"2300|or later")


def negative_expiry(tool, folder):
    code, _, err = tool.run("analyze", f"{folder}/negexp.rdb")
    expect(code in (0, 1, 2) and "panicked" not in err, f"exits with {code}")


def newer(name):
    def case(tool, folder):
        code, _, err = tool.run("analyze", f"{folder}/{name}")
        expect(code in (0, 2), f"exits with {code}")
        if code:
            has(err, "byte|RDB")
    return case


def blobs(server):
    def case(tool, folder):
        path = server_path(server)
        python = python_with("redis")
        with tempfile.TemporaryDirectory() as work:
            script = (
                f'"{path}" --port 21777 --bind 127.0.0.1 --save "" --dir "{work}" --daemonize no >/dev/null 2>&1 & '
                f'echo $! >"{work}/pid"; for i in 1 2 3 4 5 6 7 8 9 10; do '
                f'redis-cli -p 21777 ping >/dev/null 2>&1 && break; sleep 0.3; done; '
                f'cd "{work}"; "{python}" "{folder}/blobs.py" 21777; kill $(cat "{work}/pid")'
            )
            bin_folder = f"{work}/bin"
            os.mkdir(bin_folder)
            os.symlink(shutil.which(SLOTKIT), f"{bin_folder}/slotkit")
            env = dict(os.environ, PATH=f"{bin_folder}:{os.environ['PATH']}")
            done = subprocess.run(namespaced(folder, "bash", "-c", script), env=env, capture_output=True, text=True,
                                  timeout=CASE_TIMEOUT_SECONDS)
        tool.log.write(done.stdout + done.stderr)
        sums = re.search(r"([+-][\d.]+)% worst.*?over10%: (\d+) of (\d+)", done.stdout, re.S)
        expect(sums, f"no figures: {done.stderr.strip()[-120:]}")
        off, over, keys = float(sums[1]), int(sums[2]), int(sums[3])
        expect(abs(off) <= 3, f"{off:+.1f} % in sum")
        expect(over <= keys * 0.05, f"{over} of {keys} keys more than 10 % off")
    return case


def server_path(name):
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(os.environ.get("SLOTKIT_SERVERS") or f"{cache}/slotkit/servers", name, "server")
    if not os.access(path, os.X_OK):
        raise Skipped(f"{name} isn't installed (tests/servers/install {name})")
    return path


def python_with(module):
    for python in (os.environ.get("FOUND_PYTHON"), sys.executable):
        if python and subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0:
            return python
    raise Skipped(f"python3 has no {module} (FOUND_PYTHON names one that has)")


def namespaced(folder, *command):
    """A command in a network namespace of its own."""
    return [os.path.join(os.path.dirname(folder.rstrip("/")), "live", "ns.sh"), *command]


# --- live ---------------------------------------------------------------------------------------

FIX = r"--cluster fix"
FORGET = r"CLUSTER FORGET"
ADDSLOTS = r"ADDSLOTS"


def live_advice(out):
    first = before(out, "-- after ADDSLOTS")
    lacks(first, ADDSLOTS, FIX, FORGET)


def live_uncovered(out):
    first = before(out, "-- the advice")
    lacks(first, FIX)
    has(first, r"32000")
    expect(not re.search(r"ADDSLOTS(?!.{0,200}32000)", first, re.S), "ADDSLOTS without the node that has the keys")


def live_partial(out):
    lacks(out, FIX)


def live_repllink(out):
    first = before(out, "check says")
    has(first, r"replica.*(link|sync|follow)", r"masterauth")
    lacks(first, r"nothing found")
    lacks(out, r"nothing found", FIX)


def live_unreachable(out):
    lacks(out, FORGET)


def live_httpdeaf(out):
    lacks(out, FORGET)
    has(out, r"listen|isn't a Redis|not a Redis|answer")


def live_bigkey2(out):
    lacks(out, r"different values")


def live_busykey(out):
    has(out, r"--on-conflict", r"resume 0|resume 4")


def live_rename(out):
    move = after(out, "=== rename-command MIGRATE")
    has(move, r"exit 3", r"MIGRATE")
    lacks(move, r"exit 4", FIX)
    has(move, r"checked 2000 bad 0 missing 0")


def live_mixed(out):
    has(after(out, "from 8.0 to 6.2"), r"exit 3", r"RDB|version")
    has(out, r"checked 3000 bad 0 missing 0")


def live_func(out):
    first = before(out, "check ")
    has(first, r"function")
    has(out, r"--copy-functions")


def live_targetdies(out):
    if "exit 3" in before(out, "slotkit:"):
        raise Skipped("the target was dead before anything had begun: a faster program gets further")
    has(out, r"exit [04]", r"checked 9000 bad 0 missing 0")
    # The second run finds a cluster that serves: nobody waits for it to be fixed.
    lacks(out, r"panicked", FIX)


def live_targetdies2(out):
    # At the moment of the vote: before 6.2 the slots that nobody knew of yet are given a look later,
    # which t_targetdies waits for.
    has(out, r"replica is now: master", r"state at source: cluster_state:(ok|fail)")
    lacks(out, r"panicked")


def live_cron(out):
    beside = between(out, "[check]", "[apply]")
    has(beside, r"a run of slotkit is moving slots now", r"wait until it has ended")
    lacks(beside, r"broke off")
    lacks(out, r"bad [1-9]")


def live_cron2(out):
    lacks(out, r"bad [1-9]", r"missing [1-9]")
    has(out, r"third: exit 0|third: exit 1")


def live_managed(out):
    lacks(out, r"exit 4")
    has(out, r"exit 3", r"checked 2000 bad 0 missing 0")


def live_asm(out):
    first = before(out, "-- move slots of the same source")
    has(first, r"MIGRATESLOTS|server-side|migration")
    has(between(out, "-- move slots of the same source", "-- move other slots"), r"exit 3")
    lacks(out, r"bad [1-9]", r"missing [1-9]")


def kept(out):
    """Worked, or told clearly: no key is gone, and nothing harmful is advised."""
    lacks(out, FIX, r"panicked", r"bad [1-9]", r"missing [1-9]")


def both(*checks):
    def check(out):
        for one in checks:
            one(out)
    return check


LIVE = [
    ("t_advice", (), live_advice), ("t_uncovered", (), live_uncovered), ("t_partial", (), live_partial),
    ("t_repllink", (), live_repllink), ("t_page_failover", (), live_repllink),
    ("t_newnopass", (), live_unreachable), ("t_ips", (), live_unreachable), ("t_5711", (), live_unreachable),
    ("t_httpdeaf", (), live_httpdeaf),
    ("t_bigkey", (), kept), ("t_bigkey2", (), live_bigkey2), ("t_busykey", (), live_busykey),
    ("t_bigkey", ("valkey-9.1",), kept), ("t_bigkey2", ("valkey-9.1",), live_bigkey2),
    ("t_busykey", ("valkey-9.1",), live_busykey),
    ("t_func", ("redis-8.0",), live_func), ("t_func", ("valkey-9.1",), live_func),
    ("t_rename", (), live_rename), ("t_mixed", (), live_mixed), ("t_func", (), live_func),
    *[(name, (server, *mode), check)
      for server in ("redis-7.0", "redis-3.2", "redis-5.0", "valkey-9.1")
      for name, mode, check in (("t_targetdies", (), live_targetdies), ("t_targetdies2", ("drain",), live_targetdies2))],
    ("t_cron", (), live_cron), ("t_cron2", (), live_cron2), ("t_managed", (), live_managed),
    ("t_asm", (), live_asm),
    ("t_3844", (), kept), ("t_6072", (), kept), ("t_7405", (), lambda out: lacks(out, FIX, "panicked")),
    ("t_899", (), kept), ("t_998", (), both(kept, lambda out: has(out, r"exit 0"))), ("t_201", (), kept), ("t_importing", (), kept),
    ("t_drain62", (), kept), ("t_ipv6", (), kept), ("t_v9", (), kept), ("t_oom", (), kept), ("t_live", (), kept),
    ("t_day", (), lambda out: lacks(out, FIX, "panicked")),
]


def script_output(command, work):
    """What a script prints, and whether it ended in time. Servers that it leaves go with it."""
    with open(f"{work}/stdout", "w+b") as out, open(f"{work}/stderr", "w+b") as err:
        script = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True,
                                  env=dict(os.environ, H2=work))
        try:
            script.wait(timeout=LIVE_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        is_done = script.poll() is not None
        try:
            os.killpg(script.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        script.wait()
        out.seek(0)
        err.seek(0)
        return (out.read() + err.read()).decode("utf-8", "replace"), is_done


def live_case(name, args, check):
    def case(tool, folder):
        if name == "t_page_failover" and "REDIS_4_0_1" not in os.environ:
            raise Skipped("needs a redis-server of 4.0.1 (REDIS_4_0_1) and the page's own scripts")
        with tempfile.TemporaryDirectory() as work:
            # One script wants a client library in a folder of its own.
            python = os.environ.get("FOUND_PYTHON")
            if python:
                os.symlink(os.path.dirname(os.path.dirname(python)), f"{work}/venv")
            out, is_done = script_output([f"{folder}/ns.sh", f"{folder}/{name}.sh", *args], work)
        tool.log.write(out)
        expect(is_done, f"not done within {LIVE_TIMEOUT_SECONDS} s")
        check(out)
    return case


# --- hostile ------------------------------------------------------------------------------------

def hostile_case(lie):
    def case(tool, folder):
        with tempfile.TemporaryDirectory() as work:
            done = subprocess.run([f"{folder}/run.sh", lie], capture_output=True, text=True, errors="replace",
                                  env=dict(os.environ, WORK=work, SLOTKIT=shutil.which(SLOTKIT)),
                                  timeout=CASE_TIMEOUT_SECONDS)
        tool.log.write(done.stdout + done.stderr)
        rows = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") >= 5]
        expect(rows, f"nothing was run: {done.stderr.strip()[-120:]}")
        for name, code, _, _, flags, note, *_ in rows:
            lost = re.search(r"KEYS (\d+) of (\d+)", note)
            missing = int(lost[2]) - int(lost[1]) if lost else 0
            expect(missing <= 0, f"{name.strip()}: {note[:80]} (exit {code})")
            expect("ORPHANED" not in note or code != "0", f"{name.strip()}: {note[:80]} (exit {code})")
            for flag in ("TIMEOUT", "CRASH", "PANIC", "MEM", "LONGERR", "CTL", "ESCOUT", "LONGOUT"):
                expect(flag not in flags.split(","), f"{name.strip()}: {flag}")
            # There is no slot 16384: that command is a trial which can't do anything.
            harm = [part for part in note.split(";")
                    if re.match(r"MIGRATE foreign|DEL|FLUSH|SETSLOT (?!16384$)\d", part)]
            expect(not harm, f"{name.strip()}: {harm}")
    return case


def lies(folder):
    """The names of the lies, as hostile_run.py has them."""
    text = open(f"{folder}/hostile_run.py").read()
    names = re.findall(r"yield '([^'%]+)'\s*,", text)
    states = [f"SETSLOT {state} +OK not done at {role}"
              for state in ("IMPORTING", "MIGRATING", "NODE") for role in ("src", "tgt", "oth")]
    return [name for name in names if "SETSLOT" not in name] + states


# --- the table ----------------------------------------------------------------------------------


def cases(root):
    reading, live, hostile = (os.path.join(root, part) for part in ("reading", "live", "hostile"))
    text = f"{reading}"
    yield "reading/vectors.rdb", vectors, reading
    yield "reading/keydb.rdb", keydb, reading
    yield "reading/text/info.txt", refused("info.txt", "INFO"), text
    yield "reading/text/bigkeys.txt", refused("bigkeys.txt", "bigkeys"), text
    yield "reading/text/noauth.txt", refused("noauth.txt", "NOAUTH|error"), text
    yield "reading/text/keysjson.txt", counted_as("keysjson.txt", 13), text
    for name in ("monitor_ansi.txt", "monitor_cut.txt", "monitor_docker.txt"):
        yield f"reading/text/{name}", monitored(name), text
    yield "reading/datadir_aof", aof_folder, reading
    yield "reading/rc_real.csv", rdb_cli, reading
    yield "reading/make_tags.py", tags, reading
    yield "reading/minus.rdb", minus, reading
    yield "reading/far.csv", far, reading
    yield "reading/negexp.rdb", negative_expiry, reading
    for name in ("v13_keymeta.rdb", "v13_stream26.rdb", "v13_strings.rdb"):
        yield f"reading/{name}", newer(name), reading
    for server in ("redis-7.0", "redis-8.0", "valkey-9.1"):
        yield f"reading/blobs.py {server}", blobs(server), reading
    for name, args, check in LIVE:
        yield " ".join((f"live/{name}", *args)), live_case(name, args, check), live
    for lie in lies(hostile):
        yield f"hostile/{lie}", hostile_case(lie), hostile


def main(arguments):
    keep = None
    if "--keep" in arguments:
        at = arguments.index("--keep")
        keep = arguments[at + 1]
        del arguments[at:at + 2]
        os.makedirs(keep, exist_ok=True)
    if not arguments or not os.path.isdir(arguments[0]):
        print(__doc__, file=sys.stderr)
        return 2
    if not shutil.which(SLOTKIT):
        print(f"{SLOTKIT} isn't there: SLOTKIT names the program", file=sys.stderr)
        return 2
    root, wanted = os.path.abspath(arguments[0]), arguments[1:]
    counts = {"right": 0, "WRONG": 0, "skipped": 0}
    for name, case, folder in cases(root):
        if wanted and not any(name.startswith(part) for part in wanted):
            continue
        tool, verdict, why = Tool(keep), "right", ""
        try:
            case(tool, folder)
        except Wrong as wrong:
            verdict, why = "WRONG", str(wrong)
        except Skipped as skipped:
            verdict, why = "skipped", str(skipped)
        except subprocess.TimeoutExpired:
            verdict, why = "WRONG", f"not done within {CASE_TIMEOUT_SECONDS} s"
        except Exception as fault:
            # One that can't read what was said is wrong, and the others are still run.
            verdict, why = "WRONG", f"{type(fault).__name__}: {fault}"
        counts[verdict] += 1
        print(f"{verdict:8}{name:52}{why}".rstrip(), flush=True)
        if keep:
            with open(os.path.join(keep, re.sub(r"[^\w.-]+", "_", name) + ".out"), "w") as file:
                file.write(tool.log.getvalue())
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    if not counts["right"] + counts["WRONG"]:
        return 2
    return 1 if counts["WRONG"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
