"""The ablate stage as read from disk: arms, designs, contrasts, and what each run measured."""
