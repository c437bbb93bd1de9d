-- Which folder a hot folder was when it was last looked at: an empty one at another place is a share that is not mounted,
-- an empty one at the same place is one that somebody emptied.

CREATE TABLE place (
    folder TEXT PRIMARY KEY,
    root   BLOB    NOT NULL,
    device TEXT    NOT NULL,
    inode  TEXT    NOT NULL,
    mount  BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
