// Decides which topics are busy: records arrived or were stored within the charts' time span, or records wait.

import { whole } from "./format.js";

/** How long a topic stays busy after its last record: the time span of its chart. */
const SPAN_MS = 300_000;

export class Activity {
    #topics = new Map();

    /** Takes an answer of `api/lanes`. */
    read(answer) {
        const at = Date.parse(answer.at);
        const before = this.#topics;
        this.#topics = new Map();
        for (const { topic, end } of answer.topics) {
            const lanes = answer.mappings.filter((mapping) => mapping.topic === topic);
            const figures = [end, ...lanes.map(({ stored }) => stored)].join(" ");
            const known = before.get(topic);
            const moved = known !== undefined && known.figures !== figures;
            const waits = lanes.some(({ lag }) => (whole(lag) ?? 0n) > 0n);
            this.#topics.set(topic, { figures, busyUntil: moved || waits ? at + SPAN_MS : (known?.busyUntil ?? 0), at });
        }
    }

    /** Returns whether a topic is busy. */
    isBusy(topic) {
        const one = this.#topics.get(topic);
        return one !== undefined && one.busyUntil > one.at;
    }
}
