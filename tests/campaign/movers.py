"""Who moves the slots: slotkit, followed by what it advises itself when it stops; redis-cli; nobody.

All of them move the same slots from the source to the target, so that a fault can be tried with each.
"""
import json
import os
import re
import subprocess
import time

import kinds
from wire import Link, Refusal

RUN_TIMEOUT_S, TRIES_MAX, PAUSE_S = 100, 8, 0.6
REDIS_CLI_TIMEOUT_S = 40
KEEP_SOURCE, KEEP_TARGET = ["--keep", "source"], ["--keep", "target"]
SAID_MAX = 1500


class Run:
    """One command of a mover that came to its end."""

    def __init__(self, words, code, said, took_s):
        self.words, self.code, self.said, self.took_s = words, code, said, took_s

    def to_json(self):
        return {"command": " ".join(self.words), "exit": self.code, "took_s": round(self.took_s, 1),
                "said": self.said[-SAID_MAX:] if self.code != 0 else ""}


class Mover:
    """What every mover has: the process that is under way, and what was run."""

    name = ""
    timeout_s = RUN_TIMEOUT_S

    def __init__(self, cluster, slots, folder, options):
        self.cluster, self.slots, self.folder, self.options = cluster, slots, folder, options
        self.process, self.runs = None, []
        self.is_done = False
        self.person_decided = 0
        # The application, which knows what a key should be; set by the round.
        self.application = None
        # The fault, which is over before anybody goes on.
        self.fault_is_over = lambda: None

    def kill(self):
        """Whether there was something to kill."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.kill()
        return True

    def signal(self, number):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def run(self, words, shown=None):
        started = time.monotonic()
        path = os.path.join(self.folder, f"run-{len(self.runs)}")
        with open(path + ".out", "w") as out, open(path + ".err", "w") as err:
            self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, env=self.environment())
            try:
                code = self.process.wait(self.timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                code = "hung"
        said = _text(path + ".out") if self.name == "redis-cli" else _text(path + ".err")
        done = Run([str(word) for word in shown or words], code, said, time.monotonic() - started)
        self.runs.append(done)
        return done

    def environment(self):
        state = os.path.join(self.folder, "state")
        return dict(os.environ, HOME=state, XDG_STATE_HOME=state, REDISCLI_CLUSTER_YES="1")


class Slotkit(Mover):
    """slotkit, and a person who does what it says."""

    name = "slotkit"

    def __init__(self, *args):
        super().__init__(*args)
        self.program = os.environ.get("SLOTKIT", "slotkit")
        self.journal = os.path.join(self.folder, "journal")
        self.plan = os.path.join(self.folder, "plan.json")

    def at(self):
        """A node that has no part in the fault, which the commands are pointed at."""
        return ["-h", "127.0.0.1", "-p", self.cluster.other]

    def kept(self):
        return ["--journal", self.journal]

    def prepare(self):
        target = f"127.0.0.1:{self.cluster.target}"
        span = f"{min(self.slots)}-{max(self.slots)}"
        planned = self.run([self.program, "plan-rebalance", *self.at(), "--move", span, "--to", target,
                            "-o", self.plan], ["plan"])
        if planned.code not in (0, 1):
            raise RuntimeError(f"no plan: {planned.said}")

    def move(self):
        """Applies the plan, and does what is advised until it is done or nothing helps.

        Returns the last exit code: 0 where all is done.
        """
        done = self._apply()
        for attempt in range(TRIES_MAX):
            if done.code == 0:
                break
            self.fault_is_over()
            time.sleep(PAUSE_S * (attempt + 1))
            done = self._as_advised(done, attempt)
        self.is_done = True
        return done.code

    def _apply(self, *more):
        return self.run([self.program, "apply", self.plan, *self.at(), "--yes", *self.kept(), *self.options, *more],
                        ["apply", *self.options, *more])

    def _resume(self, *more):
        return self.run([self.program, "resume", *self.at(), "--yes", *self.kept(), *more], ["resume", *more])

    def _as_advised(self, stopped, attempt):
        advice = " ".join(stopped.said.split())
        if "slotkit resolve" in advice:
            self._resolve()
        elif "move this one away" in advice:
            os.rename(self.journal, f"{self.journal}.bad-{attempt}")
            return self._resume("--from-cluster")
        elif "resume --from-cluster" in advice:
            return self._resume("--from-cluster")
        elif choice := re.search(r"--on-conflict (keep-\w+)", advice):
            self.person_decided += 1
            return self._resume("--on-conflict", choice[1])
        elif "make a new plan" in advice:
            return self._plan_anew()
        # "run the same command again", or resume, which finishes what is open and no more.
        if attempt % 2:
            self._resume()
        return self._apply()

    def _plan_anew(self):
        """What the plan had is moved by hand, to whoever is the target now."""
        target = self.cluster.ids[self.cluster.target]
        span = f"{min(self.slots)}-{max(self.slots)}"
        return self.run([self.program, "plan-rebalance", *self.at(), "--move", span, "--to", target, "--apply",
                         "--yes", *self.kept()], ["plan-rebalance", "--apply"])

    def _resolve(self):
        """Looks at each undecided key, and keeps the side that is said to be fresh; where slotkit
        can't tell, the application is asked what the key should be."""
        listed = subprocess.run([self.program, "resolve", *map(str, self.at()), *self.kept(), "--json"],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.environment(),
                                timeout=RUN_TIMEOUT_S)
        try:
            keys = json.loads(listed.stdout)["keys"]
        except (ValueError, KeyError):
            self.runs.append(Run(["resolve", "--json"], listed.returncode, listed.stderr, 0))
            return
        sides = {"source": [], "target": []}
        for key in keys:
            sides[key["fresh"] or self._known_by_application(key)].append(key["key"])
        self.person_decided += len(keys)
        for side, names in sides.items():
            if names:
                chosen = [word for name in names for word in ("--key", name)]
                self.run([self.program, "resolve", *self.at(), *self.kept(), "--yes", "--keep", side, *chosen],
                         ["resolve", "--keep", side, f"({len(names)} keys)"])

    def _known_by_application(self, key):
        """The side whose copy is what the application wrote."""
        name = key["key"].encode()
        known = self.application(name)
        if known is None:
            return "source"
        kind, allowed = known
        for side in ("source", "target"):
            with Link(int(key[side]["addr"].rsplit(":", 1)[1])) as link:
                link.ask("ASKING")
                value = kinds.read_value(kind, link.ask(*kinds.reading(kind, name)))
            if (None if isinstance(value, Refusal) else value) in allowed:
                return side
        return "target"


class RedisCli(Mover):
    """redis-cli as its manual has it: reshard, and fix where that broke off."""

    name = "redis-cli"
    timeout_s = REDIS_CLI_TIMEOUT_S

    def prepare(self):
        pass

    def move(self):
        source, target = (self.cluster.ids[port] for port in (self.cluster.source, self.cluster.target))
        done = self.run(["redis-cli", "--cluster", "reshard", f"127.0.0.1:{self.cluster.other}", "--cluster-from", source,
                         "--cluster-to", target, "--cluster-slots", len(self.slots), "--cluster-yes",
                         "--cluster-pipeline", "10"], ["reshard"])
        if done.code != 0:
            self.fault_is_over()
            time.sleep(PAUSE_S)
            done = self.run(["redis-cli", "--cluster", "fix", f"127.0.0.1:{self.cluster.other}"], ["fix"])
        self.is_done = True
        return done.code


class Nobody(Mover):
    """No slot moves: what is lost then, the servers lose by themselves."""

    name = "nobody"
    TIME_S = 7

    def prepare(self):
        pass

    def move(self):
        time.sleep(self.TIME_S)
        self.fault_is_over()
        self.is_done = True
        return 0


MOVERS = {mover.name: mover for mover in (Slotkit, RedisCli, Nobody)}


def _text(path):
    with open(path, errors="replace") as file:
        return file.read()
