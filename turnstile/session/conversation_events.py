"""What upstream tells of the items in the conversation, for the record of it."""

from __future__ import annotations

from turnstile.session.record import record


@record
class Transcribed:
    """The transcript of a spoken turn is complete (``conversation.item.input_audio_transcription.completed``).

    Args:
        item_id: The turn's item.
        text: The transcript; None where the turn could not be transcribed (``...failed``).
    """

    item_id: str
    text: str | None


@record
class ItemDeleted:
    """An item is no longer in the conversation (``conversation.item.deleted``)."""

    item_id: str


@record
class ItemRetrieved:
    """An item was shown as it is in the conversation (``conversation.item.retrieved``)."""

    item_id: str


@record
class ItemTruncated:
    """The agent's item ends where the user stopped hearing it (``conversation.item.truncated``).

    Args:
        item_id: The item.
        heard: The text of what was heard; None where it is not known.
    """

    item_id: str
    heard: str | None


ConversationFact = Transcribed | ItemDeleted | ItemRetrieved | ItemTruncated
