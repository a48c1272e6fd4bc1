from __future__ import annotations

from importlib import resources

import pytest

from turnstile.errors import ConfigError
from turnstile.simulator.echo import echo
from turnstile.simulator.quirks import Quirks
from turnstile.simulator.scenario import Call, Expect, Reply, Scenario, Step
from turnstile.simulator.scenario_files import bundled_scenario, load_scenario, parse_scenario

WHOLE = """
transcripts = ["one"]
interleaved = true
strict = true

[[step]]
expect = { on = "output", function = "f", contains = "x" }
emit = { text = "{output}", calls = [{ name = "g", arguments = { a = 1 } }], ends = "incomplete", reason = "why" }
once = true

[[step]]
emit = { ends = "failed", retry_after = 2.5 }

[quirks]
opening = "nothing"
left_out = ["response.metadata"]
noise_bytes = 3
in_force.audio.output.voice = "ash"
"""


def test_a_file_says_all_that_python_can():
    step = Step(Expect("output", "x", "f"), Reply("{output}", (Call("g", {"a": 1}),), "incomplete", "why"), once=True)
    failure = Step(Expect(), Reply(ends="failed", retry_after=2.5))
    quirks = Quirks("nothing", ("response.metadata",), noise_bytes=3, in_force={"audio": {"output": {"voice": "ash"}}})
    assert parse_scenario(WHOLE, "x") == Scenario((step, failure), ("one",), None, interleaved=True, quirks=quirks)


def test_an_empty_file_is_free_talk():
    assert parse_scenario("", "x") == Scenario(otherwise=echo)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step = 1 1", "scenario x is not TOML"),
        ("[[step]]\nemit = { txt = 'a' }", r"step\.0\.emit\.txt"),
        ("[[step]]", r"step\.0\.emit"),
        ("[[step]]\nexpect = { on = 'smell' }\nemit = {}", r"step\.0\.expect\.on"),
        ("[quirks]\nopenning = 'nothing'", r"quirks\.openning"),
        ("[quirks]\nopening = 'late'", r"quirks\.opening"),
        ("[quirks]\nin_force.voice = 'ash'", r"quirks: .*in_force: Unknown parameter: 'session\.voice'"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(text, words):
    with pytest.raises(ConfigError, match=words) as refused:
        parse_scenario(text, "x")
    assert refused.value.problem.code == "invalid_scenario"


def test_a_file_is_loaded(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('transcripts = ["ä"]', encoding="utf-8")
    assert load_scenario(path).transcripts == ("ä",)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_unreadable_file_is_refused_in_words(tmp_path, content):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"mine\.toml cannot be read: (No such file|it is not UTF-8)"):
        load_scenario(path)


@pytest.mark.parametrize(
    "name", [file.name for file in (resources.files("turnstile.simulator") / "scenarios").iterdir()]
)
def test_every_bundled_scenario_can_be_used(name):
    assert bundled_scenario(name.removesuffix(".toml")).steps


def test_an_unknown_bundled_scenario_is_refused():
    with pytest.raises(ConfigError, match="'nope'"):
        bundled_scenario("nope")


def test_the_weather_scenario_plays(player):
    scenario = bundled_scenario("weather")
    client = player(*scenario.steps, transcripts=scenario.transcripts, interleaved=True)
    client.turn()
    calls = client.until("response.done")["response"]["output"][1:]
    assert [call["arguments"] for call in calls] == ['{"city": "London"}', '{"city": "Paris"}']
    for call, output in zip(calls, ("fog", "sun"), strict=True):
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
        client.send("conversation.item.create", item=item)
    client.send("response.create")
    assert client.until("response.output_audio_transcript.done")["transcript"] == "Here it is: fog sun."
