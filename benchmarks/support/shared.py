"""What the Python halves of the benchmarks share: processes with a limit, tables, the machine in words."""
import json
import os
import signal
import subprocess
import time


def run_process(command, limit, environment):
    """(output, whole seconds, complaint). Stops the process and its children at the limit."""
    start = time.perf_counter()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True,
                               start_new_session=True)
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "", time.perf_counter() - start, f"stopped after {limit:.0f} s"
    except BaseException:  # interrupted or terminated: leave nothing behind
        os.killpg(process.pid, signal.SIGKILL)
        raise
    seconds = time.perf_counter() - start
    if process.returncode:
        lines = errors.strip().splitlines()
        return output, seconds, f"failed ({process.returncode}): {lines[-1][:160] if lines else ''}"
    return output, seconds, None


def environment(threads):
    count = str(threads)
    return dict(os.environ, OPENBLAS_NUM_THREADS=count, OMP_NUM_THREADS=count, MKL_NUM_THREADS=count, PYTHONWARNINGS="ignore")


def before(page, add, command):
    """What the run that this one adds to has written to `page`, or {}; and the commands so far with this one."""
    earlier = json.loads(page.read_text()) if add and page.exists() else {}
    return earlier, earlier.get("commands", []) + [command]


def added(results, name, entry):
    """Puts what was measured of a problem beside what there is of it."""
    if "peers" in entry and "peers" in results.get(name, {}):
        entry = dict(entry, peers=dict(results[name]["peers"], **entry["peers"]))
    results[name] = entry


def log(text):
    print(text, flush=True)


def table(rows):
    widths = [max(len(r[j]) for r in rows) for j in range(len(rows[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(r, widths)) + " |" for r in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|"] + lines[1:]) + "\n"


def quick(seconds):
    return f"{seconds:.3g}" if seconds >= 0.001 else f"{seconds:.1e}"


def machine_text(m):
    return (f"Measured {m['date']} on {m['processor']} ({m['cores']} cores, {m['vector_instructions']}, {m['memory_gib']} GiB), {m['system']}; "
            f"Raphson {m['raphson']} ({m['commit']}), {m['compiler']}, {m['blas']}. Load when it began: {m['load_at_start']}.")
