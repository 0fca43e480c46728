"""The synthetic pool: images made once from real ones, from drawn faces or by a teacher, then shared by all trials."""
