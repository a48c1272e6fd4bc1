"""The short form of `make attack`: one proxy, what a client can send at once, and the sessions beside; counts only."""

from __future__ import annotations

from contextlib import ExitStack

import listener_rows
import memory
import one_message
from companions import Beside
from measuring import held_in_the_end, settings_of
from served import Served
from stand import BESIDE, Stand

# Of 22 MiB, or held for a while: the whole form has all of them.
LONG = ("append", "item", "tools that are", "spaces", "type of no end", "millions of brackets")
SHORT = (
    *(one for one in one_message.ATTACKS if not any(words in one.name for words in LONG)),
    *(one for one in one_message.ATTACKS if "append of 22 MiB" in one.name or "with an image" in one.name),
    *(one for one in listener_rows.ATTACKS if "plain port" in one.name or "silent" in one.name),
    *(one for one in memory.ATTACKS if "2^62" in one.name or "64 KB" in one.name or "of one address" in one.name),
)


def test_each_attack_is_answered_in_words_no_session_beside_is_lost_and_nothing_stays_held():
    with ExitStack() as stack:
        served = Served(settings_of(SHORT[0], None))
        stack.callback(served.close)
        beside = Beside()
        stack.callback(beside.end)
        beside.do("connect", address=served.address, kinds=BESIDE, newcomers=False, first={}, authority="")
        stand, otherwise = Stand(served), {}
        for attack in SHORT:
            got = attack.run(stand)
            stand.close()
            if not all(words in got for words in attack.expects):
                otherwise[attack.name] = got
        lost = beside.do("end", settle=10.0)["lost"]
        beside.do("close")
        assert otherwise == {}
        assert lost == []
        assert held_in_the_end(served) == 0
        assert served.end() == 0
        assert "Traceback" not in served.log
