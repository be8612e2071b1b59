-- An image is its configuration, byte for byte: id is the digest of config.
CREATE TABLE images (
  id            TEXT PRIMARY KEY,
  config        BLOB NOT NULL,
  parent_id     TEXT NOT NULL,             -- '' for none
  descriptor    TEXT,                      -- JSON of the manifest or index by which it came
  last_tag_time TEXT,                      -- RFC 3339
  retired       INTEGER NOT NULL DEFAULT 0 -- deleted by force while containers stand on it: only its layers count
) STRICT;

CREATE TABLE image_layers (
  image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  chain_id TEXT NOT NULL,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;

-- Unpacked layers.
CREATE TABLE layers (
  chain_id   TEXT PRIMARY KEY,
  diff_id    TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,             -- of the files in it
  archive_size_bytes INTEGER NOT NULL      -- of its uncompressed archive
) STRICT, WITHOUT ROWID;

-- Blobs of the content store that hold a layer's archive, compressed or not.
CREATE TABLE layer_blobs (
  digest     TEXT PRIMARY KEY,
  diff_id    TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Manifests and indexes kept as they were served, in the content store.
CREATE TABLE image_manifests (
  image_id   TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  digest     TEXT NOT NULL,
  PRIMARY KEY (image_id, digest)
) STRICT, WITHOUT ROWID;

-- docker.io/library/busybox:latest, docker.io/library/busybox@sha256:…
CREATE TABLE image_references (
  reference TEXT PRIMARY KEY,
  image_id  TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
