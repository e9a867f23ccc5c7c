"""Keep what can be searched of each record, and find candidates in it under the owner's rights.

The operators of GIN are not leakproof, so under row security they never drive an index for the
service's own role. The two functions below run as the owner, whom a policy of its own lets see all
rows, and bind themselves to the workspace of the session: by the tags that lead every key, and by
the rows' workspace, which is what counts. They take no workspace and fail where none is set.
That workspace is looked at behind OFFSET 0, so that it can't drive the primary key's index.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from kit import migrations, tables

revision = "0002"
down_revision = "0001"

_DEFINER = """
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = records, pg_temp
SET enable_seqscan = off
SET enable_indexscan = off
SET enable_indexonlyscan = off
SET plan_cache_mode = force_generic_plan"""

_WORKSPACE = """
CREATE FUNCTION search_workspace() RETURNS uuid LANGUAGE plpgsql STABLE
SET search_path = records, pg_temp AS $$
DECLARE found uuid := nullif(current_setting('app.workspace_id', true), '')::uuid;
BEGIN
  IF found IS NULL THEN
    RAISE insufficient_privilege USING MESSAGE = 'no workspace is set';
  END IF;
  RETURN found;
END $$"""

# As services.records.logic.search.tag_of.
_TAG = """
CREATE FUNCTION search_tag(workspace uuid, slot uuid) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT left(md5(workspace::text || ':' || slot::text), 8)
$$"""

# While the entries of a workspace are still being built, as many nulls as the bound allows: too
# many to be of use, so that the documents are read instead.
_TEXTS = f"""
CREATE FUNCTION text_matches(slot uuid, lows int8[], bound int) RETURNS TABLE (record_id uuid)
{_DEFINER} AS $$
#variable_conflict use_column
DECLARE
  ours uuid := search_workspace();
  lead int8 := ('x' || search_tag(ours, slot))::bit(32)::int8 << 32;
  wanted int8[] := array(SELECT lead | low FROM unnest(lows) AS low);
BEGIN
  IF EXISTS (SELECT FROM search_builds AS b WHERE b.workspace_id = ours) THEN
    RETURN QUERY SELECT NULL::uuid FROM generate_series(1, bound);
    RETURN;
  END IF;
  RETURN QUERY SELECT m.record_id FROM (
    SELECT e.workspace_id, e.record_id FROM search_entries AS e
    WHERE e.grams @> wanted OR e.grams @> ARRAY[lead] OFFSET 0
  ) AS m WHERE m.workspace_id = ours LIMIT bound;
END $$"""

# Every word in one of the fields; the last one as a beginning.
_WORDS = f"""
CREATE FUNCTION word_matches(slots uuid[], words text[], bound int)
RETURNS TABLE (record_id uuid, rank float4)
{_DEFINER} AS $$
#variable_conflict use_column
DECLARE
  ours uuid := search_workspace();
  tags text[] := array(SELECT search_tag(ours, slot) FROM unnest(slots) AS slot);
  last int := cardinality(words);
  wanted tsquery := (
    SELECT string_agg('(' || (
      SELECT string_agg(
        '''' || replace(replace(tag || word, '\\', '\\\\'), '''', '''''') || ''''
        || CASE WHEN n = last THEN ':*' ELSE '' END, ' | ') FROM unnest(tags) AS tag
    ) || ')', ' & ') FROM unnest(words) WITH ORDINALITY AS w (word, n)
  )::tsquery;
BEGIN
  RETURN QUERY SELECT m.record_id, ts_rank(m.vector, wanted) FROM (
    SELECT e.workspace_id, e.record_id, e.vector FROM search_entries AS e
    WHERE e.vector @@ wanted OFFSET 0
  ) AS m WHERE m.workspace_id = ours LIMIT bound;
END $$"""

_TIDY = """
CREATE FUNCTION search_tidy() RETURNS int8 LANGUAGE sql SECURITY DEFINER
SET search_path = records, pg_temp AS $$
  SELECT gin_clean_pending_list('records.ix_search_entries_terms'::regclass)
$$"""

_FUNCTIONS = {
    "search_workspace()": _WORKSPACE,
    "search_tag(uuid, uuid)": _TAG,
    "text_matches(uuid, int8[], int)": _TEXTS,
    "word_matches(uuid[], text[], int)": _WORDS,
    "search_tidy()": _TIDY,
}


def upgrade() -> None:
    op.create_table(
        "search_entries",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("record_id", sa.Uuid, primary_key=True),
        sa.Column("vector", TSVECTOR, nullable=False),
        sa.Column("grams", ARRAY(sa.BigInteger), nullable=False),
    )
    op.create_index(
        "ix_search_entries_terms", "search_entries", ["vector", "grams"], postgresql_using="gin"
    )
    op.create_table(
        "search_builds",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("after_id", sa.Uuid),
        tables.time_column("create_time"),
    )
    migrations.secure("records", ["search_entries", "search_builds"], queues=["search_builds"])
    for table in ("search_entries", "search_builds"):
        op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)")
    for signature, body in _FUNCTIONS.items():
        op.execute(body)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    # Records that are there already get their entries from a worker.
    op.execute("ALTER TABLE records NO FORCE ROW LEVEL SECURITY")
    op.execute("INSERT INTO search_builds (workspace_id) SELECT DISTINCT workspace_id FROM records")
    op.execute("ALTER TABLE records FORCE ROW LEVEL SECURITY")
