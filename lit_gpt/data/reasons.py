"""Why a row was left out or shortened: every code there is, with the sentence a user reads.

The codes are stable: they stand in `rejects.jsonl` and in manifests.
"""

REASONS = {
    # told by the readers: the bytes are not a record
    "invalid_utf8": "The row holds bytes that are not UTF-8.",
    "invalid_json": "The row is not JSON: it is cut short, or a quote, comma or bracket is missing or too many.",
    "not_a_number": "The row holds NaN or Infinity, which JSON does not have.",
    "nested_too_deep": "The row nests lists or objects hundreds of levels deep.",
    "duplicate_key": "The row gives the same field twice, so we cannot tell which is meant.",
    "not_an_object": "The row is JSON but not an object with named fields.",
    "bad_quoting": "A quoted CSV field is never closed, or text follows its closing quote.",
    "wrong_field_count": "The row has more or fewer fields than the header.",
    "invalid_xml": "The line is no post: it is cut short, or no XML.",
    "invalid_html": "The text holds a declaration that HTML does not have.",
    "damaged_file": "The file breaks off here: a cut gzip, an array without its end, an unreadable parquet row group.",
    # told by the row forms: the record is not a dialogue we can train on
    "nul_character": "The row holds a NUL character.",
    "lone_surrogate": "The row holds half of a UTF-16 surrogate pair, which is no character.",
    "missing_field": "A field that must be there is absent or null.",
    "non_text_value": "A field that should be text is something else.",
    "empty_instruction": "A user turn is empty or blank.",
    "empty_output": "An assistant turn is empty or blank.",
    "no_answer": "A prompt without any answer.",
    "unknown_role": "A message's role is none of system, user and assistant.",
    "wrong_turn_order": "The turns do not alternate between user and assistant after an optional system message.",
    # told by merging: the row is sound, and has no place in the merged set
    "exact_duplicate": "Another row says exactly the same; it stays, and its origins name this one.",
    "near_duplicate_of_validation": "The row is almost the same as one that is held out for validation.",
    "over_long": "The row has no answer left within the longest row in tokens.",
    "not_drawn": "The mixture has no room for the row.",
    # told by the sources: the row is sound, and not one that was asked for
    "over_quota": "Its task has given as many rows as were asked for.",
    "few_shot": "The prompt holds other rows as examples, and only rows without were asked for.",
    "task_not_chosen": "The file is a task that was not asked for.",
    "other_language": "The row is in a language that was not asked for.",
    "unknown_language": "The row does not say its language, and only some were asked for.",
    "below_quality": "People rated an answer below what was asked for.",
    "missing_score": "Nobody rated the row, and a least rating was asked for.",
    "deleted_message": "Its writers deleted a message of the dialogue.",
    "template_error": "The template cannot be rendered with this row: a field is missing or of another kind.",
    "wrong_length": "The answer is shorter or longer than the rules for this source allow.",
    "first_person": "The answer speaks of its writer, which an assistant has not lived.",
    "cross_reference": "The answer speaks of other answers, which are not in the row.",
    "link_or_image": "The answer leans on a link or an image, which the row does not have.",
}

NOTES = {
    "trailing_user_turn_cut": "The dialogue ended in an unanswered user turn; that turn is left out.",
    "later_turns_cut": "Only the first question and answer of the dialogue are kept, as asked.",
}


class Rejected(Exception):
    """This row cannot be used; `reason` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"{reason!r} is not listed in REASONS")
        super().__init__(reason)
        self.reason = reason
