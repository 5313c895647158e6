"""What a sentence weighs is the same in every process, in whatever order its sets give their words."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import random
from odqa.reader.grounding.sentences import Sentence, Terms
from odqa.schema import Span
draw = random.Random(3)
known = [f"{a}{b}ngt{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "aeo"]
said = [" ".join(draw.choices(known, k=14)) for _ in range(60)]
every = [Sentence(0, Span(n, n + 1), text, None) for n, text in enumerate(said)]
for _ in range(40):
    terms = Terms(" ".join(draw.choices(known, k=14)), every)
    print([terms.share(sentence.stems) for sentence in every], terms.total)
"""


def test_shares_do_not_depend_on_the_order_of_sets() -> None:
    printed = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        printed.add(done.stdout)
    assert len(printed) == 1
    assert len(printed.pop()) > 10_000
