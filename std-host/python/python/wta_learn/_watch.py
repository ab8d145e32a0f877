"""Progress: a bar or lines while something learns, and a callback after each epoch."""

import sys


class Watcher:
    """What the engine calls with its events."""

    def __init__(self, verbose, callback=None):
        self.history = []
        self._verbose = verbose
        self._callback = callback
        self._bar = None

    def __call__(self, event, *values):
        if event == "epoch":
            self._epoch(*values)
        elif self._verbose:
            getattr(self, f"_{event}")(*values)

    def _epoch(self, row, epochs):
        self.history.append(row)
        if self._verbose:
            line = f"epoch {row['epoch']} of {epochs}: loss {row['loss']:.4g}, dead {row['dead_share']:.1%}"
            self._print(f"{line}, {row['seconds']:.1f} s")
        if self._callback is not None:
            self._callback(dict(row))

    def _begin(self, phase, total):
        try:
            from tqdm.auto import tqdm
        except ImportError:
            self._print(phase)
            return
        self._bar = tqdm(total=total or None, desc=phase, leave=False)

    def _advance(self, steps):
        if self._bar is not None:
            self._bar.update(steps)

    def _end(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _note(self, line):
        self._print(line)

    def _print(self, line):
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr)

    def close(self):
        """Takes the bar away when something went wrong."""
        self._end()
