-- Certificates: of each lane, window after window of offsets, whether all that Kafka took is stored or parked, and none twice.
CREATE TABLE certificates (
    topic text NOT NULL,
    consumer_group text NOT NULL,
    -- The windows of a lane in their order, from 1.
    number bigint NOT NULL,
    -- The function of the lane, by its folder's name.
    function text NOT NULL,
    -- Kafka's id of the topic: one that was deleted and created again has another.
    topic_id text NOT NULL,
    -- Of each partition, the offsets from start on and before end.
    partitions integer[] NOT NULL,
    starts bigint[] NOT NULL,
    ends bigint[] NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz NOT NULL DEFAULT now(),
    -- open: not judged yet. accepted: somebody said why the failure is to be borne. expired: it failed until its days were over.
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'holds', 'failed', 'accepted', 'expired')),
    judged_at timestamptz,
    produced bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    repeated bigint NOT NULL DEFAULT 0,
    parked bigint NOT NULL DEFAULT 0,
    missing bigint NOT NULL DEFAULT 0,
    doubled bigint NOT NULL DEFAULT 0,
    lost bigint NOT NULL DEFAULT 0,
    -- What is wrong.
    problems text[] NOT NULL DEFAULT '{}',
    -- What was not compared, and why.
    notes text[] NOT NULL DEFAULT '{}',
    -- Why it was accepted.
    reason text,
    PRIMARY KEY (topic, consumer_group, number)
);

CREATE INDEX certificates_to_judge ON certificates (topic, closed_at) WHERE state IN ('open', 'failed');

-- What a sink must hold in all, computed from Kafka's records: the sum over the keys of a totals table, the rows of a Delta
-- table. It belongs to one position of the lane; the next comparison adds what lies between that position and the next.
CREATE TABLE certified_amounts (
    topic text NOT NULL,
    consumer_group text NOT NULL,
    topic_id text NOT NULL,
    -- JSON: of each partition the watermark, holes, parked offsets and incarnation.
    position text NOT NULL,
    amount text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, consumer_group)
);
