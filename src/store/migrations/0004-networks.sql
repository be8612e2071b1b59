-- A network as its inspect shows it, in order of creation.
CREATE TABLE networks (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id       TEXT NOT NULL UNIQUE,
  name     TEXT NOT NULL UNIQUE,
  driver   TEXT NOT NULL,
  document TEXT NOT NULL                  -- JSON of the rest
) STRICT;

-- What a running container has of the network: its namespace, addresses and ports of the host. No key to the
-- containers' table: it is written before the container is known to run, and cleaned up at boot.
CREATE TABLE sandboxes (
  container_id   TEXT PRIMARY KEY,
  sandbox_id     TEXT NOT NULL UNIQUE,
  sandbox_key    TEXT NOT NULL,
  container_name TEXT NOT NULL,
  hostname       TEXT NOT NULL,
  kind           TEXT NOT NULL,           -- private, host
  endpoints      TEXT NOT NULL,           -- JSON array
  ports          TEXT NOT NULL            -- JSON array
) STRICT, WITHOUT ROWID;
