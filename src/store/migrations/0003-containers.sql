-- One row per container. What is searched or shown in a shell has a column of its own, the rest is JSON.
CREATE TABLE containers (
  id            TEXT PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,
  created       TEXT NOT NULL,
  image_id      TEXT NOT NULL,
  -- creating, stable, removing: the first and the last are cleaned up at boot
  phase         TEXT NOT NULL,
  status        TEXT NOT NULL,
  pid           INTEGER NOT NULL,
  exit_code     INTEGER NOT NULL,
  restart_count INTEGER NOT NULL,
  state         TEXT NOT NULL,
  network       TEXT NOT NULL,
  config        TEXT NOT NULL,
  host_config   TEXT NOT NULL,
  -- mounts as decided at create
  mount_plan    TEXT NOT NULL,
  details       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
