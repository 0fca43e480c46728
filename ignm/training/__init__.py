"""The engine: trains one trial and yields its measurements."""
