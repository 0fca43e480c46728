"""Words that every room writes alike: how many of something, a clock, a capital, an error's first line."""


def count(size: int, noun: str, many: str | None = None) -> str:
    """Write "1 seed", "2 seeds", "2,000 trials", "3 axes"; `many` is the plural where it is not made with an s."""
    return f"{size:,} {noun if size == 1 else many or f'{noun}s'}"


def clock(seconds: float) -> str:
    """Write seconds as a clock shows them: 0:07, 12:05, 1:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def capital(sentence: str) -> str:
    """Return a sentence with its first letter large and the rest as it is."""
    return sentence[:1].upper() + sentence[1:]


def first_line(error: object) -> str:
    """Return the first line of what an error says, or its type's name where it says nothing."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
