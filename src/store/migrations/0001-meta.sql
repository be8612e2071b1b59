-- Facts about the daemon itself, by name: the engine's id and what else has to outlive a restart.
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
