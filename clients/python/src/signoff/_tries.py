"""When to try again, and when to stop."""

from __future__ import annotations

import random
import time

from ._failures import Failure

_FIRST = 0.25
_GREATEST = 10.0

LAST_TRY = 5.0
"""Seconds after the end of all tries that the last one may take."""


class Exhausted(Exception):
    """A call failed, and is not tried again."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Tries:
    """The tries of one thing within some time: how long to rest after each, and which is the last.

    The one that follows a rest cut short by the end is the last one. Seconds throughout, on the monotonic clock.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._base = _FIRST
        self.is_last = False
        """Whether the next try is the last."""

    def left(self) -> float:
        """Seconds until the end; negative after it."""
        return self._end - time.monotonic()

    def end_in(self, seconds: float) -> None:
        """Moves the end."""
        self._end = time.monotonic() + seconds
        if seconds > 0:
            self.is_last = False

    def succeeded(self) -> None:
        """Lets the rests begin small again."""
        self._base = _FIRST

    def timeout(self, deadline: float) -> float:
        """Seconds that the next try may take, if each may take `deadline`."""
        return max(0.0, min(deadline, self.left() + LAST_TRY))

    def rest(self, failure: Failure) -> float:
        """Seconds to wait after this failure; raises Exhausted after the last try."""
        if self.is_last or not failure.is_passing:
            raise Exhausted(failure)
        # Spread at random, so that callers cut off together do not come back together.
        if failure.retry_after is None:
            seconds = self._base * random.uniform(0.5, 1)
        else:
            seconds = failure.retry_after + self._base * random.random()
        self._base = min(2 * self._base, _GREATEST)
        left = self.left()
        if seconds < left:
            return seconds
        self.is_last = True
        return max(0.0, left)


class HurriedTries(Tries):
    """Tries after the caller stopped waiting: all within a fixed time."""

    SECONDS = 5.0

    def __init__(self) -> None:
        super().__init__(self.SECONDS)

    def timeout(self, deadline: float) -> float:
        """As of Tries, but never beyond the end."""
        return max(0.0, min(deadline, self.left()))

    def rest(self, failure: Failure) -> float:
        """As of Tries, without one after the end."""
        seconds = super().rest(failure)
        if self.is_last:
            raise Exhausted(failure)
        return seconds
