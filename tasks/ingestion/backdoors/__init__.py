"""Finds phrases of prompts that go with one answer, as rows do that plant a backdoor."""
