-- Blobs kept with an image beside its own layers and configuration: what an index by which it came has for other
-- platforms, attestations, and its layers in the form that its manifest names, where they are kept in another one.
CREATE TABLE image_blobs (
  image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  digest   TEXT NOT NULL,
  PRIMARY KEY (image_id, digest)
) STRICT, WITHOUT ROWID;
