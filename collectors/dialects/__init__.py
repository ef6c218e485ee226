"""How engines say things: one file for each, `SqlDialect`s by the family of their SQLAlchemy address."""

from collectors.dialects.base import DAY_US, Dialect, SqlDialect
from collectors.dialects.bigquery import BigQuery
from collectors.dialects.clickhouse import ClickHouse
from collectors.dialects.duckdb import DuckDb
from collectors.dialects.mysql import MySql
from collectors.dialects.postgresql import PostgreSql
from collectors.dialects.snowflake import Snowflake
from collectors.dialects.spark import Spark
from collectors.dialects.sqlite import SQLite
from collectors.dialects.trino import Trino

__all__ = ["DAY_US", "FAMILIES", "ClickHouse", "Dialect", "DuckDb", "Spark", "SqlDialect"]

FAMILIES: dict[str, type[SqlDialect]] = {
    "postgresql": PostgreSql,
    "mysql": MySql,
    "mariadb": MySql,
    "sqlite": SQLite,
    "trino": Trino,
    "bigquery": BigQuery,
    "snowflake": Snowflake,
}
