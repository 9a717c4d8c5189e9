"""Queries of a few words, taken out of questions by a rule that knows no dictionary, so that it favours no analyzer.

A question is cut at its function words and punctuation; some of the runs between them, as they stand, are the query:
``《战国无双3》是由哪两个公司合作开发的？`` → ``战国无双3 个公司合作开发``.
"""

import random
import re

LEAST = 2  # characters of a run
MOST = 4  # Chinese characters of a run that is cut short
_WRITTEN = (
    "为什么 是什么 有什么 什么样 什么时候 什么 怎么样 怎么 怎样 如何 为何 何时 何地 何人 何种 哪一年 "
    "哪一个 哪些 哪个 哪里 哪年 哪位 哪家 哪种 哪两 哪几 哪 谁 多少 多久 多大 几 是否 请问 以及 关于 根据 "
    "按照 由于 因为 所以 但是 可以 能够 称为 称作 叫做 其中 的 了 是 在 由 被 和 与 或 及 于 从 为 以 把 "
    "将 对 有 其 这 那 该 他 她 它 也 都 而 就 吗 呢 后 时 中 "
)
FUNCTION_WORDS = tuple(_WRITTEN.split())
_CUT = re.compile("|".join(sorted(FUNCTION_WORDS, key=lambda word: (-len(word), word))) + r"|[^\w.+#\-·]+")
_BEGINNING = re.compile(rf"[\x00-\u2fff]+|[^\x00-\u2fff]{{1,{MOST}}}")


def few_words(question: str) -> str:
    """Two or three of the runs, in order."""
    runs = _runs(question)
    chance = random.Random(question)
    return " ".join(_some(runs, chance.choice((2, 2, 3)), chance)) or question


def short_words(question: str) -> str:
    """Two of the runs, cut after four characters, without a space between them."""
    some = few_words(question).split()[:2]
    return "".join(found.group() for run in some if (found := _BEGINNING.match(run))) or question


def vague_words(question: str) -> str:
    """Two of the runs without the longest, which mostly is the name of what is asked about."""
    runs = _runs(question)
    if len(runs) <= LEAST:
        return few_words(question)
    longest = max(runs, key=len)
    return " ".join(_some([run for run in runs if run != longest], 2, random.Random(question)))


def _runs(question: str) -> list[str]:
    return [run for run in _CUT.split(question) if len(run) >= LEAST]


def _some(runs: list[str], number: int, chance: random.Random) -> list[str]:
    return [runs[at] for at in sorted(chance.sample(range(len(runs)), min(number, len(runs))))]
