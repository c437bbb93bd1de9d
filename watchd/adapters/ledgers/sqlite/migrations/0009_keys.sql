-- Keys that have brought a picture, by a fingerprint that does not tell them: one that is refused later is tried again by
-- itself, as it is no wrong one.

CREATE TABLE key_that_worked (fingerprint TEXT PRIMARY KEY) WITHOUT ROWID;
