"""The figures: pure functions from tidy tables to drawings, and a registry of which there are."""
