# SPDX-License-Identifier: GPL-2.0
"""Runs, a few at a time."""

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from .errors import RigError
from .outcome import Outcome

Job = Callable[[], Outcome]


def width() -> int:
    text = os.environ.get("JOBS", "1")
    if text not in ("1", "2", "3", "4"):
        raise RigError(f"JOBS is 1 to 4 guests at a time, not '{text}'")
    return int(text)


def run(todo: list[Job], done: Callable[[Outcome], None]) -> None:
    """Takes jobs off the list until it is empty, which @done may see to."""
    busy: set[Future[Outcome]] = set()
    with ThreadPoolExecutor(width()) as pool:
        while todo or busy:
            while todo and len(busy) < width():
                busy.add(pool.submit(todo.pop(0)))
            finished, busy = wait(busy, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                done(future.result())
