-- What was read of each object, committed together with its rows.
CREATE TABLE processed_objects (
    -- The bucket, or the base URL of a web server.
    bucket text NOT NULL,
    key text NOT NULL,
    -- The function that read it.
    lane text NOT NULL,
    -- The version read last: its ETag. Empty while a listed object was never there.
    version text NOT NULL,
    modified timestamptz NOT NULL,
    -- Counts the readings of this object in the order in which they were begun.
    reading bigint NOT NULL,
    -- unfinished: to be continued behind next_byte; parked: (a part of) the object as a whole could not be read.
    state text NOT NULL CHECK (state IN ('unfinished', 'processed', 'parked')),
    next_element bigint NOT NULL DEFAULT 0,
    next_byte bigint NOT NULL DEFAULT 0,
    -- Of this version: rows that a table was given, that are of no interest, and that were parked.
    rows_good bigint NOT NULL DEFAULT 0,
    rows_ignored bigint NOT NULL DEFAULT 0,
    rows_parked bigint NOT NULL DEFAULT 0,
    -- Why it is parked as a whole.
    reason text,
    processed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bucket, key)
);

-- Media files. Each row knows which object, reading and element it is of: of two rows with one key the newer stays,
-- whichever came first.
CREATE TABLE songs (
    artist_name text NOT NULL,
    title text NOT NULL,
    year integer,
    release text,
    ingestion_time timestamptz NOT NULL DEFAULT now(),
    source_object text COLLATE "C" NOT NULL,
    source_modified timestamptz NOT NULL,
    source_reading bigint NOT NULL,
    source_element bigint NOT NULL,
    PRIMARY KEY (artist_name, title)
);

CREATE TABLE movies (
    original_title text NOT NULL,
    original_language text,
    budget bigint,
    is_adult boolean,
    release_date date NOT NULL,
    original_title_normalized text NOT NULL,
    source_object text COLLATE "C" NOT NULL,
    source_modified timestamptz NOT NULL,
    source_reading bigint NOT NULL,
    source_element bigint NOT NULL,
    PRIMARY KEY (original_title_normalized, release_date)
);

CREATE TABLE apps (
    name text NOT NULL,
    genre text,
    version text NOT NULL,
    rating double precision,
    size_bytes bigint,
    is_awesome boolean,
    source_object text COLLATE "C" NOT NULL,
    source_modified timestamptz NOT NULL,
    source_reading bigint NOT NULL,
    source_element bigint NOT NULL,
    PRIMARY KEY (name, version)
);

-- The inbox. A row is the newest event of its id: by event_at, then (cards) updated_at, then event_id, in the order of
-- their bytes.
CREATE TABLE users (
    id bigint PRIMARY KEY,
    name text,
    address text,
    job text,
    score double precision,
    event_at timestamptz NOT NULL,
    event_id text COLLATE "C" NOT NULL
);

-- No foreign key: a card may come before its user, or name one that never comes.
CREATE TABLE cards (
    id bigint PRIMARY KEY,
    user_id bigint NOT NULL,
    created_by_name text,
    updated_at timestamptz NOT NULL,
    created_at timestamptz,
    active boolean,
    event_at timestamptz NOT NULL,
    event_id text COLLATE "C" NOT NULL
);

-- Card events that name no user, whole, until their object is mended.
CREATE TABLE cards_quarantine (
    event_id text PRIMARY KEY,
    card_id bigint NOT NULL,
    reason text NOT NULL,
    event text NOT NULL,
    event_at timestamptz NOT NULL,
    bucket text NOT NULL,
    key text NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now()
);
