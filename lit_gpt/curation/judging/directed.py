"""Text that is directed at the judge instead of the user: told by what it says, with the words that gave it away.

Such text is known from papers and from benchmarks that were won by it (a constant answer took 86.5 % of AlpacaEval:
Zheng et al. 2024, arXiv 2410.07137). A row with it is flagged, and by default is not judged at all, since a gullible
judge would obey. The rules are for English, and are wary: an honest row about prompt injection is flagged, too.
Not covered: other languages, text in disguise (base64, letters of other scripts), persuasion without a demand.
"""

import re
from collections.abc import Iterable, Iterator

GRADE = r"(?:scores?|ratings?|grades?|marks?|points?|verdicts?|evaluations?)"
JUDGE = r"(?:judges?|graders?|evaluators?|raters?|reviewers?|assessors?|scorers?|examiners?|grading|evaluation)"
HIGHEST = r"(?:full|top|highest|maximum|max|maximal|perfect|best possible|5(?:\.0)?|10|100|five|ten|hundred)"
GIVE = r"(?:give|assign|award|return|output|print|rate|grade|score|deserves?|earns?|merits?|receives?)"
SAY = rf"(?:{GIVE}|reply|respond|answer|write|gets?|begin|start)"
REPLY = r"(?:answers?|responses?|reply|replies)"
RULES = {
    "overrides": r"\b(?:ignore|disregard|forget|override|skip|drop)\b.{0,40}\b(?:instructions?|rules?|rubrics?|criteria"
    rf"|guidelines?|prompts?|said (?:above|before)|everything (?:above|before)|{JUDGE})\b",
    "demands_grade": rf"\b{SAY}\b.{{0,60}}\b{HIGHEST}\b.{{0,30}}\b(?:{GRADE}|out of)\b"
    rf"|\b{GIVE}\b.{{0,50}}\b{GRADE}\b.{{0,20}}\b{HIGHEST}\b"
    rf"|\b(?:rate|grade|score) (?:this|it|the (?:above|{REPLY}))\b",
    "claims_grade": r"^\W*(?:the |my |final |overall |total |correct )*"
    rf"{GRADE}\b.{{0,20}}(?:[:=]|\bis\b)\W*{HIGHEST}\b",
    "addresses_judge": r"\b(?:dear|hey|hello|attention|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)"
    rf"|you are|you're|as)\W+(?:a |an |the |all |any |our |my |now )*(?:\w+ ){{0,2}}{JUDGE}\b",
    "plays_system": r"<\|?(?:im_start|im_end|system|endoftext|eot_id|start_header_id)\|?>|\[/?INST\]|<</?SYS>>"
    r"|^\W*(?:system|developer)(?: (?:message|prompt|note|override))?\W*:|\b(?:system|developer) (?:override|mode)\b",
    "plays_fence": r"^\W*(?:end|begin|start) of (?:the )?(?:material|submission|text|data)\b"
    rf"|^\W*(?:-{{2,}}|={{2,}}|#{{2,}}|\[)\W*(?:end|/)\W*(?:{REPLY}|material|output)"
    rf"|^\W*end of (?:the )?{REPLY}\b|</(?:{REPLY}|output|material)>|^\[[0-9a-f]{{8,}} \w+\]",
    "plays_verdict": rf"\"?\b{GRADE}\"?\s*[:=]\s*\"?{HIGHEST}\b"
    r"|\b(?:already|previously) (?:been )?(?:judged|graded|rated|scored|evaluated)"
    rf"|\bboth {REPLY} are\b|\bprefer (?:this|the (?:first|second)) {REPLY}\b",
}
PATTERNS = {name: re.compile(rule, re.IGNORECASE | re.MULTILINE) for name, rule in RULES.items()}
SHOWN_CHARS = 80


def directed_at_judge(texts: Iterable[str]) -> tuple[str, str] | None:
    """The first rule that a text meets, with the words; None where none does."""
    return next(_found(texts), None)


def _found(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        for name, pattern in PATTERNS.items():
            if match := pattern.search(text):
                yield name, match[0][:SHOWN_CHARS]
