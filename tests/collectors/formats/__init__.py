"""One module a platform: it writes a log as that platform does, and says what a Parquet of its rows holds."""
