// Decides which topics and tables are busy. A topic is busy if records arrived or were stored within the charts' time span,
// or if records wait.

import { whole } from "./format.js";

/** The time span of a chart in seconds. A topic or table stays busy for as long after its last change. */
export const SPAN_S = 300;

const SPAN_MS = SPAN_S * 1000;

/** Returns whether `moment`, an ISO 8601 time or null, is at most that long ago. */
export function isRecent(moment) {
    return Date.now() - Date.parse(moment ?? "") < SPAN_MS;
}

/** Returns the key of a lane: unique, and the same in all answers. */
export function laneKey({ function: name, group, topic }) {
    return `${name} ${group} ${topic}`;
}

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
