"""What is minimised: adversarial losses, penalties, and the supervision added to them, as pure functions."""
