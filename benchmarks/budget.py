"""Simulate a day of training in many circumstances: planned and used time, and the last learning rate.

    python benchmarks/budget.py

The training loop itself runs, on a model of one number and a clock that is told what things take: a day of steps of ten
seconds in about seven seconds of a core.
"""

from lit_gpt.cli import run_command


def main(budget_hours: float = 24.0, step_s: float = 10.0) -> None:
    """Simulate.

    Args:
        budget_hours: the budget
        step_s: what a step takes, in seconds, where nothing is slow
    """
    from lit_gpt.progress import watched
    from lit_gpt.studies.budget_scenarios import scenarios
    from lit_gpt.studies.simulated_budget import simulate, table

    cases = scenarios(budget_hours * 3600, step_s)
    print(table([simulate(case) for case in watched(cases, "simulating", "scenario")]))


if __name__ == "__main__":
    run_command(main)
