"""Judges whether a conversation has outlived its links: pure functions over what each link and the client were told.

Each function returns what is wrong, in words; an empty list is what is promised.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from turnstile.config.session_section import SessionSection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from turnstile.simulator.log import ReceivedItem, SimulatorLog
    from turnstile.simulator.session import SimulatedSession

NOTE: Final = SessionSection.model_fields["restore_note"].default
"""Behind each restored conversation stands one of its own."""
_USES: Final = {"response.create", "input_audio_buffer.append", "input_audio_buffer.commit"}
_TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"


def in_use(links: Sequence[SimulatedSession]) -> list[SimulatedSession]:
    """Return the first link, and those of the others that more was asked of than to take a conversation.

    The last one also where it has taken all of it: on another its client left while it was being told.
    """
    return [
        link
        for number, link in enumerate(links, 1)
        if number == 1 or set(link.log.received) & _USES or (number == len(links) and _has_taken_all(link))
    ]


def _has_taken_all(link: SimulatedSession) -> bool:
    return any(item.text.startswith(NOTE) for item in link.conversation)


def conversation_faults(
    links: Sequence[SimulatedSession],
    *,
    may_lose_turns: bool = False,
    may_cut: bool = False,
    deleted: Collection[str] = (),
    told: Collection[str] | None = None,
) -> list[str]:
    """Compare each link's conversation with that of the link before it: every item of that, in its order.

    Args:
        links: One session's links, in the order of their use.
        may_lose_turns: A spoken turn may be missing: the client was told so.
        may_cut: The user may have broken in: what was not heard of the agent is not restored.
        deleted: The ids of the items that the client has deleted.
        told: The responses that the client was told to be complete; None: all. Another may have ended on a link that
            was left meanwhile.
    """
    return [
        f"link {number}: {fault}"
        for number, (old, new) in enumerate(pairwise(links), 1)
        for fault in _restoring_faults(old, new, deleted, told, may_lose_turns=may_lose_turns, may_cut=may_cut)
    ]


def _restoring_faults(
    old: SimulatedSession,
    new: SimulatedSession,
    deleted: Collection[str],
    told: Collection[str] | None,
    *,
    may_lose_turns: bool,
    may_cut: bool,
) -> list[str]:
    before = [item for item in old.conversation if item.id not in deleted and item.text[: len(NOTE)] != NOTE]
    after = {_key(item): item for item in new.conversation}
    cut = _cut_items(old.log, before, told)
    if may_cut:
        cut |= {item.id for item in before if item.role == "assistant"}
    faults = []
    for item in before:
        restored = after.get(_key(item))
        if restored is None:
            if not (
                item.id in cut or (item.type == "voice" and (may_lose_turns or not old.log.sent.get(_TRANSCRIBED)))
            ):
                faults.append(f"{_named(item)} is missing")
        elif not _same(item, restored, is_cut=item.id in cut):
            faults.append(f"{_named(item)} came back as {_named(restored)}")
    common = [_key(item) for item in before if _key(item) in after]
    places = [key for key in after if key in set(common)]
    if places != common:
        faults.append(f"the order is {places}, not {common}")
    return faults + [f"{_named(item)} is there {count} times" for item, count in _doubled(new.conversation)]


def _key(item: ReceivedItem) -> str:
    """Return what an item is known by on each link: an output that was not confirmed may have had another id."""
    return f"output of {item.call_id}" if item.type == "function_call_output" else item.id


def _cut_items(log: SimulatorLog, items: Sequence[ReceivedItem], told: Collection[str] | None) -> set[str]:
    """Return the model's items that were not told to their end: of a response that was cut, or of one that was lost."""
    given = {item.id for item in log.items}
    whole = [one for one in log.responses if one.status == "completed" and (told is None or one.id in told)]
    texts, calls = {one.text for one in whole}, {call_id for one in whole for call_id in one.calls}
    return {
        item.id
        for item in items
        if item.id not in given
        and (
            (item.role == "assistant" and item.text not in texts)
            or (item.type == "function_call" and item.call_id not in calls)
        )
    }


def _same(item: ReceivedItem, restored: ReceivedItem, *, is_cut: bool) -> bool:
    if (item.role, item.call_id) != (restored.role, restored.call_id):
        return False
    # Of an item that was truncated the API keeps no transcript.
    return item.text == restored.text or (is_cut and (not item.text or item.text.startswith(restored.text.rstrip())))


def _doubled(items: Sequence[ReceivedItem]) -> list[tuple[ReceivedItem, int]]:
    """Return what stands more than once in a conversation under several ids, where each text was said once."""
    count = Counter(
        (item.type, item.role, item.text) for item in items if item.role == "user" and item.type == "message"
    )
    outputs = Counter(item.call_id for item in items if item.type == "function_call_output")
    first = {(item.type, item.role, item.text): item for item in items}
    doubled = [(first[key], number) for key, number in count.items() if number > 1 and _is_unique(key[2])]
    by_call = {item.call_id: item for item in items if item.type == "function_call_output"}
    return doubled + [(by_call[call_id], number) for call_id, number in outputs.items() if number > 1]


def _is_unique(text: str) -> bool:
    """Return whether a text ends in a number, as those of the clients here do; transcripts repeat themselves."""
    return text[-1:].isdigit()


def message_faults(links: Sequence[SimulatedSession], texts: Sequence[str]) -> list[str]:
    """Compare the user's texts in the last link's conversation with those that the client gave, in their order."""
    arrived = [item.text for item in links[-1].conversation if item.text in set(texts)]
    return [] if arrived == list(texts) else [f"the messages are {arrived}, not {list(texts)}"]


def result_faults(links: Sequence[SimulatedSession], results: Iterable[str], void: Iterable[str] = ()) -> list[str]:
    """Compare the outputs in the last link's conversation with the calls that the client answered.

    Args:
        links: One session's links, in the order of their use.
        results: The ids of the calls that it answered, once or more often.
        void: Those of the calls that it was told to be cancelled.
    """
    outputs = Counter(item.call_id for item in links[-1].conversation if item.type == "function_call_output")
    wanted = set(results) - set(void)
    faults = [f"the result of {call_id} is lost" for call_id in sorted(wanted - set(outputs))]
    faults += [f"the result of {call_id} came {count} times" for call_id, count in outputs.items() if count > 1]
    return faults + [f"nobody gave the result of {call_id}" for call_id in sorted(set(outputs) - set(results))]


def reply_faults(links: Sequence[SimulatedSession], *, unanswered_only: bool = False) -> list[str]:
    """Return what has no reply, and the replies that answer nothing new; each item of the user's asks for one.

    A spoken turn that upstream commits while a create is on its way is answered with that, and by one of its own.
    """
    answered: set[str] = set()
    faults = []
    own_reply_comes = False
    for number, link in enumerate(links):
        spoken = {item.id for item in link.log.items if item.type == "voice"}
        asking = {item.id for item in (*link.conversation, *link.log.items) if _asks(item)}
        for response in link.log.responses:
            if response.status != "completed" or not response.in_conversation:
                continue
            new = asking.intersection(response.seen) - answered
            if not new and not unanswered_only and not own_reply_comes:
                faults.append(f"link {number}: response {response.number} answers nothing new")
            answered |= new
            own_reply_comes = bool(new & spoken)
    last = links[-1].conversation
    return faults + [f"{_named(item)} has no reply" for item in last if _asks(item) and item.id not in answered]


def _asks(item: ReceivedItem) -> bool:
    return item.role == "user" or item.type == "function_call_output"


def collision_faults(links: Iterable[SimulatedSession]) -> list[str]:
    """Return the creates that met a response in progress."""
    count = sum(link.log.collisions for link in links)
    return [f"{count} collisions"] if count else []


def frame_numbers(audio: bytes, size: int) -> list[int]:
    """Return the numbers of the frames in some audio: frames of one size, each begins with its number."""
    return [int.from_bytes(audio[start : start + 4], "little") for start in range(0, len(audio), size)]


def numbered_frame(number: int, frame: bytes) -> bytes:
    """Return a frame of audio that begins with its number."""
    return number.to_bytes(4, "little") + frame[4:]


def audio_faults(heard: Sequence[Sequence[int]], sent: int, lost: int = 0) -> list[str]:
    """Compare the frames on each link with those that the client sent: each is on one link, once, in order.

    Args:
        heard: The numbers of the frames on each link.
        sent: How many the client has sent, numbered from 0.
        lost: How many may be missing.
    """
    order = [number for link in heard for number in link]
    faults = [f"frame {number} came {count} times" for number, count in Counter(order).items() if count > 1]
    missing = sorted(set(range(sent)) - set(order))
    if len(missing) > lost:
        faults.append(f"{len(missing)} frames are lost, from {missing[0]} on")
    return faults if order == sorted(order) else [*faults, "the frames are out of order"]


def _named(item: ReceivedItem) -> str:
    return f"{item.role or item.type} {item.id} {item.text!r}"
