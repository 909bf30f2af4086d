"""Others who move slots of the same cluster at the same time."""
import os
import subprocess
import time

TIMEOUT_S, TRIES_MAX = 80, 5


def second_slotkit(journal):
    """Another run of slotkit, towards another node, with a journal of its own or the same one."""
    def inject(scene):
        scene.wait_for_moment()
        mover, cluster = scene.mover, scene.cluster
        kept = mover.kept() if journal == "same" else ["--journal", os.path.join(mover.folder, "second-journal")]
        span = f"{min(mover.slots)}-{max(mover.slots) + 100}"
        scene.second = [mover.program, "plan-rebalance", "-h", "127.0.0.1", "-p", str(cluster.bystander), "--move", span,
                        "--to", f"127.0.0.1:{cluster.bystander}", "--apply", "--yes", *kept]
        scene.second_resumes = [mover.program, "resume", "-h", "127.0.0.1", "-p", str(cluster.bystander), "--yes", *kept]
        scene.note(f"second slotkit: exit {_run(scene, scene.second)}")
    return inject


def second_goes_on(scene):
    """Each of them finishes what it has begun, one after the other."""
    if getattr(scene, "second", None) is None:
        return
    for attempt in range(TRIES_MAX):
        code = _run(scene, scene.second_resumes)
        scene.note(f"second slotkit resumes: exit {code}")
        if code == 0:
            return
        time.sleep(0.5 * (attempt + 1))


def redis_cli_fix(scene):
    scene.wait_for_moment()
    code = _run(scene, ["redis-cli", "--cluster", "fix", f"127.0.0.1:{scene.cluster.bystander}"])
    scene.note(f"redis-cli fix: exit {code}")


def _run(scene, words):
    """The exit code of a command, and what it said among the round's files."""
    with open(os.path.join(scene.mover.folder, "beside"), "a") as file:
        file.write(f"$ {' '.join(words)}\n")
        file.flush()
        try:
            return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=TIMEOUT_S,
                                  env=scene.mover.environment()).returncode
        except subprocess.TimeoutExpired:
            return "hung"
