"""Notebooks over a study: thin, parameterised by its folder, and executed for each report."""
