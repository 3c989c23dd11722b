// Parked records: their number, their reasons, and the newest ones.

import { count } from "./counting.js";
import { element, follow, scroller, setSince, setText, since } from "./elements.js";
import { group } from "./format.js";
import { sound } from "./soundings.js";

/** Draws `api/parked` into `section`. */
export function parked(section) {
    const figure = element("span", { class: "figure" });
    const atLeast = element("span", { class: "dim" });
    const sum = element("p", { class: "sum small" }, atLeast, figure);
    const kind = element("p", { class: "kind" }, "Nothing is parked: every record so far could be stored.");
    const reasons = element("ul", { class: "reasons" });
    const records = element("ul", { class: "records" });
    const newest = element("h3", {}, "Newest");
    const list = scroller("Newest parked records", records);
    section.querySelector("[data-body]").append(kind, sum, reasons, newest, list);
    return (answer) => {
        const none = answer.total === 0;
        kind.hidden = !none;
        for (const node of [sum, reasons, newest, list]) {
            node.hidden = none;
        }
        count(figure, answer.total);
        setText(atLeast, answer.complete ? "" : "at least ");
        follow(reasons, answer.reasons, (one) => `${one.lane} ${one.reason}`, makeReason, updateReason);
        follow(records, answer.records, (one) => `${one.lane} ${one.source}`, makeRecord, (line, one) => setSince(line.at, one.parked_at));
        sound("parked", answer.total);
    };
}

function makeReason(one) {
    const times = element("b", { class: "number" });
    const newest = since();
    const node = element("li", {}, times, element("span", { class: "why" }, String(one.reason)), element("span", { class: "dim" }, `${one.lane} · `, newest));
    return { node, times, newest };
}

function updateReason(line, one) {
    setText(line.times, group(one.count));
    setSince(line.newest, one.newest);
}

function makeRecord(one) {
    const at = since();
    const where = element("span", { class: "dim" }, element("bdi", { class: "vin" }, String(one.source)), ` · ${one.lane} · `, at);
    return { node: element("li", {}, element("span", { class: "why" }, String(one.reason)), where), at };
}
