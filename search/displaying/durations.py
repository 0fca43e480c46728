"""Durations as people say them, where `0:23` could be minutes or hours."""


def in_units(seconds: float) -> str:
    """Write a duration with its units: 23 s, 6 min 30 s, 1 h 20 min, 76 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _both(*divmod(whole, 60), "min", "s")
    # From an hour on nobody counts seconds.
    return _both(*divmod(round(whole / 60), 60), "h", "min")


def _both(large: int, small: int, large_unit: str, small_unit: str) -> str:
    return f"{large:,} {large_unit} {small} {small_unit}" if small else f"{large:,} {large_unit}"
