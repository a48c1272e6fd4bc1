"""Mutants of the session's code: each breaks the promise in one way, so that the proofs can be seen to notice."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from world import Implementation

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
# The rules; their values (requests, events, effects, state, the record) are the same for all.
_SESSION = (
    "collisions",
    "config_patch",
    "error_facts",
    "gate",
    "held_bytes",
    "reconnecting",
    "restorable_items",
    "restoration",
    "unanswered_events",
    "backlog",
    "facts",
    "function_calls",
    "restoring",
    "shortfalls",
    "upstream_errors",
    "items",
    "passthrough",
    "responses",
    "conversation_record",
    "turns",
    "config_updates",
    "deadlines",
    "outcomes",
    "attribution",
    "draining",
    "failed_updates",
    "left_on_link",
    "standby",
    "lifetime",
    "link",
    "refused_events",
    "renewal",
    "taking_over",
    "timeouts",
    "rules",
    "machine",
)
# A module comes behind those that it imports. The last two read what a Realtime client sends.
RULES = (
    *(f"turnstile.session.{rule}" for rule in _SESSION),
    "turnstile.protocol.client_shapes",
    "actors.dialects.realtime",
)


@dataclass(frozen=True)
class Mutant:
    """One line of the rules, written wrongly.

    Args:
        name: What it does.
        module: Where: the last part of its name.
        line: The text as it stands, once in the module.
        instead: The text in its place.
    """

    name: str
    module: str
    line: str
    instead: str


MUTANTS = (
    Mutant(
        "a request that goes does not give its bytes back (P8)",
        "backlog",
        "                self.held_bytes -= event.size\n",
        "",
    ),
    Mutant(
        "an update that is out counts no bytes (P8)",
        "held_bytes",
        "        for update in state.updating.requests:\n            size += update.size\n",
        "        pass\n",
    ),
    Mutant(
        "the gate opens on response.output_text.done",
        "facts",
        '    "error": lambda _, event: refused(event),\n',
        '    "error": lambda _, event: refused(event),\n'
        '    "response.output_text.done": lambda _, event: ResponseFinished(event["response_id"]),\n',
    ),
    Mutant(
        "the second update is dropped",
        "config_updates",
        "    target = sendable(rest, wanted(rest, batch), policy)\n",
        "    batch = batch[:1]\n    target = sendable(rest, wanted(rest, batch), policy)\n",
    ),
    Mutant(
        "an update is acknowledged at once",
        "config_updates",
        "    return Step(now, waits=waits) if waits else Step(now.change(updates=(*now.state.updates, request)))\n",
        "    after = now if waits else now.change(updates=(*now.state.updates, request))\n"
        "    return Step(after, () if waits else (Answered(request.ref),), waits)\n",
    ),
    Mutant(
        "what was postponed is not offered again",
        "machine",
        "                step = self._backlog.offer(self.now)\n",
        "                pass\n",
    ),
    Mutant(
        "an update that lost a race is answered by the refusal",
        "failed_updates",
        "        return _lost_race(now, update, error, policy)\n",
        "        said = [error.problem] * len(update.requests)\n"
        "        return _given_up(now.change(updating=None), update.requests, error.problem, *said)\n",
    ),
    Mutant(
        "a foreign response.done is taken",
        "outcomes",
        "    if response is None or response.response_id != finished.response_id:\n",
        "    if response is None:\n",
    ),
    Mutant(
        "the answer to a turn that interrupts a response is not waited for (A)",
        "turns",
        "    if not now.state.expected or now.state.expected == turn:\n",
        "    if now.state.response:\n        return now\n"
        "    if not now.state.expected or now.state.expected == turn:\n",
    ),
    Mutant(
        "a result of an interrupted response waits for another turn (B)",
        "outcomes",
        '    return "proxy" if now.state.expected or response.turn_is_over else "after_turn"\n',
        '    return "after_turn"\n',
    ),
    Mutant(
        "the end of an interrupted response opens the gate (E)",
        "outcomes",
        "    after = now.change(response=None, ended=",
        '    after = now.change(response=None, expected="", ended=',
    ),
    Mutant(
        "a request is held for a response where it waits for a create",
        "gate",
        "        return Waits.CREATE\n    if state.expected:\n",
        "        return Waits.RESPONSE\n    if state.expected:\n",
    ),
    Mutant(
        "a change of what requests are held for is not noted",
        "machine",
        "            effects += self._backlog.notes(state)\n",
        "            pass\n",
    ),
    Mutant(
        "a create does not wait for a commit (F)",
        "gate",
        "    if state.commits or state.user_audio.barge_in:\n",
        "    if state.user_audio.barge_in:\n",
    ),
    Mutant(
        "a turn heard while our create is out is forgotten when ours begins (G)",
        "attribution",
        "    answers = () if unproven else answer_to(create.agent_message)\n",
        '    ours = (replace(i, responder="proxy") if i.responder == "api" else i for i in after.state.items)\n'
        '    after = after.change(expected="", items=tuple(ours))\n'
        "    answers = () if unproven else answer_to(create.agent_message)\n",
    ),
)

# In the small world every winner of a race has seen what the loser was for, so that only the other ways see this one.
OUTSIDE_THE_WALK = (
    Mutant(
        "a create that was refused for a running response goes again at once (D)",
        "collisions",
        "    return None if is_over else error.running or _NAMELESS\n",
        "    return None\n",
    ),
    Mutant(
        "a lost race is not repaired",
        "responses",
        "    return Step(put_back(now.change(tries=tries, create_delay=wait), create.agent_message))\n",
        "    return give_up(now, create, problem)\n",
    ),
)

# What only a drained session shows.
OF_THE_DRAIN = (
    Mutant(
        "a drained session ends in a turn",
        "draining",
        "    return not deadlines_of(now, policy)\n",
        "    return True\n",
    ),
    Mutant(
        "a drained session ends while a call is open",
        "draining",
        "data.calls or",
        "",
    ),
    Mutant(
        "a drained session ends in a response out of band",
        "draining",
        " or data.asides_running",
        "",
    ),
    Mutant(
        "a drained session ends while the user is speaking",
        "draining",
        "data.follow_up_due or state.user_audio.speaking:",
        "data.follow_up_due:",
    ),
    Mutant(
        "a drained session does not end at rest",
        "machine",
        "            elif self.now.data.is_draining and ",
        "            elif False and ",
    ),
)

# What only a session shows that may not be idle or last for ever.
OF_THE_LIFETIME = (
    Mutant(
        "a session is idle in a turn",
        "lifetime",
        '    if policy.idle_timeout and not waits and now.state.link != "lost" and is_at_rest(now, held, policy):\n',
        "    if policy.idle_timeout:\n",
    ),
    Mutant(
        "a session ends though it is heard",
        "lifetime",
        "    if measured.seconds < policy.idle_timeout:\n",
        "    if False:\n",
    ),
    Mutant(
        "what was given while the silence was measured does not count",
        "lifetime",
        " or measured.token != str(now.data.activity)",
        "",
    ),
    Mutant(
        "a session that was heard is never idle again",
        "lifetime",
        "        return Step(now.change(activity=now.data.activity + 1, silence=measured.seconds))\n",
        "        return Step(now)\n",
    ),
    Mutant(
        "a session that has expired does not end at rest",
        "lifetime",
        "is_draining=True, has_expired=True",
        "has_expired=True",
    ),
    Mutant(
        "a session that has expired does not end without rest",
        "lifetime",
        '        found.append(Deadline("expiry", "", policy.expiry_grace))\n',
        "        pass\n",
    ),
    Mutant(
        "a session is never idle",
        "lifetime",
        "policy.idle_timeout and not waits and",
        "False and",
    ),
)

# What only a session shows whose links are lost, or replaced before their end; the first of it in a row, too.
OF_THE_LINKS_IN_ROWS = (
    Mutant(
        "the conversation is restored twice",
        "restoration",
        "        if place not in kept:\n",
        "        if True:\n",
    ),
    Mutant(
        "the conversation is restored before the configuration is confirmed",
        "standby",
        "standby=replace(standby, updating=update)",
        "standby=replace(standby, in_force=update.target)",
    ),
    Mutant(
        "the gate opens before the configuration is confirmed",
        "standby",
        "    target = _target(now, standby, policy)\n    patch = difference(target, standby.in_force)\n",
        "    target, patch = {}, {}\n",
    ),
    Mutant(
        "input audio waits for ever behind a takeover",
        "taking_over",
        "        audio_open=False,\n",
        "        audio_open=True,\n",
    ),
    Mutant(
        "an item that is restored goes again",
        "left_on_link",
        '        if item.stage == "confirmed" and known(item.item_id):\n',
        "        if False:\n",
    ),
)
OF_THE_LINKS = (
    *OF_THE_LINKS_IN_ROWS,
    Mutant(
        "the record forgets outputs",
        "restorable_items",
        '    if kind == "function_call_output" and isinstance(call_id, str):\n',
        "    if False:\n",
    ),
    Mutant(
        "the record has nothing of a response that died with its link",
        "conversation_record",
        "    for item_id, text in ended.unfinished:\n",
        "    for item_id, text in ():\n",
    ),
    Mutant(
        "what the conversation gains meanwhile is not restored",
        "taking_over",
        "    restored = with_conversation(used, one.told, one.left_out, policy)\n",
        "    restored = Step(used)\n",
    ),
    Mutant(
        "input audio does not wait for another link",
        "gate",
        "    waits = link_waits_for(state)\n    if waits or state.updating:\n",
        "    waits = None\n    if waits or state.updating:\n",
    ),
    Mutant(
        "another link takes over in mid-speech",
        "renewal",
        "    if state.user_audio.speaking or state.user_audio.barge_in or data.has_uncommitted:\n",
        "    if data.has_uncommitted:\n",
    ),
    Mutant(
        "no fact puts a takeover off",
        "renewal",
        "TakeOver(one.generation, now.data.epoch, now.data.speeches)",
        "TakeOver(one.generation)",
    ),
    Mutant(
        "uncommitted audio is left behind",
        "renewal",
        "    if paused.uncommitted and not is_detected:\n",
        "    if False:\n",
    ),
    Mutant(
        "a turn without a transcript is left behind",
        "renewal",
        "    if any(_is_this_links(item, data) for item in state.items):\n        return False\n",
        "",
    ),
    Mutant(
        "an update that was out is lost with its link",
        "left_on_link",
        "        updates=(*(update.requests if update else ()), *now.state.updates),\n",
        "        updates=now.state.updates,\n",
    ),
    Mutant(
        "open calls are void on another link",
        "left_on_link",
        "    open_calls = tuple(call for call in now.data.calls if call.call_id in now.data.conversation.open_calls)\n",
        "    open_calls = ()\n",
    ),
    Mutant(
        "turn_lost is said twice",
        "left_on_link",
        "    return Step(calls.now, (*lost, ",
        "    return Step(calls.now, (*lost, *lost, ",
    ),
    Mutant(
        "nothing is said of a turn that is lost",
        "left_on_link",
        "    if is_turn_lost and all(",
        "    if False and all(",
    ),
    Mutant(
        "nothing is said of the link that takes over from a lost one",
        "taking_over",
        "    if now.data.is_restoring and not policy.is_transparent:\n",
        "    if False:\n",
    ),
)

# What happens seldom enough that the small world finds it sooner than chance.
OF_THE_LINKS_WALKED = (
    Mutant(
        "the record keeps what was not heard",
        "conversation_record",
        "    for cut in started.cut_off:\n",
        "    for cut in ():\n",
    ),
    Mutant(
        "a response that died with its link is not owed again",
        "left_on_link",
        "    seen = response.seen if response and owes else ()\n",
        "    seen = ()\n",
    ),
)

# What neither of them has: a client that switches turn detection off, one whose events are malformed, and words.
ROWS_ONLY = (
    Mutant(
        "the user speaks on though turn detection is off (I)",
        "config_updates",
        "    is_off = step.now.state.proxy_commits\n",
        "    is_off = False\n",
    ),
    Mutant(
        "a response that is no object is not looked at (H)",
        "client_shapes",
        "    if not isinstance(value, dict):\n        return root, value\n",
        "    if not isinstance(value, dict):\n        return None\n",
    ),
    Mutant(
        "what stands inside of a gated event is not looked at (H)",
        "client_shapes",
        "        if held is not None and not isinstance(held, dict):\n",
        "        if False:\n",
    ),
    Mutant(
        "a type that another server may take for a gated one passes (H)",
        "client_shapes",
        "        return _type_fault(kind)\n",
        "        return None\n",
    ),
    Mutant(
        "a response passes whose conversation is not spelled out (H)",
        "realtime",
        '.get("conversation") != "none"\n',
        '.get("conversation", "auto") == "auto"\n',
    ),
    Mutant(
        "an event that names its type twice is passed on as it was written (H)",
        "realtime",
        "        return [self._read(event, event_id)]\n",
        "        one = self._read(event, event_id)\n"
        "        return [EventGiven(data, event_id=event_id) if isinstance(one, EventGiven) else one]\n",
    ),
    Mutant(
        "what is locked is named without its message (N)",
        "shortfalls",
        '    text = f"{field_name(request, path)}: {described(value)} cannot',
        '    text = f"{path[-1]}: {described(value)} cannot',
    ),
    Mutant(
        "what upstream has otherwise is named without its message (N)",
        "shortfalls",
        "    name, asked, shown = field_name(request, difference.path),",
        "    name, asked, shown = field_name(None, difference.path),",
    ),
    Mutant(
        "a refusal does not begin with the message (N)",
        "shortfalls",
        '    return Problem(problem.code, f"{name}: {problem.description}" if name else problem.description)\n',
        "    return problem\n",
    ),
    Mutant(
        "what is in force is not acknowledged where a part is locked (N)",
        "config_updates",
        "    if stays and not _has_more(now, request, tuple(stays)):\n",
        "    if stays:\n",
    ),
)


def implementation(mutant: Mutant | None = None) -> Implementation:
    """Return the rules with `mutant` in them, loaded apart from the real ones.

    Raises:
        LookupError: The line that it changes is not there (once) any more.
    """
    kept = {name: sys.modules.pop(name, None) for name in RULES}
    try:
        for name in RULES:
            _load(name, mutant)
        machine, rules, facts = (sys.modules[f"turnstile.session.{rule}"] for rule in ("machine", "rules", "facts"))
        dialect = sys.modules["actors.dialects.realtime"].RealtimeDialect
        return Implementation(machine.Session, rules.settle, facts.FactReader, dialect)
    finally:
        for name, module in kept.items():
            sys.modules.pop(name, None)
            if module is not None:
                _put_in_place(name, module)


def _load(name: str, mutant: Mutant | None) -> None:
    if name in sys.modules:
        return
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    source = path.read_text()
    if mutant and mutant.module == path.stem:
        if source.count(mutant.line) != 1:
            raise LookupError(f"{path.name} holds {mutant.line!r} {source.count(mutant.line)} times, not once")
        source = source.replace(mutant.line, mutant.instead)
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    module = importlib.util.module_from_spec(spec)
    # A module that this one imports may be one of the rules too: it is loaded first, as it stands in RULES.
    _put_in_place(name, module)
    exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - our own source, one line changed


def _put_in_place(name: str, module: ModuleType) -> None:
    """Have every import find `module` under its name."""
    package, _, last = name.rpartition(".")
    sys.modules[name] = module
    setattr(sys.modules[package], last, module)
