#!/usr/bin/python3
"""One peer on one problem, in a process of its own; prints one line of JSON.

    peer.py solve --data DIR --peer NAME --out DIR --time-limit S --threads T [--tolerance 1e-10]
    peer.py evaluate OUT --data DIR

DIR holds X.npy, y.npy, W0.npy (m x d), signs.npy, f0.npy and, for real data, X_test.npy, y_test.npy, X_plain.npy, X_plain_test.npy
(without constant feature and scaling of rows: what MLPRegressor and ridge take). All train
f(x) = sum_r a_r max(<w_r, x>, 0) / sqrt(m) from W0 with fixed signs a on 1/2 |f - y|^2, but for MLPRegressor, which has biases, trains both
layers and draws its own start, and ridge and kernel-ridge, which are no networks. The clock starts with the data in memory. `curve` holds
seconds and |f - y| / |f0 - y|, f0 the common start: points that improve the last one kept by a tenth, or pass 1e-2, 1e-4, 1e-8, 1e-10.
`evaluate` is the judge of all, Raphson too: the residual ratio in double, and how far f at W0 is from the common one.
"""
import argparse
import json
import math
import os
import sys
import time

import numpy as np


def load(folder, name):
    return np.load(f"{folder}/{name}.npy")


def peak_bytes():
    with open("/proc/self/status") as file:
        return 1024 * int(next(line for line in file if line.startswith("VmHWM")).split()[1])


class OutOfTime(Exception):
    pass


class Reached(Exception):
    pass


class Curve:
    """Residual norms against seconds; says when to end."""

    def __init__(self, reference, tolerance, time_limit):
        self.reference, self.tolerance, self.time_limit = reference, tolerance, time_limit
        self.points, self.best, self.steps = [], math.inf, 0
        self.start = time.perf_counter()

    def seconds(self):
        return time.perf_counter() - self.start

    def add(self, norm):
        """True where this is the best point so far."""
        now, ratio = self.seconds(), float(norm) / self.reference
        better = ratio < self.best
        if better:
            self.best = ratio
            last = self.points[-1][1] if self.points else math.inf
            if ratio < 0.9 * last or any(ratio <= t < last for t in (1e-2, 1e-4, 1e-8, 1e-10)):
                self.points.append([now, ratio])
        return better

    def check(self):
        """To be called when the best point is safe."""
        if self.best <= self.tolerance:
            raise Reached
        if self.seconds() > self.time_limit:
            raise OutOfTime


# ---- PyTorch ---------------------------------------------------------------------------------------------------------------------------

class Torch:
    """The net in PyTorch, differentiated by autograd; double unless the peer's name ends in -float."""

    def __init__(self, a):
        import torch
        self.torch, self.a = torch, a
        torch.set_num_threads(a.threads)
        kind = torch.float32 if a.peer.endswith("-float") else torch.float64
        self.X, self.y, self.W0, self.signs = (torch.as_tensor(load(a.data, k), dtype=kind) for k in ("X", "y", "W0", "signs"))
        with torch.no_grad():
            f0 = self.f(self.W0)
            np.save(f"{a.out}/f0.npy", f0.double().numpy())
            self.reference = float((f0 - self.y).double().norm())

    def f(self, W):
        return (self.X @ W.T).relu() @ self.signs / math.sqrt(len(self.signs))

    def start(self):
        return self.W0.clone().requires_grad_()

    def run(self, steps, W, curve):
        """Ends with the reason; the best W is kept."""
        self.best = W.detach().clone()

        def residual():
            r = self.f(W) - self.y
            if curve.add(r.detach().double().norm()):
                with self.torch.no_grad():
                    self.best.copy_(W)
            curve.check()
            return r

        try:
            return steps(W, residual, curve)
        except Reached:
            return "reached the tolerance"
        except OutOfTime:
            return "time limit"

    def lbfgs(self, W, residual, curve):
        # History of 100 is PyTorch's default; fewer where that would take more than a gigabyte.
        history = int(min(100, max(5, 1e9 / (2 * W.numel() * W.element_size()))))
        rule = self.torch.optim.LBFGS([W], max_iter=1000, max_eval=1250, history_size=history, tolerance_grad=0, tolerance_change=0,
                                      line_search_fn="strong_wolfe")

        def closure():
            rule.zero_grad()
            loss = residual().square().sum() / 2
            loss.backward()
            curve.steps += 1
            return loss

        before = math.inf
        while True:
            rule.step(closure)
            if not curve.best < 0.999 * before:
                return "no more progress"
            before = curve.best

    def first_order(self, rule):
        def steps(W, residual, curve):
            optimizer = rule(W)
            while True:
                optimizer.zero_grad()
                loss = residual().square().sum() / 2
                if not math.isfinite(float(loss)):
                    return "diverged"
                loss.backward()
                optimizer.step()
                curve.steps += 1
        return steps

    def largest_eigenvalue(self):
        """Of J J^T at W0, by ten steps of the power method: 1 / it is the step length that the papers analyse."""
        with self.torch.no_grad():
            scale = self.signs / math.sqrt(len(self.signs))
            slopes = (self.X @ self.W0.T >= 0).to(self.X.dtype) * scale
            v = self.torch.ones_like(self.y)
            for _ in range(10):
                v = v / v.norm()
                U = slopes.T @ (v[:, None] * self.X)
                v = ((self.X @ U.T) * slopes).sum(1)
            return float(v.norm())

    def rate_by_trial(self, rules):
        """The rule whose loss is least after a twentieth of the time limit each; these trials are not counted."""
        each, best, name = min(20.0, self.a.time_limit / 20), math.inf, None
        for candidate, rule in rules.items():
            curve = Curve(self.reference, self.a.tolerance, each)
            self.run(self.first_order(rule), self.start(), curve)
            if curve.best < best:
                best, name = curve.best, candidate
        return name or next(iter(rules))


def by_torch(a):
    net = Torch(a)
    optim, remark = net.torch.optim, ""
    if "lbfgs" in a.peer:
        steps = net.lbfgs
    elif "adam" in a.peer:
        rate = net.rate_by_trial({r: lambda W, r=r: optim.Adam([W], lr=r) for r in (1e-3, 1e-2, 1e-1)})
        steps, remark = net.first_order(lambda W: optim.Adam([W], lr=rate)), f"rate {rate:g}"
    else:
        rate = 1 / net.largest_eigenvalue()
        steps, remark = net.first_order(lambda W: optim.SGD([W], lr=rate)), f"rate {rate:.2g}"
    curve = Curve(net.reference, a.tolerance, a.time_limit)
    end = net.run(steps, net.start(), curve)
    seconds = curve.seconds()
    np.save(f"{a.out}/W.npy", net.best.double().numpy())
    return curve, seconds, end, remark, "PyTorch " + net.torch.__version__


# ---- NumPy -----------------------------------------------------------------------------------------------------------------------------

def forward(X, W, signs, block=2048):
    """f in double; blocks of rows, so that no n x m array is needed."""
    f = np.empty(len(X))
    for begin in range(0, len(X), block):
        Z = X[begin:begin + block] @ W.T
        f[begin:begin + block] = np.maximum(Z, 0) @ signs
    return f / math.sqrt(len(signs))


def by_numpy(a):
    """Undamped Gram-Gauss-Newton: G = (X X^T) o (P P^T) / m with P in single precision, as is its Cholesky factor; f and W in double."""
    import scipy
    from scipy.linalg import cho_factor, cho_solve
    X, y, W, signs = (load(a.data, k) for k in ("X", "y", "W0", "signs"))
    m = len(signs)

    def pattern(W):
        Z = X @ W.T
        P = (Z >= 0).astype(np.float32)
        return np.maximum(Z, 0, out=Z) @ signs / math.sqrt(m), P

    f0 = forward(X, W, signs)
    np.save(f"{a.out}/f0.npy", f0)
    curve, best, end = Curve(np.linalg.norm(f0 - y), a.tolerance, a.time_limit), W, None
    try:
        K = X @ X.T
        while True:
            f, P = pattern(W)
            r = f - y
            if curve.add(np.linalg.norm(r)):
                best = W
            curve.check()
            if not np.linalg.norm(r) < 1e6 * curve.reference:
                end = "diverged"
                break
            G = (K * (P @ P.T) / m).astype(np.float32)
            z = cho_solve(cho_factor(G, overwrite_a=True), r.astype(np.float32)).astype(float)
            W = W - signs[:, None] * (P.T @ (z[:, None] * X).astype(np.float32)).astype(float) / math.sqrt(m)
            curve.steps += 1
    except Reached:
        end = "reached the tolerance"
    except OutOfTime:
        end = "time limit"
    except np.linalg.LinAlgError as error:
        end = f"Cholesky: {error}"
    seconds = curve.seconds()
    np.save(f"{a.out}/W.npy", best)
    return curve, seconds, end, "", f"NumPy {np.__version__}, SciPy {scipy.__version__}"


# ---- scikit-learn ----------------------------------------------------------------------------------------------------------------------

def plain(a):
    """Features as users of scikit-learn have them."""
    return "X_plain" if os.path.exists(f"{a.data}/X_plain.npy") else "X"


def save_predictions(a, predict, features="X"):
    """f for peers that have no W: on the training rows and on those held out."""
    np.save(f"{a.out}/predicted.npy", predict(load(a.data, features)))
    if os.path.exists(f"{a.data}/X_test.npy"):
        np.save(f"{a.out}/predicted_test.npy", predict(load(a.data, features + "_test")))


def by_mlp(a):
    import sklearn
    from sklearn.neural_network import MLPRegressor
    X, y, signs, f0 = (load(a.data, k) for k in (plain(a), "y", "signs", "f0"))
    curve, rows = Curve(np.linalg.norm(f0 - y), a.tolerance, a.time_limit), len(y)

    class Watched(MLPRegressor):
        best = None

        def _loss_grad_lbfgs(self, packed, *arguments):
            loss, gradient = super()._loss_grad_lbfgs(packed, *arguments)
            curve.steps += 1
            if curve.add(math.sqrt(2 * rows * loss)):
                self.best = packed.copy()
            curve.check()
            return loss, gradient

    model = Watched((len(signs),), solver="lbfgs", alpha=0, tol=0, max_iter=10**6, max_fun=10**8, warm_start=True, random_state=a.seed)
    end = "no more progress"
    try:
        model.fit(X, y)
        before = math.inf
        while curve.best < 0.999 * before:  # SciPy's own stopping rule, which cannot be set here, ended too soon
            before = curve.best
            model.fit(X, y)
    except Reached:
        end = "reached the tolerance"
    except OutOfTime:
        end = "time limit"
    seconds = curve.seconds()
    if model.best is not None:
        model._unpack(model.best)
        model.out_activation_ = "identity"
        save_predictions(a, lambda rows: model._forward_pass_fast(rows, check_input=False).ravel(), plain(a))
    return curve, seconds, end, "own parametrization and start", "scikit-learn " + sklearn.__version__


def by_ridge(a):
    import sklearn
    from sklearn.linear_model import RidgeCV
    X, y = load(a.data, plain(a)), load(a.data, "y")
    curve = Curve(np.linalg.norm(load(a.data, "f0") - y), 0.0, math.inf)
    model = RidgeCV(np.logspace(-6, 4, 21)).fit(X, y)
    curve.add(np.linalg.norm(model.predict(X) - y))
    seconds = curve.seconds()
    save_predictions(a, model.predict, plain(a))
    return curve, seconds, "solved", f"penalty {model.alpha_:.2g} by leave-one-out", "scikit-learn " + sklearn.__version__


def ntk(X, Z):
    """Eq. (5): <x,z> (pi - angle) / 2 pi."""
    K = X @ Z.T
    cosines = K / np.linalg.norm(X, axis=1)[:, None] / np.linalg.norm(Z, axis=1)[None, :]
    return K * (math.pi - np.arccos(np.clip(cosines, -1, 1))) / (2 * math.pi)


def by_kernel_ridge(a):
    """Penalty by a fifth of the training rows, then all of them."""
    import scipy
    from scipy.linalg import cho_factor, cho_solve
    X, y = load(a.data, "X"), load(a.data, "y")
    curve = Curve(np.linalg.norm(load(a.data, "f0") - y), 0.0, math.inf)
    K = ntk(X, X)
    order = np.random.default_rng(a.seed).permutation(len(y))
    held, used = order[:len(y) // 5], order[len(y) // 5:]
    part, check = K[np.ix_(used, used)], K[np.ix_(held, used)]

    def fitted(G, mu, target):
        G = G.copy()
        G[np.diag_indices_from(G)] += mu
        return cho_solve(cho_factor(G, overwrite_a=True, lower=True), target)

    best, mu = math.inf, None
    for candidate in np.logspace(-6, 1, 8):
        try:
            error = np.linalg.norm(check @ fitted(part, candidate, y[used]) - y[held])
        except np.linalg.LinAlgError:
            continue
        if error < best:
            best, mu = error, candidate
    del part
    z = fitted(K, mu, y)
    curve.add(np.linalg.norm(K @ z - y))
    seconds = curve.seconds()
    save_predictions(a, lambda rows: ntk(rows, X) @ z)
    return curve, seconds, "solved", f"penalty {mu:.1g} by validation", "SciPy " + scipy.__version__


# ---- jobs ------------------------------------------------------------------------------------------------------------------------------

def solve(a):
    ways = {"numpy-gram": by_numpy, "sklearn-mlp": by_mlp, "ridge": by_ridge, "kernel-ridge": by_kernel_ridge}
    curve, seconds, end, remark, version = ways.get(a.peer, by_torch)(a)
    print(json.dumps(dict(seconds=seconds, status=end, steps=curve.steps, residual_ratio=curve.best, curve=curve.points, remark=remark,
                          version=version, peak_bytes=peak_bytes())))


def predictions(a):
    """f on the training rows; a function that gives f on those held out; and the sums of the absolute values that f is made of."""
    if os.path.exists(f"{a.target}/W.npy"):
        W, signs = load(a.target, "W"), load(a.data, "signs")
        return forward(load(a.data, "X"), W, signs), lambda: forward(load(a.data, "X_test"), W, signs), forward(load(a.data, "X"), W, np.abs(signs))
    f = load(a.target, "predicted")
    return f, lambda: load(a.target, "predicted_test"), np.abs(f)


def evaluate(a):
    y, f0 = load(a.data, "y"), load(a.data, "f0")
    f, held_out, terms = predictions(a)
    start = np.linalg.norm(f0 - y)
    # Of sums that cancel, two programs round differently.
    result = dict(judged_ratio=float(np.linalg.norm(f - y) / start), resolution=float(8 * np.finfo(float).eps * np.linalg.norm(terms) / start), train_rmse=float(np.sqrt(np.mean((f - y)**2))))
    if os.path.exists(f"{a.target}/f0.npy"):
        result["start_difference"] = float(np.abs(load(a.target, "f0") - f0).max())
    if os.path.exists(f"{a.data}/y_test.npy"):
        y, f = load(a.data, "y_test"), held_out()
        result.update(held_out_rmse=float(np.sqrt(np.mean((f - y)**2))), held_out_signs_wrong=float(np.mean(np.sign(f) != np.sign(y))))
    print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["solve", "evaluate"])
    parser.add_argument("target", nargs="?", help="evaluate: folder of the solution")
    parser.add_argument("--data", required=True)
    parser.add_argument("--peer")
    parser.add_argument("--out")
    parser.add_argument("--time-limit", type=float, default=60)
    parser.add_argument("--tolerance", type=float, default=1e-10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    {"solve": solve, "evaluate": evaluate}[a.job](a)


if __name__ == "__main__":
    main()
