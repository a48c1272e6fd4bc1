"""What the host of a session, or an operator, has its ClientActor do; the answers go to the inbox that each names.

A session has one such inbox: the refs of its requests are negative, which no client's are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from turnstile.ports import Inbox
    from turnstile.session.client_requests import Ref, Request
    from turnstile.translate.host_overrides import HostOverrides


class HostDecided(NamedTuple):
    """More of the configuration is overridden.

    Args:
        ref: The request's number.
        overrides: The changes.
        asker: Gets the answer.
    """

    ref: Ref
    overrides: HostOverrides
    asker: Inbox


class PromptAdded(NamedTuple):
    """A text is added to the prompt, whoever has given that.

    Args:
        ref: The request's number.
        text: The text.
        asker: Gets the answer.
    """

    ref: Ref
    text: str
    asker: Inbox


class HostAsked(NamedTuple):
    """Any other request.

    Args:
        request: The request, with its number.
        asker: Gets the answer.
    """

    request: Request
    asker: Inbox


Wish = HostDecided | PromptAdded | HostAsked
"""Whatever a host or an operator wants."""
