-- What the folders that files go to are on; where an original is about to be moved, said before it is, so that a kill in
-- between loses nothing; and the note beside a failed one, so that only ours is ever removed.

CREATE TABLE target (root BLOB PRIMARY KEY, mount BLOB NOT NULL) WITHOUT ROWID;
ALTER TABLE job ADD COLUMN moving BLOB;
ALTER TABLE job ADD COLUMN note BLOB;
ALTER TABLE job ADD COLUMN note_sha256 TEXT;
