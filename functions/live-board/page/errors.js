// The errors of the functions, newest first.

import { element, follow, scroller, setSince, since } from "./elements.js";
import { sound, warn } from "./soundings.js";

// The largest number of errors that the endpoint returns.
const LISTED = 20;

/** Draws `api/errors` into `section`, and passes the answer to `stuck`. */
export function errors(section, stuck) {
    const kind = element("p", { class: "kind" }, "No function has failed within the last hour.");
    const list = element("ul", { class: "records" });
    const box = scroller("Newest errors", list);
    section.querySelector("[data-body]").append(kind, box);
    return (answer) => {
        stuck.errors(answer);
        const none = answer.errors.length === 0;
        kind.hidden = !none;
        box.hidden = none;
        follow(list, answer.errors, (one) => `${one.at} ${one.function} ${one.message}`, makeError, (line, one) => setSince(line.at, one.at));
        sound("errors", answer.errors.length < LISTED ? answer.errors.length : `${LISTED}+`);
        warn("errors", !none);
    };
}

function makeError(one) {
    const at = since();
    const where = element("span", { class: "dim" }, element("bdi", {}, String(one.function)), " · ", at);
    return { node: element("li", {}, element("span", { class: "why" }, String(one.message)), where), at };
}
