#!/usr/bin/python3
"""One peer on one problem, in a process of its own; prints one line of JSON.

    peer.py solve --data DIR --peer NAME --l2 MU --factor F --out X.npy [--intercept]
    peer.py evaluate X.npy ... --data DIR --l2 MU [--intercept]

Minimized everywhere: sum over rows of the loss + MU/2 |x|^2, the intercept not penalized. Data are in memory, in C order or compressed
rows, before the clock starts. F scales the peer's own tolerance, which is set so that F = 1 stands for a relative gradient of 1e-8.
`evaluate` is the judge of all solutions, Raphson's too: objective and gradient in double, sums of blocks added exactly.
"""
import argparse
import json
import math
import os
import sys
import time

import numpy as np

BLOCK = 8192


def load(folder, mapped=False):
    with open(f"{folder}/about.json") as file:
        about = json.load(file)
    y = np.load(f"{folder}/y.npy").ravel()
    if about["sparse"]:
        import scipy.sparse
        parts = (np.load(f"{folder}/{name}.npy").ravel() for name in ("values", "columns", "starts"))
        X = scipy.sparse.csr_matrix(tuple(parts), shape=(about["rows"], about["columns"]))
    else:
        X = np.load(f"{folder}/X.npy", mmap_mode="r" if mapped else None)
    return X, y, about


def losses(z, y, loss):
    """Values and first derivatives of one block."""
    if loss == "poisson":
        e = np.exp(z)
        return e - y * z, e - y
    m = y * z
    value = np.where(m > 0, np.log1p(np.exp(-np.abs(m))), -m + np.log1p(np.exp(-np.abs(m))))
    e = np.exp(-np.abs(m))
    return value, -y * np.where(m > 0, e / (1 + e), 1 / (1 + e))


def objective(X, y, loss, mu, intercept, solutions):
    """f and gradient at each row of `solutions`; one pass over X."""
    count, d = len(solutions), X.shape[1]
    parts, gradient = [[] for _ in range(count)], np.zeros((count, d + intercept))
    W = np.array([s[:d] for s in solutions])
    shift = np.array([s[d] if intercept else 0.0 for s in solutions])
    for begin in range(0, X.shape[0], BLOCK):
        rows, target = X[begin:begin + BLOCK], y[begin:begin + BLOCK]
        Z = rows @ W.T + shift
        for k in range(count):
            value, slope = losses(Z[:, k], target, loss)
            parts[k].append(math.fsum(value))
            gradient[k, :d] += rows.T @ slope
            if intercept:
                gradient[k, d] += math.fsum(slope)
    gradient[:, :d] += mu * W
    return [math.fsum(p) + mu / 2 * float(w @ w) for p, w in zip(parts, W)], gradient


def gradient_at_zero(X, y, loss, intercept):
    zero = np.zeros(X.shape[1] + intercept)
    return float(np.linalg.norm(objective(X, y, loss, 0.0, intercept, [zero])[1]))


def by_sklearn(X, y, about, a, g0):
    if about["loss"] == "poisson":
        from sklearn.linear_model import PoissonRegressor
        solver = a.peer.removeprefix("sklearn-")
        model = PoissonRegressor(alpha=a.l2 / len(y), fit_intercept=a.intercept, solver=solver, max_iter=100000,
                                 tol=1e-8 * a.factor * g0 / len(y))
    else:
        from sklearn.linear_model import LogisticRegression
        solver = "liblinear" if a.peer == "liblinear" else a.peer.removeprefix("sklearn-")
        # On the largest entry of the gradient: of a sum, in newton-cholesky of a mean; liblinear's is relative.
        scale = {"liblinear": 1, "newton-cholesky": g0 / len(y)}.get(solver, g0)
        model = LogisticRegression(penalty="l2" if a.l2 > 0 else None, C=1 / a.l2 if a.l2 > 0 else 1.0, tol=1e-8 * a.factor * scale, solver=solver,
                                   fit_intercept=a.intercept, max_iter=100000)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    x = np.append(model.coef_.ravel(), model.intercept_) if a.intercept else model.coef_.ravel()
    return x, seconds, int(np.max(model.n_iter_))


def by_scipy(X, y, about, a, g0):
    import scipy.optimize
    d, loss, mu = X.shape[1], about["loss"], a.l2

    def f(x):
        z = X @ x[:d] + (x[d] if a.intercept else 0.0)
        value, slope = losses(z, y, loss)
        g = X.T @ slope + mu * x[:d]
        return value.sum() + mu / 2 * x[:d] @ x[:d], np.append(g, slope.sum()) if a.intercept else g

    start = time.perf_counter()
    result = scipy.optimize.minimize(f, np.zeros(d + a.intercept), jac=True, method="L-BFGS-B",
                                     options=dict(maxiter=1000000, maxfun=10000000, ftol=0.0, gtol=1e-8 * a.factor * g0))
    return result.x, time.perf_counter() - start, int(result.nit)


def by_statsmodels(X, y, about, a, g0):
    import statsmodels.api as sm
    family = sm.families.Poisson() if about["loss"] == "poisson" else sm.families.Binomial()
    if about["loss"] != "poisson":
        y = (y > 0).astype(float)
    start = time.perf_counter()
    if a.intercept:
        X = np.column_stack([X, np.ones(len(y))])
    fit = sm.GLM(y, X, family=family).fit(maxiter=100, tol=1e-8 * a.factor)
    return fit.params, time.perf_counter() - start, int(fit.fit_history["iteration"])


def version(peer):
    if peer == "scipy-lbfgs":
        import scipy
        return "SciPy " + scipy.__version__
    if peer == "statsmodels":
        import statsmodels
        return "statsmodels " + statsmodels.__version__
    import sklearn
    return "scikit-learn " + sklearn.__version__


def peak_bytes():
    with open("/proc/self/status") as file:
        return 1024 * int(next(line for line in file if line.startswith("VmHWM")).split()[1])


def solve(a):
    name = version(a.peer)  # imports before data, so that its memory is seen
    X, y, about = load(a.data)
    g0 = gradient_at_zero(X, y, about["loss"], a.intercept)
    way = {"scipy-lbfgs": by_scipy, "statsmodels": by_statsmodels}.get(a.peer, by_sklearn)
    x, seconds, iterations = way(X, y, about, a, g0)
    np.save(a.out, np.asarray(x, dtype=float))
    print(json.dumps({"seconds": seconds, "iterations": iterations, "version": name, "peak_bytes": peak_bytes()}))


def evaluate(a):
    X, y, about = load(a.data, mapped=True)
    g0 = gradient_at_zero(X, y, about["loss"], a.intercept)
    solutions = [np.load(s).ravel() for s in a.solutions]
    with np.errstate(over="ignore", invalid="ignore"):
        f, g = objective(X, y, about["loss"], a.l2, a.intercept, solutions)
    print(json.dumps([{"objective": v, "relative_gradient": float(np.linalg.norm(k)) / g0} for v, k in zip(f, g)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["solve", "evaluate"])
    parser.add_argument("solutions", nargs="*")
    parser.add_argument("--data", required=True)
    parser.add_argument("--peer")
    parser.add_argument("--l2", type=float, default=0.0)
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--intercept", action="store_true")
    parser.add_argument("--out")
    a = parser.parse_args()
    {"solve": solve, "evaluate": evaluate}[a.job](a)


if __name__ == "__main__":
    main()
