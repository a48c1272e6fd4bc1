import io
import json
import logging

import pytest

from turnstile.observability.logs import log_context, set_up_logging, without_secrets

_log = logging.getLogger("turnstile.test")


@pytest.fixture(autouse=True)
def _loggers_as_they_were():
    loggers = [logging.getLogger(name) for name in (None, "pykka", "websockets")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.fixture
def start():
    stream = io.StringIO()

    def start(level="info", form="text"):
        set_up_logging(level, form, stream)
        return stream

    return start


class Session:
    def __init__(self, session_id):
        self.session_id = session_id

    def run(self, call, *arguments):
        before, log_context.session_id = log_context.session_id, self.session_id
        try:
            call(*arguments)
        finally:
            log_context.session_id = before


def _fail(words):
    raise ValueError(words)


def test_a_line_names_level_session_and_logger(start):
    stream = start()
    Session("s-1").run(_log.info, "It %s.", "happened")
    line = stream.getvalue()
    assert line.endswith(" INFO    [s-1] turnstile.test: It happened.\n")


def test_a_line_outside_of_sessions_names_none(start):
    stream = start()
    Session("s-1").run(list)
    _log.info("It happened.")
    assert " [-] " in stream.getvalue()


def test_a_line_of_a_session_within_another_names_the_inner_one(start):
    stream = start()
    Session("s-1").run(Session("s-2").run, _log.info, "It happened.")
    assert " [s-2] " in stream.getvalue()


def test_a_line_under_the_level_is_left_out(start):
    stream = start("warning")
    _log.info("Never.")
    assert stream.getvalue() == ""


def test_json_lines_hold_the_same(start):
    stream = start(form="json")
    Session("s-1").run(_log.warning, 'It "happened": ü.')
    entry = json.loads(stream.getvalue())
    assert entry.pop("time")
    assert entry == {
        "level": "warning",
        "session": "s-1",
        "logger": "turnstile.test",
        "message": 'It "happened": ü.',
    }


def test_a_json_line_stays_one_line_when_it_holds_an_exception(start):
    stream = start(form="json")
    try:
        _fail("odd")
    except ValueError:
        _log.exception("Failed.")
    assert stream.getvalue().count("\n") == 1
    assert "ValueError: odd" in json.loads(stream.getvalue())["exception"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_key_is_masked_also_in_a_traceback(start, form):
    stream = start(form=form)
    try:
        _fail("Authorization: Bearer abc.def")
    except ValueError:
        _log.exception("Refused: %s", "sk-proj-1234567890")
    assert "abc.def" not in stream.getvalue()
    assert "sk-proj-1234567890" not in stream.getvalue()
    assert stream.getvalue().count("***") >= 2


def test_what_libraries_say_of_themselves_is_left_out_at_debug_level(start):
    stream = start("debug")
    logging.getLogger("pykka").debug("Machinery.")
    logging.getLogger("websockets").debug("Machinery.")
    _log.debug("Ours.")
    assert "Machinery" not in stream.getvalue()
    assert "Ours" in stream.getvalue()


def test_the_log_goes_to_standard_error_when_no_stream_is_named(capsys):
    set_up_logging("info", "text")
    _log.info("It happened.")
    said = capsys.readouterr()
    assert said.out == ""
    assert "It happened." in said.err


def test_a_second_set_up_replaces_the_first(start):
    stream = start()
    start()
    _log.info("Once.")
    assert stream.getvalue().count("Once.") == 1


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk-abc123def456 refused", "key *** refused"),
        ("ephemeral ek_no, ek-abcdef123", "ephemeral ek_no, ***"),
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ("authorization: token abc", "authorization: token ***"),
        ("{'Authorization': 'Bearer abc', 'x': 1}", "{'Authorization': 'Bearer ***', 'x': 1}"),
        ("api-key: abc", "api-key: ***"),
        ('{"api-key": "abc", "x": 1}', '{"api-key": "***", "x": 1}'),
        ("wss://host/x?api-key=abc&model=m", "wss://host/x?api-key=***&model=m"),
        ("api_key=abc", "api_key=***"),
        ("a task-force of sk- and tokens", "a task-force of sk- and tokens"),
    ],
)
def test_whatever_looks_like_a_key_is_masked(text, masked):
    assert without_secrets(text) == masked
