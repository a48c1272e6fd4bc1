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
        self.is_paused = self.is_late = False
        self.base: dict[str, object] = {}
        self.cuts: dict[str, str] = {}
        self.left_out: set[str] = set()
        self.lost: Lost | None = None
        self.is_replaced = False
        self.turns_lost = 0
        self.is_lost_told = False
        self.wanted: tuple[Known, ...] = ()

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
        heard = self.link.heard
        unfinished = [item for item in heard.conversation if heard.running and item.item_id in heard.running.output]
        texts = tuple((item.item_id, item.text) for item in unfinished if item.kind == "assistant")
        self.link.lose()
        self.audio_open = False
        self._inbox(link_told.LinkLost("upstream_closed", "The link is gone.", unfinished=texts))

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
        for event in self.standby.hear():
            fact = self.standby.reader.fact(event)
            if fact is not None:
                self._of_standby(fact, event)

    def _of_standby(self, fact: object, event: dict | None = None) -> None:
        assert self.standby
        generation = self.standby.generation
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
        if not spoken or not spoken[-1].is_audio or spoken[-1].item_id in self.cuts:
            return None
        item = spoken[-1]
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
                self._must(item["id"] not in link.told, f"{item['id']} was restored twice")
                link.told = (*link.told, item["id"])
                place = {"previous_item_id": previous_id} if previous_id is not None else {}
                link.send({"type": "conversation.item.create", "event_id": event_id, **place, "item": item})
            case link_out.RemoveItem(event_id, item_id):
                link.told = tuple(one for one in link.told if one != item_id)
                link.send({"type": "conversation.item.delete", "event_id": event_id, "item_id": item_id})

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
        self._must(standby.is_configured and not standby.updating, "P6: a link took over before its configuration")
        self._check_in_force(standby.api)
        if old.is_up and not self.is_late:
            self._check_idle(old)
        elif self.is_late:
            self.lost, self.turns_lost = self._left(old), 0
        self.wanted = tuple(self._restorable(old.heard.conversation))
        if not self.is_late:
            self._check_restored(standby.api)
        standby.api = standby.api.after(old.api, old.heard)
        self.link, self.standby, self.audio_open, self.uncommitted = standby, None, False, 0
        self._inbox(link_told.TookOver(standby.generation))

    def _link_lost(self) -> None:
        """The session hears that the link is lost."""
        self.has_link, self.is_paused = False, False
        self.lost, self.turns_lost, self.is_lost_told = self._left(self.link), 0, False
        self._forget_wire()

    def _took_over(self) -> None:
        """The session hears that another link is in use."""
        self.has_link, self.is_paused, self.is_replaced = True, False, True
        self._forget_wire()

    def _forget_wire(self) -> None:
        raise NotImplementedError

    # The referee.

    def _left(self, link: Link) -> Lost:
        heard = link.heard
        turns = frozenset(item.item_id for item in heard.conversation if item.is_audio and item.text is None)
        answered = {item_id for _, _, saw in heard.finished for item_id in saw}
        return Lost(turns, turns - answered, half=heard.speaking or self.commits > 0 or self.uncommitted > 0)

    def _reported(self, problem: Problem) -> None:
        match problem.code:
            case "turn_lost":
                self.turns_lost += 1
                self._must(self.turns_lost == 1, "turn_lost was said twice of one link")
                self._must(self.lost and (self.lost.turns or self.lost.half), "turn_lost was said of no turn")
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
        unanswered = sorted(self.lost.unanswered) if self.lost else []
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

    def _restorable(self, conversation: tuple[Known, ...]) -> list[Known]:
        """Return the items that another link is to have, with what was heard of those that were cut."""
        items = [item._replace(text=self.cuts.get(item.item_id, item.text), is_audio=False) for item in conversation]
        return [item for item in items if item.kind != "system" and item.text and item.item_id not in self.left_out]

    def _check_restored(self, api: Api) -> None:
        """Check that the conversation of another link is that of the one before, as far as it could be restored."""
        told, there = [item for item in api.conversation if item.kind != "system"], self.wanted
        self.left_out |= {*api.refused} - {item.item_id for item in told}
        there = tuple(item for item in there if item.item_id not in self.left_out)
        self._must(tuple(told) == there, f"P5: restored {told} of {there}")
        notes = len(api.conversation) - len(told)
        wanted = 1 if self.session.policy.restore_note and told else 0
        self._must(notes == wanted, f"{notes} notes were left for the model, not {wanted}")

    def _check_links(self) -> None:
        """Check what must hold at the end, whatever became of the links."""
        self._must(self.standby is None, "a standby is left at the end")
        self._must(not self.held_frames, "input audio is held for ever")
        self._must(not self.is_lost_told, "nothing was said of the link that took over from a lost one")
        went = tuple(frame for frame, generation in self.went.items() if generation == self.link.generation)
        self._must(self.api.taken == went, f"of the frames {went} the link took {self.api.taken}")
        names = [item.item_id for item in self.api.conversation]
        self._must(len(names) == len({*names}), f"P5: an item is there twice: {names}")
        wanted = [item for item in self.wanted if item.item_id not in {*self.api.refused, *self.left_out}]
        kept = [
            item._replace(is_audio=False)
            for item in self.api.conversation
            if item.item_id in {w.item_id for w in wanted}
        ]
        self._must(kept == wanted, f"P5: of {wanted} there is {kept}")
