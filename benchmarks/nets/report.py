"""Tables and pictures of benchmarks/nets/run and benchmarks/nets/real, from the results that they collected."""
import json
import math
import shutil
import subprocess

from bench import RAPHSON, THRESHOLDS, label
from shared import machine_text, quick, table

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B4513", "#808000", "#800080", "#A0A0A0"]


def title(peer):
    return f"raphson {peer}" if peer in RAPHSON else peer


def ran(r):
    return "judged_ratio" in r


def to(r, threshold):
    return r.get("seconds_to", {}).get(label(threshold))


def remark(peer, r):
    parts = [r["status"]] if r["status"] not in ("reached the tolerance", "converged", "USER_SUCCESS", "solved") else []
    if r.get("remark"):
        parts.append(r["remark"])
    if peer == "auto" and r.get("used"):
        parts.append(f"used {r['used']}")
    if "disagreement" in r:
        parts.append(f"**{r['disagreement']}**")
    return ", ".join(parts)


def unfinished(r):
    return r.get("skipped") and f"skipped: {r['skipped']}" or r.get("complaint", "")


def case_table(entry):
    rows = [["method"] + [f"s to {label(t)}" for t in THRESHOLDS] + ["× auto", "reached", "steps", "ms a step", "peak MB", "remark"]]
    peers = entry["peers"]
    base = to(peers.get("auto", {}), THRESHOLDS[-1])
    order = sorted(peers.items(), key=lambda p: ([to(p[1], t) or math.inf for t in reversed(THRESHOLDS)], p[1].get("judged_ratio", math.inf)))
    for peer, r in order:
        if not ran(r):
            rows.append([title(peer)] + ["–"] * 9 + [unfinished(r)])
            continue
        seconds = [to(r, t) for t in THRESHOLDS]
        steps = str(r["steps"]) + (f" + {r['inner_steps']}" if r.get("inner_steps") else "")
        rows.append([title(peer)] + [quick(s) if s else "–" for s in seconds] + [f"{seconds[-1] / base:.3g}" if base and seconds[-1] else "–",
                    f"{r['judged_ratio']:.1e}", steps, quick(1e3 * r["seconds"] / max(1, r["steps"])), f"{r['peak_bytes'] / 1e6:.0f}", remark(peer, r)])
    return table(rows)


def verdict(peers):
    """Who was quickest to the best accuracy that anyone but Raphson reached; Raphson's losses as plainly as its wins."""
    ours, theirs = ({p: r for p, r in peers.items() if ran(r) and (p in RAPHSON) == own} for own in (True, False))
    if not theirs:
        return "no peer ran"
    texts = []
    for threshold in (THRESHOLDS[0], THRESHOLDS[-1]):
        best = {p: to(r, threshold) for p, r in theirs.items() if to(r, threshold)}
        auto = to(ours.get("auto", {}), threshold)
        if not best or not auto:
            texts.append(f"{label(threshold)}: " + ("auto did not get there" if best else "no peer got there" if auto else "nobody got there"))
            continue
        first = min(best, key=best.get)
        ratio = best[first] / auto
        texts.append(f"{label(threshold)}: " + (f"**wins**, {ratio:.1f}× faster than {first}" if ratio >= 1 else f"**loses** to {first}, {1 / ratio:.1f}× faster"))
    return "; ".join(texts)


def overview(results):
    rows = [["n × d × m", "auto, s to 1e-10", "auto / best own", "numpy-gram / auto", "torch-lbfgs / auto", "ceres-cgnr / auto", "exact / kernel-cg, a step", "auto and the peers"]]
    for name, entry in results.items():
        if "skipped" in entry:
            rows.append([name] + ["–"] * 6 + [f"skipped: {entry['skipped']}"])
            continue
        peers = entry["peers"]
        t = {p: to(r, THRESHOLDS[-1]) for p, r in peers.items() if to(r, THRESHOLDS[-1])}
        own, auto = [t[p] for p in RAPHSON if p in t], t.get("auto")
        step = {p: r["seconds"] / max(1, r["steps"]) for p, r in peers.items() if ran(r)}

        def over(peer):
            if peer not in peers or not auto:
                return "–"
            return f"{t[peer] / auto:.1f}" if peer in t else f"never ({peers[peer]['judged_ratio']:.0e})" if ran(peers[peer]) else "–"

        rows.append([name, quick(auto) if auto else "–", f"{auto / min(own):.2f}" if auto else "–", over("numpy-gram"), over("torch-lbfgs"),
                     over("ceres-cgnr"), f"{step['exact'] / step['kernel-cg']:.2f}" if {"exact", "kernel-cg"} <= step.keys() else "–", verdict(peers)])
    return table(rows)


def real_table(results):
    rows = [["data", "n × d, held out", "method", "seconds", "steps", "residual ratio", "s to 1e-2", "s to 1e-8", "held-out RMSE", "÷ mean's", "peak MB", "remark"]]
    for name, entry in results.items():
        if "skipped" in entry:
            rows.append([name] + ["–"] * 10 + [f"skipped: {entry['skipped']}"])
            continue
        about = entry["about"]
        shape = f"{about['rows']} × {about['columns']}, {about['held_out']}"
        for peer, r in entry["peers"].items():
            first = [name, shape] if peer == next(iter(entry["peers"])) else ["", ""]
            if not ran(r):
                rows.append(first + [title(peer)] + ["–"] * 8 + [unfinished(r)])
                continue
            notes = [remark(peer, r)] if remark(peer, r) else []
            if about["floor"] > 0:
                notes.append(f"floor {about['floor']:.1e}")
            if name.startswith("mnist"):
                notes.append(f"{100 * r['held_out_signs_wrong']:.2f} % wrong")
            rows.append(first + [title(peer), quick(r["seconds"]), str(r["steps"]) if r["steps"] else "–", f"{r['judged_ratio']:.2e}"] +
                        [quick(to(r, t)) if to(r, t) else "–" for t in (1e-2, 1e-8)] +
                        [f"{r['held_out_rmse'] * about['unit']:.4g}", f"{r['held_out_rmse'] / about['mean_rmse']:.3f}", f"{r['peak_bytes'] / 1e6:.0f}",
                         ", ".join(notes)])
    return table(rows)


def picture(results, path):
    """Residual ratio against seconds, a panel a problem."""
    panels = {n: {p: r for p, r in e["peers"].items() if ran(r) and len(r["curve"]) > 1} for n, e in results.items() if "peers" in e}
    panels = {n: p for n, p in panels.items() if p}
    if not panels or not shutil.which("gnuplot"):
        return False
    across = min(2, len(panels))
    down = math.ceil(len(panels) / across)
    names = sorted({p for e in panels.values() for p in e}, key=lambda p: (p not in RAPHSON, RAPHSON.index(p) if p in RAPHSON else p))
    style = {p: f"lw {2 if p in RAPHSON else 1.2} lc rgb '{COLOURS[k % len(COLOURS)]}'" for k, p in enumerate(names)}
    script = f"set terminal svg size {520 * across},{330 * down} dynamic enhanced font 'sans-serif,12' background '#ffffff'\nset output '{path}'\n"
    script += "set logscale xy\nset grid\nset format y '1e%T'\nset format x '%g'\nset xtics font ',9'\nset xlabel 'seconds'\nset ylabel '‖f − y‖ / ‖f_0 − y‖'\n"
    script += f"set yrange [1e-11:2]\nset key outside right top font ',10'\nset multiplot layout {down},{across}\n"
    for name, peers in panels.items():
        for k, p in enumerate(peers):
            lines = "".join(f"{max(s, 1e-4)} {ratio}\n" for s, ratio in peers[p]["curve"] if ratio is not None)
            script += f"$p{k} << EOD\n{lines}EOD\n"
        script += f"set title '{name}' noenhanced\nplot " + ", ".join(f"$p{k} with steps {style[p]} title '{title(p)}' noenhanced" for k, p in enumerate(peers)) + "\n"
    return subprocess.run(["gnuplot"], input=script + "unset multiplot\n", text=True).returncode == 0


HEAD = """# Two-layer networks beside the peers

f(x) = m^{{-1/2}} Σᵣ aᵣ max(⟨wᵣ,x⟩, 0) trained full batch on n rows on the unit sphere of R^d with smooth targets (`generate_sphere`): the same data, model,
W₀ and signs for all, double precision unless the name says float; MLPRegressor alone has a parametrization (biases, both layers trained) and a start of its own.
Seconds until ‖f − y‖ ≤ ε ‖f₀ − y‖ from data in memory, {threads} threads, medians of up to {repeats} runs that take turns, runs above {slow:g} s once; a run ends at
{tolerance:g} or after {give_up:g} s. `reached` is measured on the returned weights by one independent evaluation in double. Peak memory is the whole process,
interpreter included.

{machine} Peers: {versions}; seed {seed}.

{commands}

"""

PEERS_TEXT = """
* `numpy-gram`: undamped Gauss-Newton steps on G = (XXᵀ) ∘ (ΦΦᵀ)/m, activations, G and its Cholesky factor in single precision.
* `ceres-cgnr`: Levenberg-Marquardt, conjugate gradients on the normal equations, d × d Jacobi blocks. It stores J, n·m·d doubles, and looks at the clock between steps only.
* `torch-lbfgs`: strong Wolfe line search, history 100 (less where that exceeds 1 GB); `torch-adam`: the best rate of 1e-3, 1e-2, 1e-1 after a trial of each that is
  not counted; `torch-gd`: step 1/λmax. OMP_WAIT_POLICY=passive and one OpenBLAS thread, with which PyTorch is quickest here.
* `sklearn-mlp`: MLPRegressor(solver="lbfgs", alpha=0), restarted where its own rule, which cannot be tightened, ends it.
"""

REAL_HEAD = """# Networks on real data

Two-layer ReLU nets of width {width}, trained on squared error with default options for at most {time_limit:g} s ({small_limit:g} s below 2000 rows), beside what else one would run on
the same rows, given {given}. Columns and target standardized by the training rows, a constant feature appended, rows scaled to unit norm; ridge and MLPRegressor, whose
users would not scale rows, get the standardized columns as they are. Ridge (penalty by leave-one-out) and kernel ridge with the NTK of Eq. (5) (penalty by a
fifth of the training rows) run to their end whatever the limit. Rows are split at random (seed {seed}), the same for everybody. A run ends at a residual ratio
‖f − y‖/‖f₀ − y‖ of {tolerance:g}; `floor`: what rows with equal features and different targets allow. Held-out RMSE is in the target's own units and as a multiple of the error of
predicting the mean. What interpolates noise predicts worse: a small residual ratio is no merit of a model here, only of its optimizer.

{machine} Peers: {versions}.

{commands}

"""


def write_page(name, head, body, results, machine, a, out):
    versions = sorted({r["version"] for e in results.values() for r in e.get("peers", {}).values() if r.get("version")})
    out.mkdir(parents=True, exist_ok=True)
    settings = {k: v for k, v in vars(a).items() if k not in ("build", "work", "out", "data", "commands")}
    (out / f"{name}.json").write_text(json.dumps(dict(commands=a.commands, machine=machine, versions=versions, settings=settings, results=results), indent=1) + "\n")
    text = head.format(machine=machine_text(machine), versions=", ".join(versions) or "none",
                       commands="\n".join(f"    {c}" for c in a.commands), **settings) + body
    if picture(results, out / f"{name}.svg"):
        text += f"\n![Residual ratio against seconds]({name}.svg)\n"
    (out / f"{name}.md").write_text(text)
    print(f"wrote {out}/{name}.md and .json", flush=True)


def write(results, machine, a, out):
    body = overview(results) + PEERS_TEXT
    for name, entry in results.items():
        if "peers" in entry:
            body += f"\n## n = {entry['about']['rows']}, d = {entry['about']['columns']}, m = {entry['about']['width']}\n\n{case_table(entry)}"
    a.slow = a.give_up / 20
    write_page("nets", HEAD, body, results, machine, a, out)


def write_real(results, machine, a, out):
    a.given = "the same limit" if a.whole_time else "the seconds that auto took, ten at least"
    write_page("nets_real", REAL_HEAD, real_table(results), results, machine, a, out)
