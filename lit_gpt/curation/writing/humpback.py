"""A prompt for a text: Humpback's instruction backtranslation (Li et al. 2023, arXiv 2308.06259). The wording is ours.

The texts are the answers of a prepared set: people's, mostly, who wrote them for another purpose. What a model writes
is the prompt, so the pair is a model's by its provenance, however good the text. The paper trains a model for this on
pairs turned round; here whoever is asked is asked in words, or is such a model (--checkpoint_dir).
The other half, self-curation, is the recipe humpback.
"""

from collections.abc import Sequence

from lit_gpt.curation.judging.judge import Judge
from lit_gpt.curation.judging.question import Failed
from lit_gpt.curation.texts import answer_of
from lit_gpt.curation.writing.elimination import prompt_objection
from lit_gpt.curation.writing.material import Lost, ask_for, rewritten
from lit_gpt.curation.writing.settings import ExpandSettings
from lit_gpt.example import Example, Message, user_message

TASK = (
    "Below is a text. Write the request to which it would be a very good reply: one that a person could have asked, "
    "that says all one has to know for such a reply, and that does not quote it. Reply with the request alone, without "
    "a heading or a remark."
)


def backtranslate(texts: Sequence[Example], judge: Judge, settings: ExpandSettings) -> tuple[list[Example], list[Lost]]:
    """A row for each text that a prompt was found for."""
    ids = [f"{row.id}/backtranslated" for row in texts]
    asked = [ask_for(id, TASK, {"text": answer_of(row)}, settings.seed) for id, row in zip(ids, texts, strict=True)]
    rows, lost = [], []
    for row, id, found in zip(texts, ids, judge.ask(asked, "humpback-prompts"), strict=True):
        if isinstance(found, Failed):
            lost.append(Lost(id, found.reason, found.detail))
        elif reason := prompt_objection(found, answer_of(row), {answer_of(row).strip().lower()}):
            lost.append(Lost(id, reason, found))
        else:
            messages = (user_message(found), Message("assistant", answer_of(row)))
            rows.append(rewritten(row, id, messages, judge.name, settings.licence))
    return rows, lost
