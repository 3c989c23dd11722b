// The proof: for each lane, whether every record in Kafka is stored or parked exactly once.

import { laneKey } from "./activity.js";
import { element, folded, follow, setSince, setText, since, table } from "./elements.js";
import { group, NONE, whole } from "./format.js";
import { sound, warn } from "./soundings.js";

const WORDS = {
    holds: "holds",
    failed: "does not hold",
    accepted: "accepted",
    expired: "failed, and is not judged any more",
};

// More lanes than these, and those that hold are one line.
const SHOWN_AT_MOST = 5;

/** Draws `api/proof` into `section`. */
export function proof(section) {
    const { node, body } = tableOf("Certificates: the newest of each lane, or the oldest that fails");
    const holding = tableOf("Certificates of lanes that hold");
    const fold = folded(0, holding.node);
    const nothing = element("p", { class: "kind" }, "No certificate has been made yet: the function reconciler makes them every hour.");
    section.querySelector("[data-body]").append(node, nothing, fold.node);
    return (answer) => {
        const fails = (one) => one.failing > 0;
        const few = answer.lanes.length <= SHOWN_AT_MOST;
        const holds = answer.lanes.filter((one) => !few && !fails(one) && one.state === "holds");
        const others = answer.lanes.filter((one) => !holds.includes(one));
        const shown = [...others.filter(fails), ...others.filter((one) => !fails(one))];
        node.hidden = shown.length === 0;
        nothing.hidden = answer.lanes.length > 0;
        follow(body, shown, laneKey, makeLane, updateLane);
        follow(holding.body, holds, laneKey, makeLane, updateLane);
        fold.show(summaryOf(holds), holds.length);
        const failing = answer.lanes.reduce((sum, one) => sum + one.failing, 0);
        sound("proof", failing);
        warn("proof", failing > 0);
        document.querySelector('[data-sounding="proof"]').closest("a").hidden = failing === 0;
    };
}

function tableOf(caption) {
    return table(caption, [
        { text: "lane" },
        { text: "produced", kind: "number" },
        { text: "stored", kind: "number" },
        { text: "parked", kind: "number" },
        { text: "certificate" },
        { text: "certified", kind: "number" },
    ]);
}

function summaryOf(lanes) {
    const produced = lanes.reduce((sum, one) => sum + (whole(one.produced) ?? 0n), 0n);
    return `${lanes.length === 1 ? "1 lane holds" : `${lanes.length} lanes hold`}: all of ${group(produced)} records are stored or parked, none twice`;
}

function makeLane(one) {
    const number = () => element("td", { class: "number" });
    const row = { produced: number(), stored: number(), parked: number(), word: element("b"), note: element("span", { class: "note" }), until: since() };
    const name = element("th", { scope: "row" }, element("bdi", {}, String(one.function)), element("span", { class: "dim" }, ` ${one.topic}`));
    row.node = element("tr", {}, name, row.produced, row.stored, row.parked, element("td", {}, row.word, row.note), element("td", { class: "number" }, row.until));
    row.node.dataset.certificate = `${one.function} ${one.topic}`;
    return row;
}

function updateLane(row, one) {
    const fails = one.failing > 0;
    row.node.dataset.state = one.state ?? "waiting";
    setText(row.produced, group(one.produced));
    setText(row.stored, group(one.stored));
    setText(row.parked, group(one.parked));
    setText(row.word, fails ? `! ${WORDS.failed}` : (WORDS[one.state] ?? NONE));
    row.word.classList.toggle("wrong", fails);
    setText(row.note, noteOf(one));
    setSince(row.until, one.certified_until);
}

// Describes the problems: first the numbers, then the text of the first problem.
function noteOf(one) {
    const counts = ["missing", "doubled", "lost"].filter((name) => (whole(one[name]) ?? 0n) > 0n).map((name) => `${group(one[name])} ${name}`);
    const more = one.failing > 1 ? [`${one.failing} certificates fail`] : [];
    return [...more, ...counts, ...one.problems.slice(0, 1), ...one.notes.slice(0, 1)].join(" · ");
}
