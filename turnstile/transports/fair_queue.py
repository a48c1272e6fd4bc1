"""Jobs that wait for a place to run, shared fairly among their owners."""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, NamedTuple, TypeVar

Job = TypeVar("Job")

_SHARE: Final = 3  # how many times as many places as are free a group may have


class Member(NamedTuple):
    """An owner that is one of several with the same group.

    Args:
        owner: Itself.
        group: Shared by all of them.
    """

    owner: object
    group: object


def owner_for(session: object, identity: str) -> object:
    """Return the owner for a session, which is one of its client's where an identity is known."""
    return Member(session, identity) if identity else session


class _Group:
    """How many jobs the owners of one group have."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting = 0


class _Jobs(Generic[Job]):
    """The jobs of one owner."""

    __slots__ = ("group", "running", "waiting")

    def __init__(self, group: _Group) -> None:
        self.group = group
        self.waiting: deque[Job] = deque()
        self.running = 0


class FairQueue(Generic[Job]):
    """Start jobs in turn: the oldest of the next owner's. Not thread-safe.

    An owner is given another place only while more places are free than it has. So it gets half of them at the most, a
    second one half of the rest, and so on: in 16 places, four owners whose jobs never end leave one to the others. The
    places to wait are given by the same rule.

    The owners of one group (`Member`) together are given another place only while a third as many are free as they
    have: three quarters at the most, so that nobody has all by being several owners.

    Args:
        places: How many jobs run at the same time.
        max_waiting: How many more may wait; None for any number.
    """

    def __init__(self, places: int, max_waiting: int | None = None) -> None:
        self._places = places
        self._max_waiting = max_waiting
        self._owners: dict[object, _Jobs[Job]] = {}
        self._groups: dict[object, _Group] = {}
        self._turns: dict[object, None] = {}  # the owners of jobs that wait, the next one first
        self.running = 0
        """How many jobs run."""
        self.waiting = 0
        """How many jobs wait."""

    def add(self, job: Job, owner: object) -> bool:
        """Let a job wait; return False if there is no place for it, neither to run nor to wait."""
        jobs = self._owners.get(owner) or _Jobs(self._group_of(owner))
        if not (self._may_start(jobs) or self._may_wait(jobs)):
            return False
        self._owners[owner] = jobs
        if isinstance(owner, Member):
            self._groups[owner.group] = jobs.group
        self._turns.setdefault(owner)
        jobs.waiting.append(job)
        self._count_waiting(jobs, 1)
        return True

    def start(self) -> Job | None:
        """Return the job that runs next, and count it as running; None if none may."""
        if self.running == self._places:  # it would look at each owner that waits
            return None
        for owner in self._turns:
            jobs = self._owners[owner]
            if self._may_start(jobs):
                job = jobs.waiting.popleft()
                self._count_waiting(jobs, -1)
                self._count_running(jobs, 1)
                del self._turns[owner]
                if jobs.waiting:
                    self._turns[owner] = None
                return job
        return None

    def finish(self, owner: object) -> None:
        """Give back the place of a job that runs."""
        self._count_running(self._owners[owner], -1)
        self._forget(owner)

    def remove(self, job: Job, owner: object) -> bool:
        """Remove a job that waits; return False if it does not."""
        jobs = self._owners.get(owner)
        if jobs is None or job not in jobs.waiting:
            return False
        jobs.waiting.remove(job)
        self._count_waiting(jobs, -1)
        self._forget(owner)
        return True

    def clear(self) -> list[Job]:
        """Remove the jobs that wait, and return them in the order of the turns."""
        removed: list[Job] = []
        while self._turns:
            owner = next(iter(self._turns))
            del self._turns[owner]
            jobs = self._owners[owner]
            removed.append(jobs.waiting.popleft())
            self._count_waiting(jobs, -1)
            if jobs.waiting:
                self._turns[owner] = None
            self._forget(owner)
        return removed

    def _group_of(self, owner: object) -> _Group:
        return self._groups.get(owner.group) or _Group() if isinstance(owner, Member) else _Group()

    def _count_waiting(self, jobs: _Jobs[Job], more: int) -> None:
        self.waiting += more
        jobs.group.waiting += more

    def _count_running(self, jobs: _Jobs[Job], more: int) -> None:
        self.running += more
        jobs.group.running += more
        jobs.running += more

    def _may_start(self, jobs: _Jobs[Job]) -> bool:
        free = self._places - self.running
        return free > jobs.running and free * _SHARE > jobs.group.running

    def _may_wait(self, jobs: _Jobs[Job]) -> bool:
        if self._max_waiting is None:
            return True
        free = self._max_waiting - self.waiting
        return free > len(jobs.waiting) and free * _SHARE > jobs.group.waiting

    def _forget(self, owner: object) -> None:
        """Forget an owner without jobs, or only its turn if none of them waits."""
        jobs = self._owners[owner]
        if not jobs.waiting:
            self._turns.pop(owner, None)
            if not jobs.running:
                del self._owners[owner]
                if isinstance(owner, Member) and not (jobs.group.running or jobs.group.waiting):
                    del self._groups[owner.group]
