"""Sentences that several commands say."""

from typing import Any


def winner_sentence(evidence: dict[str, Any]) -> str:
    """Who won, by how much, and beside what."""
    spread = f" ± {evidence['sd']:.2f}" if evidence["sd"] is not None else ""
    count = len(evidence["seeds"])
    text = (
        f"winner: {evidence['name']}, {evidence['metric']} {evidence['mean']:.2f}{spread} "
        f"({count} fresh seed{'s' if count != 1 else ''}, {evidence['kimg']:g} kimg)"
    )
    baseline = evidence["baseline"]
    if baseline and baseline["config_id"] == evidence["config_id"]:
        text += "; this is the preset itself: nothing searched beat it"
    elif baseline and baseline["qualities"]:
        text += f"; baseline {baseline['name']}: {baseline['mean']:.2f}"
    return text
