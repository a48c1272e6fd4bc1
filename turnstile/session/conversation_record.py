"""What each fact adds to the record of the conversation, before the rule of the fact is asked.

A rule never changes the record, and the record never changes a rule.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from turnstile.session.config_patch import at
from turnstile.session.conversation import ROOT, Entry, trimmed
from turnstile.session.conversation_events import ItemDeleted, ItemTruncated, Transcribed
from turnstile.session.events import FunctionCalled, ItemConfirmed, ResponseFinished
from turnstile.session.items import item_meant
from turnstile.session.link_events import LinkLost, TookOver
from turnstile.session.restorable_items import call_entry, entry_of, heard_message, transcribed_message
from turnstile.session.state import TRANSCRIPTION
from turnstile.session.turn_events import SpeechStarted, TurnCommitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.session.conversation import Conversation
    from turnstile.session.events import Event
    from turnstile.session.policy import Policy
    from turnstile.session.restorable_items import Content
    from turnstile.session.state import Now

    Recorder = Callable[[Now, Any, Policy], Conversation]

# Of an item of which nobody knows how much was heard.
_UNKNOWN: Content = (b"", "cut")
# So many turns may await their transcripts where no conversation is kept.
_AWAITED_AT_MOST: Final = 8


def recorded(now: Now, event: Event, policy: Policy) -> Now:
    """Return the session with what `event`, one of `RECORDED`, adds to its conversation, within the bound.

    Nothing is kept of a conversation that is a call's (`Policy.is_shared`); of one without a bound's room, or of a
    session that only transcribes, no more than which turns may still be transcribed.
    """
    limit = policy.max_conversation_bytes
    if policy.is_shared:
        return now
    if not limit or now.state.in_force.get("type") == TRANSCRIPTION:
        return _awaiting(now, event)
    conversation = _RECORDERS[event.__class__](now, event, policy)
    if conversation is now.data.conversation:
        return now
    return now.change(conversation=trimmed(conversation, limit) if conversation.bytes > limit else conversation)


def _awaiting(now: Now, event: Event) -> Now:
    conversation = now.data.conversation
    match event:
        case TurnCommitted(item_id) if _is_transcribed(now) and item_id not in conversation.awaited:
            awaited = (*conversation.awaited[1 - _AWAITED_AT_MOST :], item_id)
        case Transcribed(item_id) | ItemDeleted(item_id) if item_id in conversation.awaited:
            awaited = tuple([one for one in conversation.awaited if one != item_id])
        case _:
            return now
    return now.change(conversation=replace(conversation, awaited=awaited))


def _is_transcribed(now: Now) -> bool:
    return bool(at(now.state.in_force, "audio", "input", "transcription"))


def _confirmed(now: Now, confirmed: ItemConfirmed, policy: Policy) -> Conversation:
    """Place an item; one of our own has the content that was sent, any other the content that upstream shows.

    What was restored is there already, and the note behind it is none of the conversation's.
    """
    if confirmed.item_id in now.data.restored:
        return now.data.conversation
    conversation, ours = now.data.conversation, item_meant(now, confirmed, policy)
    item = ours.content if ours and ours.content else confirmed.item
    entry = entry_of(confirmed.item_id, item, policy.max_conversation_bytes) if item else None
    if entry is None:
        return conversation
    conversation = _with(conversation, entry, policy)
    previous_id = confirmed.previous_id
    if previous_id is None or conversation.find(entry.item_id) is None:
        return conversation
    if previous_id in now.data.restored and conversation.find(previous_id) is None:
        # The note, which is behind all that was restored.
        restored = [one.item_id for one in conversation.entries if one.item_id in now.data.restored]
        previous_id = restored[-1] if restored else ROOT
    return conversation.placed(entry.item_id, previous_id)


def _with(conversation: Conversation, entry: Entry, policy: Policy) -> Conversation:
    """Put an item in, unless there is more in the record of it already: a cut, or a transcript.

    An output goes with its call: without one that another link has had, the API refuses it.
    """
    before = conversation.find(entry.item_id)
    if before is not None:
        has_more = before.item and entry.kind != "assistant"
        if before.is_cut or has_more or (not entry.item and (before.item or before.missing)):
            return conversation
        return conversation.changed(before, before.with_item(entry.item, entry.missing))
    if entry.kind == "function_call_output":
        if entry.call_id not in conversation.open_calls:
            return conversation
        if not entry.item:
            conversation = conversation.without([one for one in conversation.entries if one.call_id == entry.call_id])
    if entry.kind == "assistant" and conversation.cuts and entry.item_id in dict(conversation.cuts):
        heard = dict(conversation.cuts)[entry.item_id]
        return conversation.appended(_cut(replace(entry, item=b"", missing=""), heard, policy))
    return conversation.appended(entry)


def _committed(now: Now, committed: TurnCommitted, _: Policy) -> Conversation:
    """Keep the place of a spoken turn, whose transcript comes later, if at all."""
    conversation, item_id = now.data.conversation, committed.item_id
    entry = conversation.find(item_id)
    if entry is None:
        entry = Entry(item_id, "user", missing="audio")
        conversation = conversation.appended(entry)
    if not _is_transcribed(now) or entry.missing != "audio" or item_id in conversation.awaited:
        return conversation
    return replace(conversation, awaited=(*conversation.awaited, item_id))


def _transcribed(now: Now, transcribed: Transcribed, policy: Policy) -> Conversation:
    conversation = now.data.conversation
    entry = conversation.find(transcribed.item_id)
    if entry is None or entry.missing != "audio":
        return conversation
    if transcribed.text is None:
        awaited = tuple([item_id for item_id in conversation.awaited if item_id != entry.item_id])
        return replace(conversation, awaited=awaited)
    content = transcribed_message(entry.item, transcribed.text, policy.max_conversation_bytes)
    return conversation.changed(entry, entry.with_item(*content))


def _finished(now: Now, finished: ResponseFinished, policy: Policy) -> Conversation:
    """Put in what the agent said; a call that is cancelled with its response gets no result, and goes."""
    conversation = now.data.conversation
    if finished.response_id in now.data.asides_running:
        return conversation
    for item in finished.output:
        entry = entry_of(item["id"], {**item, "status": "completed"}, policy.max_conversation_bytes)
        if entry and entry.kind == "assistant":
            conversation = _with(conversation, entry, policy)
    if finished.outcome != "cancelled" or not conversation.open_calls:
        return conversation
    calls = now.data.calls
    void = {call.call_id for call in calls if call.response_id == finished.response_id and call.output is None}
    return conversation.without([entry for entry in conversation.entries if entry.call_id in void])


def _called(now: Now, called: FunctionCalled, policy: Policy) -> Conversation:
    entry = call_entry(called.item_id, called.call_id, called.name, called.arguments, policy.max_conversation_bytes)
    return _with(now.data.conversation, entry, policy)


def _deleted(now: Now, deleted: ItemDeleted, _: Policy) -> Conversation:
    """Take an item out; with a call its output goes, and a call whose output goes is open again.

    One that is only replaced on the link stays.
    """
    conversation = now.data.conversation
    entry = conversation.find(deleted.item_id)
    if entry is None or any(one.item_id == entry.item_id and one.version is None for one in now.state.restoring):
        return conversation
    if entry.kind != "function_call_output":
        return conversation.without((entry,))
    shorter = conversation.without((replace(entry, call_id=""),))
    return replace(shorter, open_calls=(*shorter.open_calls, entry.call_id))


def _truncated(now: Now, truncated: ItemTruncated, policy: Policy) -> Conversation:
    return _with_cut(now.data.conversation, truncated.item_id, truncated.heard, policy)


def _speech_started(now: Now, started: SpeechStarted, policy: Policy) -> Conversation:
    conversation = now.data.conversation
    for cut in started.cut_off:
        conversation = _with_cut(conversation, cut.item_id, cut.heard, policy)
    return conversation


def _with_cut(conversation: Conversation, item_id: str, heard: str | None, policy: Policy) -> Conversation:
    """Cut an item off; one that is not known may be out of band, or not in the conversation yet."""
    entry = conversation.find(item_id)
    if entry is None:
        return conversation.with_cut(item_id, heard)
    cut = _cut(entry, heard, policy)
    return conversation if cut == entry else conversation.changed(entry, cut)


def _cut(entry: Entry, heard: str | None, policy: Policy) -> Entry:
    """Return an assistant's entry with what was heard of it: less and less, however often it is cut off."""
    if entry.kind != "assistant":
        return entry
    if heard is None:
        return entry if entry.is_cut else entry.with_item(*_UNKNOWN, is_cut=True)
    item, missing = heard_message(heard, policy.max_conversation_bytes)
    if entry.is_cut and entry.missing != "cut" and len(item) >= len(entry.item):
        return entry
    return entry.with_item(item, missing, is_cut=True)


def _link_ended(now: Now, ended: LinkLost | TookOver, policy: Policy) -> Conversation:
    """Keep what was sent of the items that the link had not finished; what it has only begun is nowhere."""
    conversation = now.data.conversation
    limit = policy.max_conversation_bytes
    for item_id, text in ended.unfinished:
        data, missing = _UNKNOWN if text is None else heard_message(text, limit)
        entry = conversation.find(item_id)
        if entry or (now.state.response and not now.data.asides_running):
            conversation = _with(conversation, Entry(item_id, "assistant", data, missing=missing), policy)
    return _off_the_link(now, conversation, policy)


def _off_the_link(now: Now, conversation: Conversation, policy: Policy) -> Conversation:
    """Return the record without what only the link before could have told, and the calls whose result nobody awaits."""
    going = [entry for entry in conversation.entries if not entry.item and not entry.missing]
    if conversation.open_calls and not policy.is_transparent:
        awaited: set[Any] = {call.call_id for call in now.data.calls}
        awaited |= {item.content.get("call_id") for item in now.state.items if item.content}
        void = set(conversation.open_calls) - awaited
        going += [entry for entry in conversation.entries if entry.call_id in void]
    if not going and not conversation.cuts:
        return conversation
    return replace(conversation.without(going), cuts=())


_RECORDERS: Final[dict[type, Recorder]] = {
    ItemConfirmed: _confirmed,
    TurnCommitted: _committed,
    Transcribed: _transcribed,
    ResponseFinished: _finished,
    FunctionCalled: _called,
    ItemDeleted: _deleted,
    ItemTruncated: _truncated,
    SpeechStarted: _speech_started,
    LinkLost: _link_ended,
    TookOver: _link_ended,
}
RECORDED: Final = frozenset(_RECORDERS)
"""The classes of the facts that add to the record."""
