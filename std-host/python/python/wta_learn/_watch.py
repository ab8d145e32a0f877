"""Progress: a bar or lines while something learns, and a callback after each epoch."""

import sys


class Watcher:
    """What the engine calls with its events."""

    def __init__(self, verbose, callback=None, callbacks=None):
        self.history = []
        # Of single networks of a stack, by the names of their recipes.
        self._callbacks = callbacks or {}
        self._training = None
        self._verbose = verbose
        self._callback = callback
        self._bar = None

    def __call__(self, event, *values):
        if event == "begin" and values[0].startswith("train "):
            self._training = values[0][len("train "):]
        if event == "epoch":
            self._epoch(*values)
        elif self._verbose:
            getattr(self, f"_{event}")(*values)

    def _epoch(self, row, epochs):
        self.history.append(row)
        if self._verbose:
            line = f"epoch {row['epoch']} of {epochs}: loss {row['loss']:.4g}, dead {row['dead_share']:.1%}"
            self._print(f"{line}, {row['seconds']:.1f} s")
        for callback in (self._callbacks.get(self._training), self._callback):
            if callback is not None:
                callback(dict(row))

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
