#!/usr/bin/python3
"""One real data set, split and standardized: real_sets.py NAME --data ../shared/data --out DIR [--held-out 0.1] [--seed 0] [--rows N]

Writes X.npy, y.npy, X_test.npy, y_test.npy: columns and target standardized by the training rows (columns that are constant there stay 0), a
constant feature appended, rows scaled to unit norm; X_plain.npy and X_plain_test.npy: the standardized columns alone. The targets of mnist
are -1 and +1 as they are. Prints the file used, the target's unit and what predicting the mean of the training rows is off by on those held out.
"""
import argparse
import gzip
import json
import sys
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples/data"
DIGITS = (3, 8)  # of mnist


def delimited(folder, data):
    folder = data / "regression" / folder
    columns = np.loadtxt(folder / "index_features.txt").astype(int)
    table = np.loadtxt(folder / "data.txt")
    return table[:, columns], table[:, int(np.loadtxt(folder / "index_target.txt"))]


def csv(folder, data):
    table = np.loadtxt(data / "regression" / folder / "data.csv.gz", delimiter=",")
    return table[:, :-1], table[:, -1]


def shipped(file, data):
    table = np.loadtxt(EXAMPLES / file, delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1]


def digits(part, data):
    """Images of the two digits, as rows of 784 numbers, and -1 or +1."""
    with gzip.open(data / "mnist" / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    with gzip.open(data / "mnist" / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(len(labels), -1)
    chosen = np.isin(labels, DIGITS)
    return images[chosen].astype(float), np.where(labels[chosen] == DIGITS[0], -1.0, 1.0)


# Name: (reader, folder, training rows or None for all but those held out).
SETS = {
    "boston": (delimited, "bostonHousing", None),
    "yacht": (delimited, "yacht", None),
    "energy": (delimited, "energy", None),
    "diabetes": (shipped, "diabetes.csv", None),
    "concrete": (delimited, "concrete", None),
    "wine-red": (delimited, "wine-quality-red", None),
    "kin8nm": (delimited, "kin8nm", None),
    "power-plant": (delimited, "power-plant", None),
    "protein": (delimited, "protein-tertiary-structure", 10000),
    "kin40k": (csv, "kin40k", 8000),
    "mnist": (digits, "train", 10000),
}
LARGEST_HELD_OUT = 5000


def split(name, a):
    """(X, y, X_test, y_test), rows as they are in the file."""
    reader, source, most = SETS[name]
    X, y = reader(source, a.data)
    order = np.random.default_rng(a.seed).permutation(len(y))
    if name == "mnist":
        rows = order[:a.rows or most]
        return X[rows], y[rows], *digits("t10k", a.data)
    held_out = min(max(1, round(a.held_out * len(y))), LARGEST_HELD_OUT)
    test, rows = order[:held_out], order[held_out:][:a.rows or most]
    return X[rows], y[rows], X[test], y[test]


def standardized(rows, mean, deviation):
    """Columns alone; and with a constant feature, rows of unit norm."""
    plain = (rows - mean) / deviation
    full = np.column_stack([plain, np.ones(len(plain))])
    return plain, full / np.linalg.norm(full, axis=1, keepdims=True)


def write(name, a):
    X, y, X_test, y_test = split(name, a)
    deviation = X.std(axis=0)
    scaling = X.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
    shift, unit = (0.0, 1.0) if name == "mnist" else (float(y.mean()), float(y.std()))
    y, y_test = (y - shift) / unit, (y_test - shift) / unit
    a.out.mkdir(parents=True, exist_ok=True)
    plain, full = standardized(X, *scaling)
    plain_test, full_test = standardized(X_test, *scaling)
    for key, value in dict(X=full, y=y, X_test=full_test, y_test=y_test, X_plain=plain, X_plain_test=plain_test).items():
        np.save(a.out / f"{key}.npy", np.ascontiguousarray(value))
    print(json.dumps(dict(held_out=len(y_test), unit=unit, mean_rmse=float(np.sqrt(np.mean((y_test - y.mean())**2))))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SETS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--held-out", type=float, default=0.1, help=f"share of the rows, {LARGEST_HELD_OUT} at most; mnist has its own test set")
    parser.add_argument("--rows", type=int, default=0, help="training rows at most (0: the set's own number)")
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    try:
        write(a.name, a)
    except FileNotFoundError:
        sys.exit(f"{SETS[a.name][1]} not found under --data")


if __name__ == "__main__":
    main()
