"""The study: what it asks, and what lies on disk of it."""
