"""Mutants of the session's code: each breaks the promise in one way, so that the proofs can be seen to notice."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from world import Implementation

import turnstile.session as package

# The rules; what they speak of (events, effects, state) is the same for all.
RULES = (
    "patch",
    "calling",
    "answering",
    "listening",
    "configuring",
    "unconfirmed",
    "linking",
    "refusals",
    "waits",
    "facts",
    "machine",
)


@dataclass(frozen=True)
class Mutant:
    """One line of the rules, written wrongly.

    Args:
        name: What it does.
        module: Where.
        line: The text as it stands, once in the module.
        instead: The text in its place.
    """

    name: str
    module: str
    line: str
    instead: str


MUTANTS = (
    Mutant(
        "the gate opens on response.output_text.done",
        "facts",
        '    "error": _error,\n',
        '    "error": _error,\n'
        '    "response.output_text.done": lambda _, event: ResponseFinished(event["response_id"]),\n',
    ),
    Mutant(
        "the second update is dropped",
        "configuring",
        "    target = sendable(rest, wanted(rest, batch), policy)\n",
        "    batch = batch[:1]\n    target = sendable(rest, wanted(rest, batch), policy)\n",
    ),
    Mutant(
        "an update is acknowledged at once",
        "configuring",
        "    return Step(state._replace(updates=(*state.updates, request)))\n",
        "    return Step(state._replace(updates=(*state.updates, request)), (Answered(request.ref),))\n",
    ),
    Mutant(
        "what was postponed is not offered again",
        "machine",
        "                self._offer_again(effects)\n",
        "                pass\n",
    ),
    Mutant(
        "an update that lost a race is answered by the refusal",
        "unconfirmed",
        "        return _lost_race(state, update, error, policy)\n",
        "        said = [error.problem] * len(update.requests)\n"
        "        return _given_up(state._replace(updating=None), update.requests, error.problem, *said)\n",
    ),
    Mutant(
        "a foreign response.done is taken",
        "answering",
        "    if response is None or response.response_id != finished.response_id:\n",
        "    if response is None:\n",
    ),
    Mutant(
        "the answer to a turn that interrupts a response is not waited for (A)",
        "listening",
        "    if not state.expected or state.expected == turn:\n",
        "    if state.response:\n        return state\n    if not state.expected or state.expected == turn:\n",
    ),
    Mutant(
        "a result of an interrupted response waits for another turn (B)",
        "answering",
        '    return "ours" if state.expected or response.turn_is_over else "later"\n',
        '    return "later"\n',
    ),
    Mutant(
        "the end of an interrupted response opens the gate (E)",
        "answering",
        "    after = state._replace(response=None, losses=0,",
        '    after = state._replace(response=None, expected="", losses=0,',
    ),
    Mutant(
        "a create does not wait for a commit (F)",
        "answering",
        "    waits = state.backing_off or state.commits or state.hearing.broke_in\n",
        "    waits = state.backing_off or state.hearing.broke_in\n",
    ),
    Mutant(
        "a turn heard while our create is out is forgotten when ours begins (G)",
        "answering",
        '    after = state._replace(response=response, requested=None, winner="", items=_unseen(state, seen))\n',
        '    after = state._replace(response=response, requested=None, winner="", items=_unseen(state, seen))\n'
        '    after = after._replace(expected="", items=left_to_us(after.items))\n',
    ),
)

# In the small world every winner of a race has seen what the loser was for, so that only the other ways see this one.
OUTSIDE_THE_WALK = (
    Mutant(
        "a create that was refused for a running response goes again at once (D)",
        "answering",
        "    return None if is_over else error.running or _NAMELESS\n",
        "    return None\n",
    ),
    Mutant(
        "a lost race is not repaired",
        "answering",
        "    return Step(_put_back(state._replace(tries=tries, backing_off=wait), say))\n",
        "    return _give_up(state, say, problem)\n",
    ),
)

# What neither of them has: a client that switches turn detection off.
ROWS_ONLY = (
    Mutant(
        "the user speaks on though turn detection is off (I)",
        "machine",
        "            is_off = step.state.proxy_commits\n",
        "            is_off = False\n",
    ),
)


def implementation(mutant: Mutant | None = None) -> Implementation:
    """Return the rules with `mutant` in them, loaded apart from the real ones.

    Raises:
        LookupError: The line that it changes is not there (once) any more.
    """
    names = [f"{package.__name__}.{rule}" for rule in RULES]
    kept = {name: sys.modules.pop(name, None) for name in names}
    try:
        for rule in RULES:
            _load(rule, mutant)
        machine, facts = (sys.modules[f"{package.__name__}.{rule}"] for rule in ("machine", "facts"))
        return Implementation(machine.Session, facts.FactReader)
    finally:
        for name, module in kept.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
                setattr(package, name.rpartition(".")[2], module)


def _load(rule: str, mutant: Mutant | None) -> None:
    name = f"{package.__name__}.{rule}"
    if name in sys.modules:
        return
    path = Path(package.__path__[0]) / f"{rule}.py"
    source = path.read_text()
    if mutant and mutant.module == rule:
        if source.count(mutant.line) != 1:
            raise LookupError(f"{rule}.py holds {mutant.line!r} {source.count(mutant.line)} times, not once")
        source = source.replace(mutant.line, mutant.instead)
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # A module that this one imports may be one of the rules too: it is loaded first, as it stands in RULES.
    exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - our own source, one line changed
    setattr(package, rule, module)
