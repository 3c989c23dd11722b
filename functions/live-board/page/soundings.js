// The masthead: one figure a section, the clock, and what is said aloud.

import { count } from "./counting.js";
import { setText } from "./elements.js";
import { brief, timeOfDay } from "./format.js";

const LARGE = 9;

/** Shows a section's figure in the masthead: an integer's digits, or words for a label. */
export function sound(name, value) {
    const label = document.querySelector(`[data-sounding-label="${name.replace(/-label$/, "")}"]`);
    if (name.endsWith("-label")) {
        setText(label, value);
        return;
    }
    const figure = document.querySelector(`[data-sounding="${name}"]`);
    const digits = String(value ?? "");
    if (digits.length > LARGE) {
        figure.dataset.total = digits;
        setText(figure, brief(digits));
    } else {
        count(figure, digits);
    }
}

/** Marks a figure of the masthead that somebody should look at. */
export function warn(name, wrong) {
    document.querySelector(`[data-sounding="${name}"]`).closest("a").classList.toggle("wrong", wrong);
}

/** Sets the clock, UTC. */
export function setClock() {
    const now = new Date();
    const clock = document.querySelector("[data-clock]");
    setText(clock, `${timeOfDay(now)} UTC`);
    clock.setAttribute("datetime", now.toISOString());
}

/** Says something to those who listen to the page. */
export function announce(sentences) {
    if (sentences.length > 0) {
        setText(document.querySelector("[data-announcements]"), sentences.join(" "));
    }
}
