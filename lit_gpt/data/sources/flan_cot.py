"""FLAN's chain-of-thought sets: questions, answers and the reasoning between them, written by people.

Home: https://github.com/google-research/FLAN, `flan/v2/cot_data/*_train.tsv` (https://arxiv.org/abs/2301.13688); on no
hub, so give --source. Licence: Apache-2.0 for the collection; the data sets below keep their own terms. Origin: human.

One row, in three columns without names (question, answer, rationale):
    Is the following true?\\n\\"Larry King served tea.\\"\\nOptions:\\n- yes\\n- no<TAB>no<TAB>He had a set format …

Known traps
- There is no header line, and quotes are text: a reader of quoted tables joins or loses rows (every eighth of creak).
- Line breaks inside a field are written as \\n; they become line breaks here.
- The answer follows the rationale in a sentence of ours, so that the reasoning comes first; `--rationale false` takes
  the bare answer.
- gsm8k_train.tsv holds the training rows of GSM8K once more.
"""

from pathlib import Path
from typing import Any

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer, text_field
from lit_gpt.data.source import Layout, ParsedRow, Source

COLUMNS = ("question", "answer", "rationale")


def source(rationale: bool = True) -> Source:
    """What the answer says.

    Args:
        rationale: reason first and answer then; false answers at once
    """

    def parse(record: dict[str, Any]) -> ParsedRow:
        question, answer, reasoning = (text_field(record, name).replace("\\n", "\n") for name in COLUMNS)
        output = f"{reasoning.strip()}\nSo the answer is {answer.strip()}." if rationale and answer.strip() else answer
        fields = {"instruction": question, "output": output}
        return dialogue(question_and_answer(fields), optional_text_field(record, "category"))

    return Source(
        name="flan-cot",
        licence="Apache-2.0",
        origin="human",
        parse=parse,
        unfold=lambda record, file: [{**record, "category": Path(file).name.partition(".")[0]}],
        layout=Layout(quotes=False, column_names=COLUMNS),
        forms=(COLUMNS,),
        options={"rationale": rationale},
    )
