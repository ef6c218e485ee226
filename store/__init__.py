"""The metric database: tables, migrations, reads and writes; the only package that speaks to it."""
