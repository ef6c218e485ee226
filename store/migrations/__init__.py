"""The forms that the metric database has had, by Alembic."""
