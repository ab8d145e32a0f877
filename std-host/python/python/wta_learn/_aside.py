"""Work of NumPy that cannot be stopped."""

import threading


def left_alone(work):
    """What ``work()`` returns. Ctrl-C does not wait for it: it then goes on alone, and nobody hears of it."""
    results, problems = [], []

    def do():
        try:
            results.append(work())
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    while thread.is_alive():
        # Without a limit, Ctrl-C would wait, too, on some systems.
        thread.join(0.05)
    if problems:
        raise problems[0]
    return results[0]
