// The masthead: one figure per section, the clock, and the announcements for screen readers.

import { count } from "./counting.js";
import { setText } from "./elements.js";
import { brief, timeOfDay } from "./format.js";

const LARGE = 9;

/** Shows a section's figure in the masthead: an integer, or a text such as "20+". */
export function sound(name, value) {
    const figure = document.querySelector(`[data-sounding="${name}"]`);
    const text = String(value ?? "");
    if (text.length > LARGE) {
        figure.dataset.total = text;
        setText(figure, brief(text));
    } else if (/^\d*$/.test(text)) {
        count(figure, text);
    } else {
        setText(figure, text);
    }
}

/** Sets the label of a figure in the masthead. */
export function nameSounding(name, words) {
    setText(document.querySelector(`[data-sounding-label="${name}"]`), words);
}

/** Marks a figure in the masthead that needs attention. */
export function warn(name, wrong) {
    document.querySelector(`[data-sounding="${name}"]`).closest("a").classList.toggle("wrong", wrong);
}

/** Sets the clock (UTC). */
export function setClock() {
    const now = new Date();
    const clock = document.querySelector("[data-clock]");
    setText(clock, `${timeOfDay(now)} UTC`);
    clock.setAttribute("datetime", now.toISOString());
}

/** Announces a text to screen readers. */
export function announce(sentences) {
    if (sentences.length > 0) {
        setText(document.querySelector("[data-announcements]"), sentences.join(" "));
    }
}
