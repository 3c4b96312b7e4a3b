"""One method on one problem, each in a process of its own, judged by peer.py evaluate: what benchmarks/nets/run and real share."""
import argparse
import json
import math
import signal
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(HERE.parent / "support"))
from shared import added, before, environment, log, run_process

RAPHSON = ["auto", "chord", "exact", "kernel-cg"]
PACKAGES = {"torch": "python3-torch", "sklearn": "python3-sklearn", "scipy": "python3-scipy"}
START_DIFFERENCE, START_DIFFERENCE_FLOAT = 1e-10, 1e-4  # of f at W0, largest entry


def module(peer):
    return "torch" if peer.startswith("torch") else "sklearn" if peer in ("sklearn-mlp", "ridge") else "scipy"


def floats(peer):
    return peer.endswith("-float")


def installed(name):
    return subprocess.run(["/usr/bin/python3", "-c", f"import {name}"], capture_output=True).returncode == 0


def disagreement(peer, result):
    """Where a run does not start where all do, or has not got what it claims; None: all is well."""
    if result.get("start_difference", 0.0) > (START_DIFFERENCE_FLOAT if floats(peer) else START_DIFFERENCE):
        return f"f at W0 differs by {result['start_difference']:.1e}"
    claim, judged = result["residual_ratio"], result["judged_ratio"]
    slack = 1e-5 if floats(peer) else 1e-12 + result.get("resolution", 0.0)
    return None if abs(claim - judged) <= slack + 1e-3 * judged else f"claims a residual ratio of {claim:.3e}, has {judged:.3e}"


class Bench:
    def __init__(self, a):
        self.a = a
        self.programs = Path(a.build) / "benchmarks"
        self.worker = self.programs / "bench-nets-worker"
        self.folder = Path(a.work)
        self.env = environment(a.threads)
        # PyTorch has an OpenMP team of its own; OpenBLAS's threads beside it, or a team that waits busily, make it slower.
        self.torch_env = dict(self.env, OMP_WAIT_POLICY="passive", OPENBLAS_NUM_THREADS="1")
        self.absent = {p: self.missing(p) for p in a.peers if p not in RAPHSON}
        self.disagreements = []

    def missing(self, peer):
        """Why a peer cannot run at all; None: it can."""
        if peer == "ceres-cgnr":
            return None if (self.programs / "bench-nets-ceres").exists() else "not built (libceres-dev)"
        return None if installed(module(peer)) else f"not installed ({PACKAGES[module(peer)]})"

    def machine(self):
        output, _, complaint = run_process([self.worker, "--job", "machine", "--threads", self.a.threads], 60, self.env)
        if complaint:
            sys.exit(f"machine: {complaint}")
        return json.loads(output)

    def begin(self, folder, width):
        """Writes W0, signs and f at W0; what is known of the problem, or None and why."""
        command = [self.worker, "--job", "start", "--data", folder, "--width", width, "--seed", self.a.seed]
        output, _, complaint = run_process(command, 600, self.env)
        return (None, complaint) if complaint else (json.loads(output), None)

    def command(self, peer, folder, out, limit):
        if peer in RAPHSON:
            return [self.worker, "--data", folder, "--solver", peer, "--tolerance", self.a.tolerance, "--threads", self.a.threads,
                    "--time-limit", limit, "--seed", self.a.seed, "--out", out]
        if peer == "ceres-cgnr":
            return [self.programs / "bench-nets-ceres", folder, out, limit, self.a.threads, self.a.tolerance, self.a.memory_limit * 1e9]
        return ["/usr/bin/python3", HERE / "peer.py", "solve", "--data", folder, "--peer", peer, "--out", out, "--time-limit", limit,
                "--tolerance", self.a.tolerance, "--threads", self.a.threads, "--seed", self.a.seed]

    def once(self, peer, folder, limit):
        out = folder / peer
        out.mkdir(exist_ok=True)
        for file in out.glob("*.npy"):
            file.unlink()
        grace = 60 + limit  # the limit is the peer's own to keep; imports, reading and trials of rates come on top
        output, whole, complaint = run_process(self.command(peer, folder, out, limit), limit + grace,
                                               self.torch_env if peer.startswith("torch") else self.env)
        if complaint:
            return dict(complaint=complaint, process_seconds=whole)
        result = dict(json.loads(output.strip().splitlines()[-1]), process_seconds=whole)
        output, _, complaint = run_process(["/usr/bin/python3", HERE / "peer.py", "evaluate", out, "--data", folder], 600, self.env)
        if complaint:
            return dict(complaint=f"judge: {complaint}", process_seconds=whole)
        result.update(json.loads(output))
        wrong = disagreement(peer, result)
        if wrong:
            self.disagreements.append(f"{folder.name}: {peer} {wrong}")
            result["disagreement"] = wrong
        return result

    def all_peers(self, folder, peers, limit, repeats=1, least=None):
        """A summary of each, by name. Repeats take turns, so that a busy minute hits all alike; slow ones run once. With `least`, peers get
        the seconds that auto took before them, but so many at least."""
        runs, given = {}, limit
        for peer in peers:
            why = self.absent.get(peer)
            runs[peer] = [dict(skipped=why) if why else self.once(peer, folder, limit if peer in RAPHSON else given)]
            if peer == "auto" and least is not None:
                given = min(limit, max(least, runs[peer][0].get("seconds", limit)))
            log(f"  {peer:20} {one_line(runs[peer][0])}")
        for _ in range(repeats - 1):
            for peer, done in runs.items():
                if done[0].get("seconds", math.inf) < limit / 20:
                    done.append(self.once(peer, folder, limit))
        return {p: summary(r) for p, r in runs.items()}

    def ensure(self, parser):
        if not self.worker.exists():
            parser.error(f"{self.worker} is missing: cmake --preset release -DRAPHSON_BUILD_BENCHMARKS=ON && cmake --build --preset release")
        if not installed("scipy"):
            log("SKIPPED: the judge of all runs needs python3-numpy and python3-scipy (scripts/benchmark-setup)")
            sys.exit(77)
        for peer, why in self.absent.items():
            if why:
                log(f"{peer}: skipped, {why}")

    def verdict(self, results):
        """Ends with 1 when a run of Raphson gave nothing, or when any run is not what it says."""
        broken = [f"{n}: {p}: {r['complaint']}" for n, e in results.items() for p, r in e.get("peers", {}).items()
                  if p in RAPHSON and "complaint" in r]
        if broken or self.disagreements:
            sys.exit("\n".join(broken + self.disagreements))


def seconds_to(result, threshold):
    """First time at which the curve is at or below; infinity: never."""
    return next((t for t, ratio in result["curve"] if ratio is not None and ratio <= threshold * (1 + 1e-9)), math.inf)


THRESHOLDS = [1e-2, 1e-4, 1e-8, 1e-10]


def label(threshold):
    return f"1e{round(math.log10(threshold))}"


def summary(runs):
    """The first run with medians over all."""
    done = [r for r in runs if "complaint" not in r and "skipped" not in r]
    result = dict(runs[0])
    if not done:
        return result
    result["repeats"] = len(done)
    for key in ("seconds", "process_seconds", "peak_bytes"):
        result[key] = statistics.median(r[key] for r in done)
    medians = {t: statistics.median(seconds_to(r, t) for r in done) for t in THRESHOLDS}
    result["seconds_to"] = {label(t): s for t, s in medians.items() if s < math.inf}
    result["seconds_range"] = [min(r["seconds"] for r in done), max(r["seconds"] for r in done)]
    return result


def one_line(r):
    if "complaint" in r or "skipped" in r:
        return r.get("skipped") or r["complaint"]
    text = f"{r['seconds']:9.3f} s, {r['steps']} steps, residual ratio {r['judged_ratio']:.1e}, {r['status']}"
    return text + (f", held-out {r['held_out_rmse']:.4g}" if "held_out_rmse" in r else "") + (f"; {r['disagreement']}" if "disagreement" in r else "")


def options(description, peers):
    """The options that both commands have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="", help=f"names, comma-separated, of {', '.join(peers)}")
    parser.add_argument("--tolerance", type=float, default=1e-10, help="residual ratio at which a run ends")
    parser.add_argument("--memory-limit", type=float, default=8, help="GB that Ceres may take for its Jacobian")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--build", default=str(ROOT / "build/release"))
    parser.add_argument("--work", default=str(ROOT / "build/bench/nets"), help="folder for data and solutions")
    parser.add_argument("--out", default=str(ROOT / "build/bench"))
    parser.add_argument("--docs", action="store_true", help="write to docs/benchmarks")
    parser.add_argument("--add", action="store_true", help="keep what else the last run there has measured, and its command beside this one")
    return parser


def chosen(parser, text, known, what):
    names = text.split(",") if text else []
    unknown = set(names) - set(known)
    if unknown:
        parser.error(f"unknown {what}: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return names


def begin_results(a, out, name, machine):
    """Machine and results of the run that this one adds to, or of none; a.commands: what has been run."""
    command = " ".join([f"benchmarks/nets/{Path(sys.argv[0]).name}"] + sys.argv[1:])
    earlier, a.commands = before(out / f"{name}.json", a.add, command)
    return earlier.get("machine", machine), earlier.get("results", {})


def begin_command(a):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    return ROOT / "docs/benchmarks" if a.docs else Path(a.out)
