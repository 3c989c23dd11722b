-- What crate `positions` keeps beside the watermark and the holes. The columns have defaults, so that a version of a
-- function that does not know them goes on working; `newest_ms` is not written any more.
ALTER TABLE kafka_offsets
    -- From the first to the last of the holes that had to be forgotten: a record in between may be stored or not.
    ADD COLUMN uncertain_start bigint NOT NULL DEFAULT 0,
    ADD COLUMN uncertain_end bigint NOT NULL DEFAULT 0,
    -- Records that are remembered, to notice a topic that was deleted and created again.
    ADD COLUMN sample_offsets bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN sample_identities bigint[] NOT NULL DEFAULT '{}',
    -- How often the position was reset.
    ADD COLUMN incarnation bigint NOT NULL DEFAULT 0;
