"""Ablation: designs that say which configurations are compared, the plan that runs them, and what it costs."""
