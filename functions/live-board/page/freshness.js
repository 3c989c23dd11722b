// What each section says of itself: when it was last answered, or since when and why it is not.

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

    /** `every`: the section's polling period in ms; three of them without an answer are late. */
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

    /** A tab that was hidden did not ask: what it missed is not the source's fault. */
    resumed() {
        this.#begun = performance.now();
    }

    /** Brings the line up to date; returns what is worth saying aloud, if anything. */
    tick() {
        return this.#worthSaying(this.#refresh());
    }

    // How long nothing has been heard, in seconds.
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

    // Once when a silence has lasted, once when it is over: a single refusal is not read out.
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
