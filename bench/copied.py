"""Copy a collected model to another name, so that a store of many costs the collecting of one."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from store.tables import Base


def copy_model(session: Session, source: str, name: str, number: int) -> None:
    """Copy everything that is stored of the model `source`; its reference gets a number."""
    stored = f"CASE WHEN \"grain\" LIKE 'reference:%' THEN 'reference:{number}' ELSE \"grain\" END"
    incident = (
        "(SELECT min(own.id) FROM incident own, incident its WHERE its.id = {table}.incident_id"
        f" AND own.model = '{name}' AND own.cause = its.cause AND own.opened_at = its.opened_at)"
    )
    instead = {"model": f"'{name}'", "id": str(number), "reference_id": str(number), "grain": stored}
    for table in Base.metadata.sorted_tables:
        key = {"setting": f"name LIKE '%{source}%'", "model": f"name = '{source}'"}.get(
            table.name, f"model = '{source}'"
        )
        if table.name == "grid" or ("model" not in table.columns and table.name not in ("model", "setting")):
            continue
        named = {"name": f"replace(name, '{source}', '{name}')"} if table.name in ("setting", "model") else {}
        if "incident_id" in table.columns:
            named["incident_id"] = incident.format(table=table.name)
        if table.name in ("ticket", "outbox", "retraining"):
            named["key"] = f"\"key\" || '|{name}'"
        columns = [one.name for one in table.columns if one.name != "id" or table.name == "reference"]
        given = ", ".join({**instead, **named}.get(column, f'"{column}"') for column in columns)
        asked = ", ".join(f'"{column}"' for column in columns)
        session.execute(
            text(f'INSERT INTO "{table.name}" ({asked}) SELECT {given} FROM "{table.name}" WHERE {key}')
        )
