"""Reads a request to the ops listener, where waitress's own parser would fail, or believe a client too much."""

from __future__ import annotations

from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError


class OpsRequestParser(HTTPRequestParser):
    """Reads one request."""

    headers: dict[str, str]
    proxy_netloc: str

    def received(self, data: bytes) -> int:
        """Read more of the request; return how many bytes of it were used."""
        used: int = super().received(data)
        if self.completed:  # by a body that there is not, or that is refused: nobody is to wait for leave to send one
            self.expect_continue = False
        return used

    def parse_header(self, header_plus: bytes) -> Any:
        """Read the first line and the headers.

        An address in the first line counts in place of the `Host` (RFC 9112, section 3.2.2).

        Raises:
            ParsingError: They are no HTTP, or say what cannot be, such as a length of 5,000 digits.
        """
        try:
            super().parse_header(header_plus)
        except ValueError:
            raise ParsingError("The address or a number cannot be read") from None
        if self.proxy_netloc:
            self.headers["HOST"] = self.proxy_netloc
