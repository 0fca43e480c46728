"""What is said before a study goes on, and where a search ends before it has all its trials."""

from collections.abc import Sequence

from rich.console import Console

from ignm.words import count
from search.study.folder import StudyFolder
from search.study.progress import StageProgress, ablate_reader, confirm_reader, search_reader
from search.study.question import Question


def tell_going_on(console: Console, folder: StudyFolder, question: Question, changed: Sequence[str]) -> None:
    """Say what an earlier run has done already, and what is no longer as it was then."""
    readers = (search_reader(folder, question), confirm_reader(folder), ablate_reader(folder))
    stages = [reader.read() for reader in readers]
    done = [_done(each) for each in stages if each.count_ended or each.running]
    if done:
        console.print(f"going on; done so far: {', '.join(done)}", highlight=False, soft_wrap=not console.is_terminal)
    if changed:
        console.print(
            f"not as it was before: {', '.join(changed)}; noted in {folder.question.name} and in the report",
            style="yellow",
            highlight=False,
            soft_wrap=not console.is_terminal,
        )


def _done(stage: StageProgress) -> str:
    unfinished = f" ({len(stage.running)} unfinished)" if stage.running else ""
    return f"{stage.stage} {stage.count_ended} of {count(stage.total, 'trial')}{unfinished}"


def tell_exhausted(console: Console, folder: StudyFolder, question: Question) -> None:
    """Say where the space had fewer points than trials were asked for."""
    trials, asked = len(folder.all_trials("search")), question.budget.trials
    if trials < asked:
        text = f"search: the space has no more points; {trials} of {count(asked, 'trial')}"
        console.print(text, highlight=False, soft_wrap=not console.is_terminal)
