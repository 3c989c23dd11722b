// The proof: for each lane, whether every record in Kafka is stored or parked exactly once.

import { element, follow, setSince, setText, since, table } from "./elements.js";
import { group, NONE, whole } from "./format.js";
import { sound, warn } from "./soundings.js";

const WORDS = {
    holds: "holds",
    failed: "does not hold",
    accepted: "accepted",
    expired: "failed, and is not judged any more",
};

/** Draws `api/proof` into `section`. */
export function proof(section) {
    const { node, body } = table("Certificates: the newest of each lane, or the oldest that fails", [
        { text: "lane" },
        { text: "produced", kind: "number" },
        { text: "stored", kind: "number" },
        { text: "parked", kind: "number" },
        { text: "certificate" },
        { text: "certified", kind: "number" },
    ]);
    const nothing = element("p", { class: "kind" }, "No certificate has been made yet: the function reconciler makes them every hour.");
    section.querySelector("[data-body]").append(node, nothing);
    return (answer) => {
        node.hidden = answer.lanes.length === 0;
        nothing.hidden = !node.hidden;
        follow(body, answer.lanes, (one) => `${one.function} ${one.group} ${one.topic}`, makeLane, updateLane);
        const failing = answer.lanes.reduce((sum, one) => sum + one.failing, 0);
        sound("proof", failing);
        warn("proof", failing > 0);
        document.querySelector('[data-sounding="proof"]').closest("a").hidden = failing === 0;
    };
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
