-- Where each consumer group stands, committed together with the rows (crate `positions` says what the parts mean).
CREATE TABLE kafka_offsets (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    -- The watermark: one past the highest offset handled.
    next_offset bigint NOT NULL DEFAULT 0,
    -- The latest Kafka timestamp handled, in milliseconds since the epoch.
    newest_ms bigint NOT NULL DEFAULT -9223372036854775808,
    -- Offsets below the watermark that were never handled.
    holes int8multirange NOT NULL DEFAULT '{}',
    holes_forgotten bigint NOT NULL DEFAULT 0,
    records_stored bigint NOT NULL DEFAULT 0,
    records_parked bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition)
);

-- Offsets below the watermark that were parked and not stored since.
CREATE TABLE kafka_parked (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition, record_offset)
);
