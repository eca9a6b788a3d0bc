"""FLAN 2021: 62 NLP data sets in ten wordings each, 5.4 million rows of the mixture.

Home: https://huggingface.co/datasets/DataProvenanceInitiative/flan2021_submix_original, parquet (5.5 GB), rendered from
https://github.com/google-research/FLAN (https://arxiv.org/abs/2301.13688). Licence: Apache-2.0 for the collection; the
data sets below keep their own terms. Origin: human (people's data sets, wordings by the authors).

One row (shortened):
    {"inputs": "Premise: …\\n\\nHypothesis: …\\n\\nDoes the premise entail …?", "targets": "yes",
     "task_source": "Flan2021", "task_name": "snli:1.1.0", "template_type": "zs_opt"}

Known traps
- `template_type` fs_… rows are few-shot: other rows stand in the prompt. `--zero_shot_only true` leaves them out.
- Answers are often one word, and the task sets of several benchmarks (e.g. ARC, HellaSwag, ANLI) are among them.
- Flat rows named prompt and completion, as other copies have them, are read too.
"""

from typing import Any

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer
from lit_gpt.data.source import Home, ParsedRow, Rejected, Source

HOME = Home("DataProvenanceInitiative/flan2021_submix_original", ())
FEW_SHOT = "fs"


def source(zero_shot_only: bool = False) -> Source:
    """Which wordings.

    Args:
        zero_shot_only: leave out rows with other rows in their prompt
    """

    def parse(record: dict[str, Any]) -> ParsedRow:
        if zero_shot_only and optional_text_field(record, "template_type").startswith(FEW_SHOT):
            raise Rejected("few_shot")
        names = ("inputs", "targets") if "inputs" in record else ("prompt", "completion")
        messages = question_and_answer(record, names[0], "", names[1])
        return dialogue(messages, optional_text_field(record, "task_name"))

    return Source(
        name="flan2021",
        home=HOME,
        licence="Apache-2.0",
        origin="human",
        parse=parse,
        forms=(("inputs", "targets"), ("prompt", "completion")),
        options={"zero_shot_only": zero_shot_only},
    )
