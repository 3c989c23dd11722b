// How fast a counter grows, from its values at the last few polls.

import { whole } from "./format.js";

const WINDOW_MS = 10_000;

export class Rate {
    #readings = [];

    /** Takes a reading (a string of digits) at `at` (ms). A counter that falls was begun anew: so is its rate. */
    read(value, at) {
        const integer = whole(value);
        if (integer === null) {
            return;
        }
        const last = this.#readings.at(-1);
        if (last && at <= last.at) {
            return; // the same answer again
        }
        if (last && integer < last.integer) {
            this.#readings = [];
        }
        this.#readings.push({ integer, at });
        while (this.#readings.length > 2 && at - this.#readings[0].at > WINDOW_MS) {
            this.#readings.shift();
        }
    }

    /** Growth a second over the last ten seconds; NaN before there are two readings. */
    perSecond() {
        return between(this.#readings[0], this.#readings.at(-1));
    }

    /** Growth a second between the last two readings. */
    latest() {
        return between(this.#readings.at(-2), this.#readings.at(-1));
    }
}

function between(first, last) {
    if (!first || !last || last.at <= first.at) {
        return Number.NaN;
    }
    return (Number(last.integer - first.integer) * 1000) / (last.at - first.at);
}
