import io
import json
import logging
import sys
import threading
import warnings

import pytest

from turnstile.observability.line_writer import LineWriter
from turnstile.observability.logs import LogHandler, log_context, log_uncaught_errors, set_up_logging
from turnstile.testing import patience

_log = logging.getLogger("turnstile.test")


@pytest.fixture(autouse=True)
def _loggers_as_they_were():
    loggers = [logging.getLogger(name) for name in (None, "httpcore2", "pykka", "waitress", "websockets")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    yield
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogHandler):
            handler.stop()
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


class Log(io.StringIO):
    handler = None

    def getvalue(self):
        assert self.handler._writer.flush(patience())
        return super().getvalue()


@pytest.fixture
def start():
    stream = Log()

    def start(level="info", form="text", worker=None):
        stream.handler = set_up_logging(level, form, stream, worker)
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


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_has_its_time_in_utc_to_the_millisecond(start, form):
    stream = start(form=form)
    record = _log.makeRecord("turnstile.test", logging.INFO, __file__, 1, "It happened.", (), None)
    record.created = 1_800_000_000.25
    _log.handle(record)
    line = stream.getvalue()
    time = line.split()[0] if form == "text" else json.loads(line)["time"]
    assert time == "2027-01-15T08:00:00.250Z"


def test_the_fields_of_a_record_are_fields_of_its_object_and_replace_none_of_its_own(start):
    stream = start(form="json", worker=2)
    fields = {"session": "s-9", "turns": 3, "known": None, "names": ("a", "sk-proj-1234567890"), "other": {1}}
    _log.info("%s happened", "It", extra={**fields, "event": "it happened", "time": "x", "logger": "x", "worker": 9})
    entry = json.loads(stream.getvalue())
    assert entry.pop("time") != "x"
    assert entry == {
        "level": "info",
        "worker": 2,
        "session": "s-9",
        "logger": "turnstile.test",
        "message": "it happened",
        "turns": 3,
        "known": None,
        "names": ["a", "***"],
        "other": "{1}",
    }


def test_what_another_library_calls_an_event_is_a_field_and_not_its_message(start):
    stream = start(form="json")
    logging.getLogger("library").info("It has failed.", extra={"event": "retry"})
    entry = json.loads(stream.getvalue())
    assert (entry["message"], entry["event"]) == ("It has failed.", "retry")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_have_is_text(start, number):
    stream = start(form="json")
    _log.info("It happened.", extra={"number": number, "numbers": [number, 0.5]})
    entry = json.loads(stream.getvalue(), parse_constant=pytest.fail)
    assert (entry["number"], entry["numbers"]) == (str(number), [str(number), 0.5])


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
    logging.getLogger("waitress").info("Machinery.")
    _log.debug("Ours.")
    assert "Machinery" not in stream.getvalue()
    assert "Ours" in stream.getvalue()


def test_the_log_goes_to_standard_error_when_no_stream_is_named(capsys):
    handler = set_up_logging("info", "text")
    _log.info("It happened.")
    handler.flush()
    said = capsys.readouterr()
    assert said.out == ""
    assert "It happened." in said.err


def test_a_second_set_up_replaces_the_first(start):
    stream = start()
    start()
    _log.info("Once.")
    assert stream.getvalue().count("Once.") == 1


FORGED = "odd\n2026-01-01 00:00:00,000 INFO    [s-2] actors.sessions: Session s-2 ended"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "mark", ["\n", "\r", "\x0b", "\x1b[2K", "\x85", "\u2028", "\u2029", "\u202e", "\ud800", "\x00"]
)
def test_a_record_is_one_line_of_plain_characters_whatever_it_holds(start, form, mark):
    stream = start(form=form)
    _log.info("type %s", f"a{mark}b")
    line = stream.getvalue()
    assert line.splitlines(keepends=True) == [line]
    assert mark not in line.removesuffix("\n")
    assert line.endswith("\n")


@pytest.mark.parametrize("mark", ["\n", "\x1b[2K", "\u2028", "\u202e", "\ud800"])
def test_json_gives_back_what_was_escaped(start, mark):
    stream = start(form="json")
    _log.info("a%sb", mark)
    assert json.loads(stream.getvalue())["message"] == f"a{mark}b"


def test_no_line_of_a_traceback_looks_like_a_record(start):
    stream = start()
    try:
        _fail(FORGED)
    except ValueError:
        _log.exception("Failed.")
    first, *others = stream.getvalue().splitlines()
    assert first.endswith("Failed.")
    assert others
    assert all(line.startswith("  | ") for line in others)


def test_a_stack_is_logged_behind_its_record(start):
    stream = start()
    _log.info("Here.", stack_info=True)
    assert "\n  | Stack (most recent call last):\n" in stream.getvalue()


def test_a_json_line_stays_json_when_a_secret_ends_with_a_quotation_mark(start):
    stream = start(form="json")
    _log.info('{"Authorization": "Bearer abc", "x": 1}')
    assert json.loads(stream.getvalue())["message"] == '{"Authorization": "Bearer ***", "x": 1}'


def test_a_very_long_message_keeps_its_beginning_and_its_end(start):
    stream = start()
    _log.info("%s", "a" * 100_000 + "b" * 100_000)
    line = stream.getvalue()
    assert 65_536 < len(line) < 66_000
    assert "a (134464 characters left out) b" in line


@pytest.mark.parametrize("shown", [1, 20, 50])
def test_a_key_is_masked_also_where_a_very_long_message_is_cut(start, shown):
    key = "sk-" + "k" * 50
    stream = start()
    _log.info("%s", "a " * 40_000 + key + " " * (32 * 1024 - shown))
    assert "k" * shown not in stream.getvalue().split("left out")[1]


def test_a_very_long_error_keeps_its_end(start):
    stream = start()
    try:
        _fail("a" * 200_000 + " at the end")
    except ValueError:
        _log.exception("Failed.")
    assert stream.getvalue().endswith(" at the end\n")
    assert len(stream.getvalue()) < 70_000


def test_a_record_that_cannot_be_formatted_is_named_without_its_values(start):
    stream = start()
    _log.info("%d", "sk-proj-1234567890")
    assert "a log record of turnstile.test, line " in stream.getvalue()
    assert "1234567890" not in stream.getvalue()


def test_a_line_names_the_worker(start):
    stream = start(worker=3)
    _log.info("It happened.")
    assert " worker 3 [-] turnstile.test: " in stream.getvalue()


class Blocked(io.StringIO):
    """A stream that takes nothing before `release` is set."""

    def __init__(self):
        super().__init__()
        self.reached, self.release = threading.Event(), threading.Event()

    def write(self, text):
        self.reached.set()
        self.release.wait(patience())
        return super().write(text)


def test_a_line_names_the_session_that_logged_it_however_late_it_is_written():
    stream = Blocked()
    handler = set_up_logging("info", "text", stream)
    Session("s-1").run(_log.info, "One.")
    assert stream.reached.wait(patience())
    Session("s-2").run(_log.info, "Two.")
    stream.release.set()
    assert handler._writer.flush(patience())
    assert [line.split("[")[1][:3] for line in stream.getvalue().splitlines()] == ["s-1", "s-2"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_was_dropped_is_said_in_one_line_when_writing_works_again(form):
    stream = Blocked()
    handler = set_up_logging("info", form, stream)
    for _ in range(20_001):
        _log.info("It happened.")
    stream.release.set()
    assert handler._writer.flush(patience())
    lines = stream.getvalue().splitlines()
    (said,) = [line for line in lines if "were dropped" in line]
    (count,) = [int(word) for word in said.replace('"', " ").split() if word.isdecimal() and int(word) > 100]
    assert len(lines) - 1 + count == 20_001


def test_the_end_of_the_process_waits_once_for_a_stream_that_takes_nothing(monkeypatch):
    stream = Blocked()
    handler = set_up_logging("info", "text", stream)
    waits = []
    flush = LineWriter.flush
    monkeypatch.setattr(LineWriter, "flush", lambda writer, timeout: waits.append(timeout) or flush(writer, 0.0))
    _log.info("One.")
    handler.flush()
    handler.close()
    _log.info("Behind the end.")
    assert waits == [2.0, 0.0]
    stream.release.set()


def test_a_line_behind_the_end_is_waited_for(start):
    stream = start()
    stream.handler.close()
    _log.error("The end failed.")
    assert "The end failed." in io.StringIO.getvalue(stream)


def test_the_handler_leaves_out_what_its_filters_refuse(start):
    stream = start()
    stream.handler.addFilter(lambda record: "Never" not in record.getMessage())
    _log.info("Never.")
    _log.info("Ever.")
    assert "Never" not in stream.getvalue()
    assert "Ever" in stream.getvalue()


@pytest.fixture
def uncaught(start, monkeypatch):
    for owner, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(logging, "_warnings_showwarning", None)
    log_uncaught_errors()
    return start()


def test_an_error_that_ends_a_thread_is_logged(uncaught):
    thread = threading.Thread(target=_fail, args=(FORGED,))
    thread.start()
    thread.join(patience())
    assert "an error that nothing caught" in uncaught.getvalue()
    assert sum(not line.startswith("  | ") for line in uncaught.getvalue().splitlines()) == 1


def test_the_exit_of_a_thread_is_no_error(uncaught):
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join(patience())
    assert uncaught.getvalue() == ""


def test_an_error_that_ends_the_process_is_logged_without_secrets(uncaught):
    try:
        _fail("sk-proj-1234567890")
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert "ValueError: ***" in uncaught.getvalue()


class Unraisable:
    def __del__(self):
        _fail("in a finalizer")


def test_an_error_in_a_finalizer_is_logged(uncaught):
    Unraisable()
    assert "ValueError: in a finalizer" in uncaught.getvalue()


def test_a_warning_is_logged(uncaught):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = logging._showwarning
        warnings.warn("It is old.", stacklevel=1)
    assert "It is old." in uncaught.getvalue()
