"""The drift stage: compare what users ask with what the champion was trained on, and decide."""
