-- The ledger's first shape. Paths are BLOBs, since a file name is bytes; the *_text columns are what people read.
-- Money is whole micro-dollars; moments are Unix seconds; the views turn both into what the outside is promised.

CREATE TABLE job (
    id            INTEGER PRIMARY KEY,
    folder        TEXT    NOT NULL,
    path          BLOB    NOT NULL,
    path_text     TEXT    NOT NULL,
    sha256        TEXT    NOT NULL,
    size          INTEGER NOT NULL,
    mtime_ns      INTEGER NOT NULL,
    parameters    TEXT    NOT NULL,
    profile       TEXT    NOT NULL,
    -- What the call would cost, in micro-dollars, and the size in pixels of the answer that is expected.
    price         INTEGER NOT NULL DEFAULT 0,
    width         INTEGER NOT NULL DEFAULT 0,
    height        INTEGER NOT NULL DEFAULT 0,
    priority      INTEGER NOT NULL DEFAULT 0,
    state         TEXT    NOT NULL
        CHECK (state IN ('queued', 'sending', 'armed', 'received', 'done', 'failed', 'unknown')),
    -- Who conducts it now, and until when that claim is good; expiry never frees a job that is armed or received.
    owner         TEXT,
    lease_until   REAL,
    not_before    REAL    NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL DEFAULT 0,
    -- Attempts made before the owner's last retry: they stay told, and count no longer.
    forgiven      INTEGER NOT NULL DEFAULT 0,
    resends       INTEGER NOT NULL DEFAULT 0,
    upload_cuts   INTEGER NOT NULL DEFAULT 0,
    -- The job of the same picture that was under way when this one was admitted.
    behind        INTEGER REFERENCES job (id),
    -- The last event before it was done, and before the owner asked for a new result: only one that ended later may
    -- serve it. Events count, as clocks jump.
    ended         INTEGER,
    fresh_after   INTEGER NOT NULL DEFAULT 0,
    -- Let go by the owner, whatever the backlog costs.
    approved      INTEGER NOT NULL DEFAULT 0,
    reused_from   INTEGER REFERENCES job (id),
    booked        INTEGER NOT NULL DEFAULT 0,
    -- The output's name below its folder, reserved before anything is paid; and where it was published, absolute.
    name          BLOB,
    output        BLOB,
    output_text   TEXT,
    output_sha256 TEXT,
    result        TEXT,
    error         TEXT,
    created_at    REAL    NOT NULL,
    finished_at   REAL
) STRICT;

CREATE INDEX job_by_picture ON job (sha256, state);
CREATE INDEX job_by_path ON job (folder, path);
CREATE INDEX job_by_output ON job (output_sha256) WHERE output_sha256 IS NOT NULL;
CREATE INDEX job_by_end ON job (finished_at);
CREATE INDEX job_by_owner ON job (owner) WHERE owner IS NOT NULL;
CREATE INDEX job_by_state ON job (state, priority DESC, id);

CREATE TABLE attempt (
    id             INTEGER PRIMARY KEY,
    job_id         INTEGER NOT NULL REFERENCES job (id),
    started_at     REAL    NOT NULL,
    armed_at       REAL,
    -- The host's own day on which it was armed: the day the money belongs to.
    day            TEXT,
    finished_at    REAL,
    http_status    INTEGER,
    outcome        TEXT,
    error          TEXT,
    booked         INTEGER NOT NULL DEFAULT 0,
    -- Held against the budgets from before the connection is made until the call is booked or ends.
    reserved       INTEGER NOT NULL DEFAULT 0,
    sent_bytes     INTEGER NOT NULL DEFAULT 0,
    received_bytes INTEGER NOT NULL DEFAULT 0,
    cf_ray         TEXT
) STRICT;

CREATE INDEX attempt_by_job ON attempt (job_id);
CREATE INDEX attempt_by_day ON attempt (day) WHERE booked > 0;
CREATE INDEX attempt_open ON attempt (job_id) WHERE finished_at IS NULL;

CREATE TABLE balance_failure (
    id           INTEGER PRIMARY KEY,
    at           REAL    NOT NULL,
    job_id       INTEGER NOT NULL REFERENCES job (id),
    message      TEXT    NOT NULL,
    balance_usd  REAL,
    balance_diem REAL
) STRICT;

-- What each path held when it was last looked at. No job yet: the file is waiting, and `reason` says for what; or it is
-- an output of ours, never taken as input.
CREATE TABLE sighting (
    folder   TEXT    NOT NULL,
    path     BLOB    NOT NULL,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode    INTEGER NOT NULL,
    job_id   INTEGER REFERENCES job (id),
    reason   TEXT,
    own      INTEGER NOT NULL DEFAULT 0,
    seen_at  REAL    NOT NULL,
    PRIMARY KEY (folder, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX sighting_waiting ON sighting (folder) WHERE job_id IS NULL AND own = 0;

-- Output names given away, in a form that SMB and macOS clients cannot tell apart.
CREATE TABLE output_name (
    key    TEXT    PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES job (id),
    path   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX output_name_by_job ON output_name (job_id);

-- Every step of a file's life, for `explain`.
CREATE TABLE event (
    id     INTEGER PRIMARY KEY,
    at     REAL    NOT NULL,
    job_id INTEGER REFERENCES job (id),
    step   TEXT    NOT NULL,
    detail TEXT    NOT NULL
) STRICT;

CREATE INDEX event_by_job ON event (job_id);

CREATE TABLE gate (
    reason   TEXT PRIMARY KEY,
    since    REAL NOT NULL,
    detail   TEXT NOT NULL,
    retry_at REAL,
    interval REAL NOT NULL DEFAULT 0,
    mark     TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE VIEW jobs AS
SELECT
    id,
    folder,
    path_text AS path,
    sha256,
    profile,
    CASE state WHEN 'armed' THEN 'sending' ELSE state END AS state,
    attempts,
    booked / 1e6 AS cost,
    output_text AS output,
    reused_from,
    error,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_at, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', finished_at, 'unixepoch') AS finished_at
FROM job;

CREATE VIEW attempts AS
SELECT
    id,
    job_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_at, 'unixepoch') AS started_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', finished_at, 'unixepoch') AS finished_at,
    http_status,
    outcome,
    error,
    booked / 1e6 AS cost,
    sent_bytes,
    received_bytes,
    cf_ray
FROM attempt;

CREATE VIEW balance_failures AS
SELECT
    balance_failure.id,
    strftime('%Y-%m-%dT%H:%M:%fZ', balance_failure.at, 'unixepoch') AS at,
    balance_failure.job_id,
    job.folder,
    job.path_text AS path,
    balance_failure.message,
    balance_failure.balance_usd,
    balance_failure.balance_diem
FROM balance_failure JOIN job ON job.id = balance_failure.job_id;

CREATE VIEW spending AS
SELECT
    attempt.day,
    job.folder,
    job.profile,
    count(*) AS calls,
    sum(attempt.booked) / 1e6 AS cost
FROM attempt JOIN job ON job.id = attempt.job_id
WHERE attempt.booked > 0
GROUP BY attempt.day, job.folder, job.profile;
