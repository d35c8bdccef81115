"""Questions with the passages that answer them: what an index of documents is judged by."""
