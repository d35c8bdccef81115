"""What people start, one Prefect flow a file, and the rooms that only flows need."""
