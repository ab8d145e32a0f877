"""Ctrl-C ends every call within a second."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

# What is made before, and the call. Each takes several seconds if nobody stops it.
CALLS = {
    "zca.fit": ("X = r.random((3000, 2500), dtype='f4')", "ZCA().fit(X)"),
    "zca.transform": (
        "X = r.random((3000, 1, 96, 96), dtype='f4'); zca = ZCA(patch_size=15).fit(X[:20])",
        "zca.transform(X)",
    ),
    "local_contrast.transform": (
        "X = r.random((3000, 1, 128, 128), dtype='f4'); c = LocalContrast(window=51).fit(X)",
        "c.transform(X)",
    ),
    "newton": (
        "X = r.random((20000, 1800), dtype='f4'); y = r.integers(2, size=len(X))",
        "LinearSVC(solver='newton', tol=1e-12, n_threads=2).fit(X, y)",
    ),
    "dual": (
        "X = r.random((20000, 1500), dtype='f4'); y = r.integers(10, size=len(X))",
        "LinearSVC(solver='dual', C=1e3, tol=1e-12, n_threads=2).fit(X, y)",
    ),
    "autoencoder.transform": (
        "X = r.random((2000, 1, 32, 32), dtype='f4'); n = WTAAutoencoder(64, kernel_size=7, n_layers=3, epochs=0)\n"
        "n.set_params(batch_size=10, n_threads=2).fit(X[:10])",
        "n.transform(X)",
    ),
    "autoencoder.codes": (
        "X = r.random((2000, 1, 32, 32), dtype='f4'); n = WTAAutoencoder(64, kernel_size=7, n_layers=3, epochs=0)\n"
        "n.set_params(batch_size=10, n_threads=2).fit(X[:10])",
        "n.codes(X)",
    ),
    "stack.fit": (
        "X = r.random((2000, 1, 32, 32), dtype='f4'); n = WTAAutoencoder(64, kernel_size=7, n_layers=3, epochs=0)\n"
        "s = StackedWTA([n, WTAAutoencoder(5, epochs=1)], n_threads=2)",
        "s.fit(X)",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_ends_a_call_within_a_second(name):
    before, call = CALLS[name]
    script = textwrap.dedent("""
        import signal
        import time
        import numpy as np
        from wta_learn import *
        # Where tests run in the background, signals may be ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        r = np.random.default_rng(0)
        {before}
        print("begun", flush=True)
        try:
            while True:
                {call}
        except KeyboardInterrupt:
            print("stopped", time.time(), flush=True)
    """).format(before=before, call=call)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "begun\n"
        time.sleep(1)
        sent = time.time()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0].split()
        assert said[0] == "stopped" and float(said[1]) - sent < 1.0
    finally:
        process.kill()
