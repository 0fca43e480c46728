"""How amounts of time, money and training are written for people; light, as the command line begins with it."""

import math

ABSENT = "–"


def quantity(value: float, digits: int = 3) -> str:
    """Write what was used or will be, never as a power of ten: 0.004, 2.5, 80,000; less than a millionth is 0."""
    if not math.isfinite(value):
        return ABSENT
    text = f"{value:,.{min(6, decimals_of(value, digits))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimals_of(value: float, digits: int) -> int:
    """Return how many decimals show `digits` significant digits of a finite number."""
    magnitude = 0 if value == 0 else math.floor(math.log10(abs(value)))
    return max(0, digits - 1 - magnitude)
