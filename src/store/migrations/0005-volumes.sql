-- A volume and who uses it. The data is in <data-root>/volumes/<name>/_data.
CREATE TABLE volumes (
  name       TEXT PRIMARY KEY,
  driver     TEXT NOT NULL,
  created_at TEXT NOT NULL,              -- RFC 3339
  anonymous  INTEGER NOT NULL CHECK (anonymous IN (0, 1)),
  labels     TEXT NOT NULL,              -- JSON object of text
  options    TEXT NOT NULL               -- JSON object of text: the driver's type, o, device
) STRICT, WITHOUT ROWID;

-- A container (running or not) uses a volume. No key to the containers' table: the volume outlives an undone create.
CREATE TABLE volume_references (
  volume       TEXT NOT NULL REFERENCES volumes (name) ON DELETE RESTRICT,
  container_id TEXT NOT NULL,
  mounted      INTEGER NOT NULL DEFAULT 0 CHECK (mounted IN (0, 1)),
  PRIMARY KEY (volume, container_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX volume_references_container ON volume_references (container_id);
