"""Tables, verdicts and the picture of benchmarks/convex/run, from the results that it collected."""
import json
import math
import shutil
import subprocess

from shared import machine_text, quick, table

RAPHSON = ["auto", "exact", "preconditioned-cg", "cg", "jacobi-cg", "lbfgs"]
PEERS = ["dsyrk-newton", "sklearn-newton-cholesky", "sklearn-lbfgs", "sklearn-newton-cg", "liblinear", "scipy-lbfgs", "statsmodels", "R-glm", "prototype-h"]
TARGET = 1e-8


def one_line(r):
    if "seconds" not in r or "complaint" in r:
        return r.get("skipped") or r.get("complaint")
    return f"{r['seconds']:9.3f} s, process {r['process_seconds']:.2f} s, relative gradient {r['relative_gradient']:.1e}"


def reached(r):
    return "seconds" in r and r.get("relative_gradient", math.inf) <= 1.1 * TARGET and "complaint" not in r


def floor_seconds(entry):
    """What the work of auto's run costs at the machine's rates, were nothing else to do, where it took preconditioned-cg on dense data: one
    read in double for the gradient at 0, the start and each Newton step, one read of sixteen bits an iteration of CG and their making,
    a read in double for each sketch or Gram matrix, and the multiply-adds of those at the best rate, that of eight bits."""
    r, rates = entry["peers"].get("auto", {}), entry.get("rates")
    if not rates or "seconds" not in r or r.get("used") != "preconditioned-cg" or entry["about"]["sparse"]:
        return None
    n, d = entry["about"]["rows"], entry["about"]["columns"]
    builds = r["full_builds"]
    halves = 2 * (r["inner_iterations"] + 1) + 8 if r["inner_iterations"] else 0
    bytes_read = n * d * (8 * (r["iterations"] + 2 + builds) + halves)
    return bytes_read / rates["read_bytes_per_second"] + builds * (r["sketch_size"] or n) * d * d / rates["gram_rounded_flops"]


def span(results, key, unit):
    """The rates of the cases, from .. to, in words."""
    found = [e["rates"][key] / 1e9 for e in results.values() if "rates" in e]
    return f"{min(found):.0f} to {max(found):.0f} {unit}" if found else "not measured"


def data_bytes(about):
    return 8 * about["rows"] * about["columns"] if not about["sparse"] else 12 * about["nonzeros"] + 4 * about["rows"]


def case_table(entry):
    rows = [["solver", "seconds", "range", "× auto", "process s", "peak / data", "rel. gradient", "f − f*", "iterations", "remark"]]
    auto = entry["peers"].get("auto", {})
    best = min((r["objective"] for r in entry["peers"].values() if "objective" in r and reached(r)), default=math.nan)
    order = sorted(entry["peers"].items(), key=lambda p: (not reached(p[1]), p[1].get("seconds", math.inf)))
    for peer, r in order:
        name = f"raphson {peer}" if peer in RAPHSON else peer
        if "seconds" not in r or "complaint" in r:
            rows.append([name] + ["–"] * 8 + [r.get("skipped") and f"skipped: {r['skipped']}" or r.get("complaint", "")])
            continue
        remark = [] if reached(r) else ["missed 1e-8"]
        if peer in RAPHSON and r.get("status") != "converged":
            remark.append(r["status"])
        if r.get("used") and peer == "auto":
            remark.append(f"used {r['used']}")
        if r.get("sketch_size"):
            remark.append(f"s = {r['sketch_size']}, {r['builds']} built")
        if r.get("factor", 1) != 1:
            remark.append(f"tolerance × {r['factor']:g}")
        if r.get("own_data"):
            remark.append("its own data of the same kind")
        iterations = str(r["iterations"]) + (f" + {r['inner_iterations']}" if r.get("inner_iterations") else "")
        rows.append([name, quick(r["seconds"]), "–".join(quick(s) for s in r["seconds_range"]) if r["repeats"] > 1 else "once",
                     f"{r['seconds'] / auto['seconds']:.2f}" if "seconds" in auto else "–", quick(r["process_seconds"]),
                     f"{r['peak_bytes'] / data_bytes(entry['about']):.2f}" if "peak_bytes" in r else "–", f"{r['relative_gradient']:.1e}",
                     f"{max(0.0, r['objective'] - best):.1e}" if "objective" in r else "–", iterations, ", ".join(remark)])
    return table(rows)


def verdict(entry):
    """Who was quickest to 1e-8, in words; Raphson's losses as plainly as its wins."""
    judged = {p: r for p, r in entry["peers"].items() if reached(r) and not r.get("own_data")}
    ours = {p: r["seconds"] for p, r in judged.items() if p in RAPHSON}
    theirs = {p: r["seconds"] for p, r in judged.items() if p not in RAPHSON}
    if "auto" not in ours:
        return "auto did not reach 1e-8"
    near = [f"{p} ended sooner at {r['relative_gradient']:.0e}" for p, r in entry["peers"].items() if p not in RAPHSON and "own_data" not in r
            and "complaint" not in r and r.get("seconds", math.inf) < ours["auto"] and not reached(r) and r["relative_gradient"] < 1e-5]
    remark = f" ({'; '.join(near)})" if near else ""
    if not theirs:
        return f"no peer reached 1e-8{remark}"
    best = min(theirs, key=theirs.get)
    ratio = theirs[best] / ours["auto"]
    return (f"**wins**: {ratio:.1f}× faster than {best}" if ratio >= 1 else f"**loses** to {best}, which is {1 / ratio:.1f}× faster") + remark


def overview(results):
    rows = [["case", "auto, s", "auto / best own", "exact / auto", "dsyrk Newton / auto", "best sklearn / auto", "auto / floor", "auto / prototype (h)", "peak / data", "auto and the peers"]]
    for name, entry in results.items():
        if "skipped" in entry:
            rows.append([name] + ["–"] * 8 + [f"skipped: {entry['skipped']}"])
            continue
        peers, auto = entry["peers"], entry["peers"].get("auto", {})
        seconds = {p: r["seconds"] for p, r in peers.items() if reached(r)}
        own = [s for p, s in seconds.items() if p in RAPHSON]
        sklearn = [s for p, s in seconds.items() if p.startswith("sklearn")]
        floor = floor_seconds(entry)
        t = seconds.get("auto")

        def ratio(top, bottom):
            return f"{top / bottom:.2f}" if top and bottom else "–"

        rows.append([name, quick(t) if t else "–", ratio(t, min(own, default=None)), ratio(seconds.get("exact"), t), ratio(seconds.get("dsyrk-newton"), t),
                     ratio(min(sklearn, default=None), t), f"{ratio(t, floor)}" + (f" ({quick(floor)} s)" if floor else ""),
                     ratio(t, seconds.get("prototype-h")),
                     f"{auto['peak_bytes'] / data_bytes(entry['about']):.2f}" if "peak_bytes" in auto else "–", verdict(entry)])
    return table(rows)


HEAD = """# Raphson beside its peers

Σ loss + ½μ‖x‖² to a relative gradient of 1e-8, all solvers in one run, {threads} threads each, medians of up to {repeats} runs that take turns.
`seconds` is the solve alone, data in memory in the layout that the peer likes; `process s` is everything, from start to exit. The gradient
and f − f* of each solution are measured by one independent evaluation (`benchmarks/convex/peer.py evaluate`); f* is the least objective
found. A peer whose own stopping rule ended too early got tolerances 10 and 100 times tighter; what still missed 1e-8 says so and does not
count as a rival. Peak memory counts the whole process, interpreter included, over the bytes of the data. A case in several of the commands
below has of each solver what the last command that names it measured.

The floor is what auto's own steps would cost if the machine's measured rates were all that mattered, where it took preconditioned-cg:
reads of A over the read bandwidth ({bandwidth}; one in double for the gradient at 0, the start, every Newton step and every
preconditioner, a quarter of that for an iteration of CG) plus the multiply-adds of the preconditioners at the rate of eight-bit Gram matrices
of so many columns ({gram}); the rough start on an eighth of the rows is not in it. Rates are the better of two measurements, before
and after each case, for neighbours on the machine move them. `dsyrk-newton` is the textbook: from 0, AᵀDA by OpenBLAS's dsyrk over blocks of
rows, Cholesky. Raphson's `exact` forms AᵀDA by kernels of its own and starts on an eighth of the rows. `cg` and so on are
solver names of [solvers.md](../solvers.md).

{machine}

{commands}

"""


def picture(results, path):
    """Seconds of everyone that reached 1e-8, a row a case."""
    names = [n for n, e in results.items() if "peers" in e]
    peers = [p for p in RAPHSON + PEERS if any(p in results[n]["peers"] and reached(results[n]["peers"][p]) for n in names)]
    if not names or not peers or not shutil.which("gnuplot"):
        return False
    script = "set terminal svg size 1000,{} dynamic enhanced font 'sans-serif,13' background '#ffffff'\n".format(240 + 42 * len(names))
    script += f"set output '{path}'\nset logscale x\nset xlabel 'seconds to relative gradient 1e-8, data in memory'\nset grid x\n"
    script += "set key below horizontal maxcols 4\nset format x '%g'\n"
    script += f"set yrange [{-len(names) + 0.5}:0.5]\nset ytics (" + ", ".join(f"'{n}' {-i}" for i, n in enumerate(names)) + ") noenhanced\n"
    for k, p in enumerate(peers):
        script += f"$p{k} << EOD\n"
        for i, n in enumerate(names):
            r = results[n]["peers"].get(p, {})
            if reached(r):
                script += f"{r['seconds']} {-i}\n"
        script += "EOD\n"
    colour = lambda p: "#0072B2" if p in RAPHSON else "#D55E00"
    script += "plot " + ", ".join(f"$p{k} with points pt {k + 1} ps {1.4 if p == 'auto' else 1.0} lw 2 lc rgb '{colour(p)}' title '{p}' noenhanced"
                                  for k, p in enumerate(peers)) + "\n"
    return subprocess.run(["gnuplot"], input=script, text=True).returncode == 0


def write(results, rates, a, out):
    versions = sorted({r["version"] for e in results.values() for r in e.get("peers", {}).values() if "version" in r})
    report = dict(commands=a.commands, rates=rates, versions=versions, threads=a.threads, seed=a.seed,
                  repeats=a.repeats, time_limit=a.time_limit, size=a.size, results=results)
    out.mkdir(parents=True, exist_ok=True)
    (out / "convex.json").write_text(json.dumps(report, indent=1) + "\n")
    text = HEAD.format(threads=a.threads, repeats=a.repeats, bandwidth=span(results, "read_bytes_per_second", "GB/s"), gram=span(results, "gram_rounded_flops", "Gop/s"),
                       machine=machine_text(rates["machine"]) + f" Peers: {', '.join(versions) or 'none'}; seed {a.seed}; time limit {a.time_limit:g} s a solve, for most peers {a.give_up:g} times the seconds of auto.",
                       commands="\n".join(f"    {c}" for c in a.commands))
    text += overview(results)
    if picture(results, out / "convex.svg"):
        text += "\n![Seconds of each solver on each case](convex.svg)\n"
    for name, entry in results.items():
        if "skipped" in entry:
            continue
        about, case = entry["about"], entry["case"]
        text += (f"\n## {name}\n\n{about['rows']} × {about['columns']}{', sparse' if about['sparse'] else ''}, {about['nonzeros']} entries, {case['loss']}, μ = {case['l2']:g}, "
                 f"{'intercept' if case['intercept'] else 'no intercept'}, from {about['source']}.\n\n{case_table(entry)}")
    (out / "convex.md").write_text(text)
    print(f"wrote {out}/convex.md and .json", flush=True)
