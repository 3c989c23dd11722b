// The freshness line of each section: the age of its last answer or, while requests fail, for how long and why.

import { setText } from "./elements.js";
import { stretch } from "./format.js";

const SPOKEN_AFTER_S = 10;

export class Freshness {
    #section;
    #line;
    #name;
    #lateAfter;
    #heard;
    #begun = performance.now();
    #reason;
    #spoken = false;

    /** `every`: the section's polling period in ms. After three periods without an answer, the section is late. */
    constructor(section, every) {
        this.#section = section;
        this.#line = section.querySelector(".freshness");
        this.#name = section.querySelector("h2, h3");
        this.#lateAfter = (3 * every) / 1000 + 2;
        this.#show("waiting", "waiting for the first answer");
    }

    answered() {
        this.#heard = performance.now();
        this.#reason = undefined;
        this.#refresh();
    }

    failed(reason) {
        this.#reason = reason;
        this.#refresh();
    }

    /** Restarts the age after the tab was hidden. A hidden tab sends no requests, so the source has not failed. */
    resumed() {
        this.#begun = performance.now();
    }

    /** Updates the line. Returns a text for screen readers, if there is something to announce. */
    tick() {
        return this.#worthSaying(this.#refresh());
    }

    // The time since the last answer, in seconds.
    #refresh() {
        const now = performance.now();
        const age = (now - (this.#heard ?? this.#begun)) / 1000;
        const silent = (now - Math.max(this.#heard ?? 0, this.#begun)) / 1000;
        const late = silent > this.#lateAfter;
        if (this.#reason !== undefined || late) {
            this.#show("failing", `no answer for ${stretch(age)}: ${this.#reason ?? "none has come yet"}`);
        } else if (this.#heard !== undefined) {
            this.#show("fresh", age < 1.5 ? "now" : `${stretch(age)} ago`);
        }
        return silent;
    }

    #show(state, text) {
        if (this.#section.dataset.state !== state) {
            this.#section.dataset.state = state;
        }
        setText(this.#line, text);
    }

    // Announces the start and the end of a longer failure. A single failed request is not announced.
    #worthSaying(silent) {
        const failing = this.#section.dataset.state === "failing";
        if (failing && !this.#spoken && silent > SPOKEN_AFTER_S) {
            this.#spoken = true;
            return `${this.#name.textContent}: ${this.#line.textContent}.`;
        }
        if (!failing && this.#spoken) {
            this.#spoken = false;
            return `${this.#name.textContent}: answered again.`;
        }
        return undefined;
    }
}
