"""The work of each stage: plain modules, and a `steps.py` each that hands them to Prefect."""
