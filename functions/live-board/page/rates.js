// Computes the growth rate of a counter from its last readings.

import { whole } from "./format.js";

const WINDOW_MS = 10_000;

export class Rate {
    #readings = [];

    /** Adds a reading (a string of digits) at the time `at` (ms). A lower reading means a reset: the rate restarts. */
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

    /** The growth per second over the last ten seconds; NaN with fewer than two readings. */
    perSecond() {
        return between(this.#readings[0], this.#readings.at(-1));
    }

    /** The growth per second between the last two readings. */
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
