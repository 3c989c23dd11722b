// The idle topics: one line each, in a list that opens.

import { element, folded, follow, setText, table } from "./elements.js";
import { group } from "./format.js";

// A list of at most this many lines starts open.
const OPEN_AT_MOST = 4;

/** Adds the list of idle topics to `host`. */
export function idleList(host) {
    const { node, body } = table("Idle topics: nothing arrives, and nothing waits", [
        { text: "topic" },
        { text: "records so far", kind: "number" },
        { text: "lanes" },
    ]);
    const fold = folded(OPEN_AT_MOST, node);
    host.append(fold.node);
    return (answer, activity) => {
        const idle = answer.topics.filter(({ topic }) => !activity.isBusy(topic));
        const many = idle.length === 1 ? "1 idle topic" : `${idle.length} idle topics`;
        fold.show(`${many}: nothing arrived within five minutes, and nothing waits`, idle.length);
        follow(body, idle, (one) => one.topic, makeTopic, (row, one) => {
            setText(row.end, group(one.end));
            setText(row.lanes, answer.mappings.filter(({ topic }) => topic === one.topic).map((lane) => lane.function).join(" · "));
        });
    };
}

function makeTopic({ topic }) {
    const end = element("td", { class: "number" });
    const lanes = element("td", { class: "dim" });
    const node = element("tr", {}, element("th", { scope: "row" }, element("bdi", {}, String(topic))), end, lanes);
    node.dataset.idleTopic = topic;
    return { node, end, lanes };
}
