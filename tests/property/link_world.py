"""The links of a world, in place of the UpstreamActor, and what the referee asks of one that takes over.

Input audio is numbered: each frame goes to one link.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from link_model import Link

from turnstile.session import effects as out
from turnstile.session import events as told
from turnstile.session import link_effects as link_out
from turnstile.session import link_events as link_told
from turnstile.session.config_patch import merged
from turnstile.session.turn_events import AudioHeard, CutOff, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from api_model import Api
    from conversation_model import Known

    from turnstile.errors import Problem

# How long a frame of input audio is, and how much of the agent's was played when the user broke in, in milliseconds.
FRAME = 500.0
PLAYED = 400


class ViolationError(AssertionError):
    """The promise is broken; the text begins with its number."""


class Lost(NamedTuple):
    """What a lost link leaves behind, as the referee knows it.

    Args:
        turns: The turns in its conversation that had no transcript.
        unanswered: Those of them that no response had answered.
        half: A turn may have been under way.
    """

    turns: frozenset[str]
    unanswered: frozenset[str]
    half: bool


class Links:
    """The link in use, the standby, and the input audio.

    Args:
        api: The server of the first link.
        reader: The class of readers.
    """

    def __init__(self, api: Api, reader: type) -> None:
        self.new_reader = reader
        self.link = Link(0, api, reader(), "open")
        self.standby: Link | None = None
        self.epoch = self.speeches = 0
        self.lifetime: float | None = None
        # What goes wrong on the links to come.
        self.refusal, self.refuses_config = -1, False
        # The input audio.
        self.audio_open = True
        self.observes = False
        self.uncommitted = self.frames = 0
        self.held_frames: deque[int] = deque()
        self.went: dict[int, int] = {}
        # What the referee knows: of the wire only what the session was told.
        self.has_link = True
        self.is_paused = self.is_late = self.is_latest = False
        self.base: dict[str, object] = {}
        self.cuts: dict[str, str] = {}
        self.left_out: set[str] = set()
        self.void: set[str] = set()
        self.playing: set[str] = set()
        self.lost: Lost | None = None
        self.is_replaced = self.is_switched = self.is_cut = False
        self.turns_lost = 0
        self.is_lost_told = False
        self.wanted: tuple[Known, ...] = ()
        self.is_to_check = False

    @property
    def api(self) -> Api:
        """The server of the link in use."""
        return self.link.api

    @api.setter
    def api(self, api: Api) -> None:
        self.link.api = api

    @property
    def up(self) -> deque[dict]:
        """What goes to it."""
        return self.link.up

    @property
    def down(self) -> deque[tuple[tuple[dict, ...], Api]]:
        """What comes from it."""
        return self.link.down

    @property
    def reader(self) -> object:
        """What reads that."""
        return self.link.reader

    def _must(self, holds: object, broken: str) -> None:
        if not holds:
            raise ViolationError(broken)

    # What happens to the links.

    def lose(self) -> None:
        """The link in use is gone, and what was under way on it."""
        texts = self._unfinished()
        self.link.lose()
        self.audio_open = False
        self._inbox(link_told.LinkLost("upstream_closed", "The link is gone.", unfinished=texts))

    def _unfinished(self) -> tuple[tuple[str, str], ...]:
        heard = self.link.heard
        begun = heard.running.output if heard.running else ()
        items = [item for item in heard.conversation if item.item_id in begun and item.kind == "assistant"]
        return tuple((item.item_id, item.text) for item in items)

    def lose_standby(self) -> None:
        """The standby is gone, or could not be opened."""
        assert self.standby
        self.standby.lose()
        self._of_standby(link_told.LinkLost("upstream_closed", "The standby is gone."))

    def connect(self) -> None:
        """Upstream takes the standby's connection."""
        assert self.standby
        self.standby.stage = "connected"
        self._of_standby(link_told.LinkConnected())

    def open(self) -> None:
        """Upstream's session begins on the standby."""
        assert self.standby
        self.standby.stage = "open"
        self._of_standby(link_told.LinkOpened(lifetime=self.lifetime))

    def process_standby(self) -> None:
        """The standby's server takes the oldest client event."""
        assert self.standby
        self.standby.serve(self.standby.api.take(self.standby.up.popleft()))

    def hear_standby(self) -> None:
        """The UpstreamActor reads what came together on the standby."""
        assert self.standby
        read = [(event, self.standby.reader.fact(event)) for event in self.standby.hear()]
        for event, fact in read:
            if fact is not None:
                self._of_standby(fact, event)

    def _of_standby(self, fact: object, event: dict | None = None) -> None:
        # It may take over, or be closed, by what is read first of what came together.
        generation = self.standby.generation if self.standby else self.link.generation
        of = {"type": "of standby", "event": event or {"type": ""}, "generation": generation}
        self._inbox(link_told.OfStandby(generation, fact), of)

    def _inbox(self, fact: object, event: dict | None = None) -> None:
        raise NotImplementedError

    # The input audio.

    def give_frame(self) -> None:
        """The client sends input audio."""
        self.held_frames.append(self.frames)
        self.frames += 1
        self._let_audio_go()

    def _let_audio_go(self) -> None:
        while self.audio_open and self.held_frames:
            frame = self.held_frames.popleft()
            self._must(frame not in self.went, f"frame {frame} goes twice")
            self.went[frame] = self.link.generation
            self.uncommitted += 1
            self.link.send({"type": "input_audio_buffer.append", "frame": frame})
            if self.observes:
                self._inbox(AudioHeard(FRAME))

    # What the UpstreamActor adds to facts.

    def _complete(self, fact: object) -> object:
        """Return a fact as the UpstreamActor sends it on: with what was heard of an item that is cut."""
        if isinstance(fact, SpeechStarted):
            self.speeches += 1
            cut = self._cut_off()
            return SpeechStarted((cut,)) if cut else fact
        if isinstance(fact, told.CLOSING_FACTS):
            self.epoch += 1
        heard = self.cuts.get(getattr(fact, "item_id", ""))
        return type(fact)(fact.item_id, heard) if type(fact).__name__ == "ItemTruncated" else fact

    def _cut_off(self) -> CutOff | None:
        """Cut the agent's latest item, unless that was done: of every second nothing was heard."""
        spoken = [item for item in self.link.heard.conversation if item.kind == "assistant"]
        item = spoken[-1] if spoken else None
        # It plays on when its link is lost.
        if item is None or item.item_id in self.cuts or not (item.is_audio or item.item_id in self.playing):
            return None
        self.cuts[item.item_id] = item.text.split()[0] if len(self.cuts) % 2 == 0 else ""
        return CutOff(item.item_id, PLAYED, self.cuts[item.item_id])

    # What the session wants done.

    def _perform_on_links(self, effect: object) -> None:
        match effect:
            case link_out.OpenStandby(generation):
                self._open_standby(generation)
            case link_out.OnStandby(generation, command):
                if self.standby and self.standby.generation == generation and self.standby.is_up:
                    self._command(command, self.standby)
            case link_out.RestoreItem() | link_out.RemoveItem():
                self._command(effect, self.link)
            case link_out.TakeOver(generation, epoch, speeches):
                if self.standby and self.standby.generation == generation:
                    self._take_over(self.standby, epoch, speeches)
            case link_out.CloseStandby():
                self.standby = None
            case link_out.PauseAudio():
                self.audio_open, self.is_paused = False, True
                self._inbox(link_told.AudioPaused(self.uncommitted * FRAME))
            case out.OpenAudio():
                self._must(self.has_link, "input audio was let go where there is no link")
                self.audio_open, self.is_paused = self.link.is_up, False
                self._let_audio_go()
            case out.ObserveAudio(on):
                self.observes = on
            case out.SendTruncate(event_id, item_id, milliseconds):
                cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": milliseconds}
                self.link.send({"type": "conversation.item.truncate", "event_id": event_id, **cut})
            case out.CallsCancelled(call_ids):
                self.void |= {*call_ids}
            case out.Reported(problem):
                self._reported(problem)

    def _open_standby(self, generation: int) -> None:
        is_new = generation > max(self.link.generation, self.standby.generation if self.standby else 0)
        self._must(is_new, f"the standby {generation} has the name of one before it")
        self.standby = Link(generation, self.link.api.empty(), self.new_reader())
        self.standby.api = replace(self.standby.api, refusal=self.refusal, refuses_config=self.refuses_config)
        self.standby.heard = self.standby.api
        self.refusal, self.refuses_config = -1, False

    def _command(self, command: object, link: Link) -> None:
        is_standby = link is self.standby
        self._must(link.stage != "connected", "something went on a standby whose session has not begun")
        match command:
            case out.SendUpdate(event_id, patch):
                self._must(not link.updating, "an update went on a standby while one was unanswered")
                link.updating, link.is_configured = event_id, False
                link.send({"type": "session.update", "event_id": event_id, "session": patch})
            case link_out.RestoreItem(event_id, item, previous_id):
                self._must(not is_standby or link.is_configured, "an item was restored before the configuration")
                is_new = item["id"] not in link.told or item["id"] in link.api.refused
                self._must(is_new, f"{item['id']} was restored twice")
                link.told = (*link.told, item["id"])
                place = {"previous_item_id": previous_id} if previous_id is not None else {}
                create = {"type": "conversation.item.create", "event_id": event_id, **place, "item": item}
                link.send({**create, "is_restored": True})
            case link_out.RemoveItem(event_id, item_id):
                link.told = tuple(one for one in link.told if one != item_id)
                delete = {"type": "conversation.item.delete", "event_id": event_id, "item_id": item_id}
                link.send({**delete, "is_restored": True})

    def _note_standby(self, event: dict, generation: int) -> None:
        """Note what the session is told of the standby."""
        standby = self.standby if self.standby and self.standby.generation == generation else None
        if event["type"] == "session.updated" and standby:
            standby.updating, standby.is_configured = "", True
        if event["type"] == "error" and standby:
            event_id = event["error"]["event_id"]
            if standby.updating and event_id in {None, standby.updating}:
                standby.updating = ""

    def _take_over(self, standby: Link, epoch: int | None, speeches: int) -> None:
        known = epoch is None or (epoch >= self.epoch and speeches >= self.speeches)
        if not standby.is_up or not known:
            self._inbox(link_told.TakeOverPutOff(standby.generation))
            return
        old, self.is_late = self.link, epoch is None and self.link.is_up
        self._must(self.is_latest or not self.is_late, "a link was left as at its end")
        self.is_latest = False
        self.is_cut = self.is_late or not self.link.is_up
        self._must(standby.is_configured and not standby.updating, "P6: a link took over before its configuration")
        self._check_in_force(standby.api)
        if old.is_up and not self.is_late:
            self._check_idle(old)
        if old.is_up:
            self.lost, self.turns_lost = self._left(old), 0
        # What had not arrived on a link before it was gone is no less said.
        heard = old.heard.conversation
        known = {item.item_id: item for item in (*self.wanted, *heard)}
        self.wanted = tuple(self._restorable(known.values()))
        unfinished = self._unfinished() if old.is_up else ()
        if not old.is_up:
            self._check_restored(standby)
        self.playing |= {item.item_id for item in old.heard.conversation if item.is_audio}
        standby.api, standby.heard = (api.after(old.api, old.heard) for api in (standby.api, standby.heard))
        self.link, self.standby, self.audio_open, self.uncommitted = standby, None, False, 0
        self.is_switched = True
        self._inbox(link_told.TookOver(standby.generation, unfinished=unfinished))

    def _link_lost(self) -> None:
        """The session hears that the link is lost."""
        self.is_cut = True
        self.has_link, self.is_paused = False, False
        self.lost, self.turns_lost, self.is_lost_told = self._left(self.link), 0, False
        self._forget_wire()

    def _took_over(self) -> None:
        """The session hears that another link is in use."""
        self.has_link, self.is_paused, self.is_replaced, self.is_to_check = True, False, True, True
        self.is_switched = False
        self._forget_wire()

    def _forget_wire(self) -> None:
        raise NotImplementedError

    # The referee.

    def _left(self, link: Link) -> Lost:
        heard = link.heard
        turns = frozenset(item.item_id for item in heard.conversation if item.is_audio and item.text is None)
        answered = {item_id for _, _, saw in heard.finished for item_id in saw}
        # Audio is reported behind the commit of it, too.
        has_audio = self.observes and link.generation in self.went.values()
        return Lost(turns, turns - answered, half=heard.speaking or self.commits > 0 or has_audio)

    def _reported(self, problem: Problem) -> None:
        match problem.code:
            case "turn_lost":
                self.turns_lost += 1
                self._must(self.turns_lost == 1, "turn_lost was said twice of one link")
                lost = self.lost
                self._must(lost and (lost.turns or lost.half), "turn_lost was said of no turn")
                is_spared = self.is_late or not self.has_link or not lost.unanswered
                self._must(is_spared, "P4: a turn was lost though its link was not")
            case "upstream_lost":
                self._must(not self.has_link or self.is_late, "upstream_lost was said of a link in use")
                self._must(not self.is_lost_told, "upstream_lost was said twice")
                self.is_lost_told = True
            case "upstream_restored":
                self._must(self.has_link, "upstream_restored was said without a link")
                self.is_lost_told = False

    def _check_turn_lost(self) -> None:
        """Check, once another link is in use, that the client was told of a turn that was lost with the one before."""
        self.is_replaced = False
        unanswered = sorted(self.lost.unanswered) if self.lost and self.is_cut else []
        self._must(not unanswered or self.turns_lost, f"nothing was said of the lost {unanswered}")
        self.lost = None

    def _check_idle(self, old: Link) -> None:
        """Check that a link in use was left at a moment when nothing was under way on it."""
        self._must(not old.api.speaking, "a link was left in mid-speech")
        self._must(not (old.api.running or old.api.owed), "a link was left in a turn")
        self._must(not (old.up or old.down), "a link was left with something under way")
        went = tuple(frame for frame, generation in self.went.items() if generation == old.generation)
        self._must(old.api.taken == went, f"of the frames {went} the link took {old.api.taken}")
        self._must(not self.observes or not old.api.buffered, "input audio was left behind")

    def _check_in_force(self, api: Api) -> None:
        """Check that all that was acknowledged is in force on another link."""
        in_force, wanted = dict(api.config), self.base
        for request in self.asked:
            if self.answers.get(request.ref):
                wanted = merged(wanted, request.patch)
        for name, value in wanted.items():
            self._must(in_force.get(name) == value, f"P2: {name} is not in force on the link that takes over")

    def _restorable(self, conversation: Iterable[Known]) -> list[Known]:
        """Return the items that another link is to have, with what was heard of those that were cut."""
        items = [item._replace(text=self.cuts.get(item.item_id, item.text), is_audio=False) for item in conversation]
        answered = {item.call_id for item in items if item.kind == "function_call_output"}
        void = self.void - answered
        kept = [item for item in items if item.kind != "system" and item.text and item.call_id not in void]
        return [item for item in kept if item.item_id not in self.left_out]

    @property
    def is_restoring(self) -> bool:
        """Whether something of the conversation is on its way to the link in use, ahead of any input audio."""
        return any(event.get("is_restored") for event in self.link.up)

    def _check_gained(self) -> None:
        """Check, once all of it has arrived, that the link that took over has what the conversation had gained."""
        if self.is_to_check and not self.is_restoring and self.link.is_up:
            self.is_to_check = False
            self._check_restored(self.link)

    def _check_restored(self, link: Link) -> None:
        """Check that the conversation of another link is that of the one before, as far as it could be restored."""
        names = {*link.told, *(item.item_id for item in self.wanted)}
        told = [item._replace(is_audio=False) for item in link.api.conversation if item.item_id in names]
        told = [item for item in told if item.kind != "system"]
        self.left_out |= {*link.api.refused} - {item.item_id for item in told}
        there = [item for item in self._restorable(self.wanted) if item.item_id not in self.left_out]
        told = [item for item in told if item.item_id not in self.left_out]
        self._must(told == there, f"P5: restored {told} of {there}")

    def _check_links(self) -> None:
        """Check what must hold at the end, whatever became of the links."""
        waits_for_commit = self.observes and self.uncommitted
        self._must(self.standby is None or waits_for_commit, "a standby is left at the end")
        self._must(not self.held_frames, "input audio is held for ever")
        self._must(not self.is_lost_told, "nothing was said of the link that took over from a lost one")
        went = tuple(frame for frame, generation in self.went.items() if generation == self.link.generation)
        self._must(self.api.taken == went, f"of the frames {went} the link took {self.api.taken}")
        names = [item.item_id for item in self.api.conversation]
        self._must(len(names) == len({*names}), f"P5: an item is there twice: {names}")
        self._must(not self.is_to_check, "what the conversation had gained was not restored")
        if self.link.generation:
            self._check_restored(self.link)
        notes = sum(item.kind == "system" for item in self.api.conversation)
        told = [item for item in self.api.conversation if item.item_id in self.link.told and item.kind != "system"]
        due = bool(self.session.policy.restore_note and told) and not self.api.refused
        self._must(due <= notes <= 1, f"{notes} notes were left for the model")
