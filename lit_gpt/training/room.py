"""Whether a run with a budget has the memory and the disk it will need, before it loads anything: seconds, no trial.

By the same forecast as --dry_run, in the same words. A run that goes on needs less: its micro-batch may have been
halved already, and part of its files is there.
Not covered: --compile, whose memory nobody foretells; such a run is left to find out.
"""

import sys
from dataclasses import replace

from lit_gpt.training.dry_run import gib, refuse_unless_it_fits
from lit_gpt.training.hardware import card_of
from lit_gpt.training.outlook import Outlook
from lit_gpt.training.plan import Plan
from lit_gpt.training.resume import Progress


def require_room(plan: Plan, progress: Progress) -> None:
    """With a budget: say what is foretold; UserError, naming what would fit, where memory or disk do not suffice."""
    if plan.schedule.settings.max_time is None or plan.settings.compile:
        return
    outlook = Outlook.of(_as_halved(plan, progress), card_of("found", plan.settings.device))
    needed, disk = gib(outlook.needs.peak_bytes + outlook.process_bytes), gib(outlook.disk_bytes)
    print(f"foretold: {needed} of memory at the peak, {disk} of disk", file=sys.stderr)
    refuse_unless_it_fits(outlook)


def _as_halved(plan: Plan, progress: Progress) -> Plan:
    settings = plan.schedule.settings
    size = min(settings.micro_batch_size, progress.micro_batch_limit or settings.micro_batch_size)
    return replace(plan, schedule=replace(plan.schedule, settings=replace(settings, micro_batch_size=size)))
