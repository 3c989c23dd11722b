// The lanes: the throughput of each topic, the lag of each mapping, and the queues.

import { Activity, laneKey } from "./activity.js";
import { count } from "./counting.js";
import { element, follow, setText, table } from "./elements.js";
import { group, NONE, perSecond, stretch, whole } from "./format.js";
import { idleList } from "./idle.js";
import { Rate } from "./rates.js";
import { sound, warn } from "./soundings.js";
import { Throughput } from "./throughput.js";

/** Draws `api/lanes` into `section`, busy topics first, and passes the answer to `stuck`. */
export function lanes(section, stuck) {
    const activity = new Activity();
    const throughput = new Throughput(section.querySelector("[data-charts]"));
    const mappings = mappingTable(section.querySelector("[data-mappings]"));
    const idle = idleList(section.querySelector("[data-idle]"));
    const queues = queueTable(section.querySelector("[data-queues]"));
    const arriving = new Map();
    return (answer) => {
        stuck.lanes(answer);
        activity.read(answer);
        throughput.show(answer, activity);
        mappings(answer, activity);
        idle(answer, activity);
        queues(answer.queues);
        const rates = answer.topics.map(({ topic, end }) => {
            const rate = arriving.get(topic) ?? new Rate();
            arriving.set(topic, rate);
            rate.read(end, Date.parse(answer.at));
            return rate.perSecond();
        });
        const known = rates.filter((rate) => !Number.isNaN(rate));
        sound("rate", known.length > 0 ? Math.round(known.reduce((sum, rate) => sum + rate, 0)) : "");
        sound("lag", answer.mappings.reduce((sum, { lag }) => sum + (whole(lag) ?? 0n), 0n).toString());
        const givenUp = answer.queues.reduce((sum, queue) => sum + (queue.given_up || 0), 0);
        sound("given-up", givenUp);
        warn("given-up", givenUp > 0);
        document.querySelector('[data-sounding="given-up"]').closest("a").hidden = givenUp === 0;
    };
}

function mappingTable(host) {
    const { node, body } = table("Event source mappings: how far each is behind its topic", [
        { text: "lane" },
        { text: "stored", kind: "number" },
        { text: "a second", kind: "number" },
        { text: "behind", kind: "number" },
        { text: "time to catch up", kind: "gauge" },
    ]);
    const nothing = element("p", { class: "kind" }, "No event source mapping is deployed yet.");
    host.append(node, nothing);
    return (answer, activity) => {
        const busy = answer.mappings.filter(({ topic }) => activity.isBusy(topic));
        node.hidden = busy.length === 0;
        nothing.hidden = answer.mappings.length > 0;
        const at = Date.parse(answer.at);
        const most = Math.max(...busy.map(({ lag }) => Number(whole(lag) ?? 0n)), 1);
        follow(body, busy, laneKey, makeMapping, (row, one) => {
            row.growth.read(one.stored, at);
            count(row.stored, one.stored);
            setText(row.rate, perSecond(row.growth.perSecond()));
            const lag = whole(one.lag) ?? 0n;
            row.lag.dataset.total = lag.toString();
            setText(row.lag, lag === 0n ? "0" : group(lag));
            row.bar.style.setProperty("--share", String(depth(Number(lag), most)));
            setText(row.note, [noteOf(lag, row.growth.perSecond()), ...warnings(one)].join(" · "));
            row.note.classList.toggle("wrong", (whole(one.lost) ?? 0n) > 0n);
        });
    };
}

function makeMapping(one) {
    const stored = element("td", { class: "number" });
    const rate = element("td", { class: "number" });
    const lag = element("td", { class: "number lag" });
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    const note = element("span", { class: "note" });
    const name = element("th", { scope: "row" }, element("bdi", {}, String(one.function)), element("span", { class: "dim" }, ` ${one.topic} → ${one.group}`));
    const node = element("tr", {}, name, stored, rate, lag, element("td", { class: "gauge" }, bar, note));
    node.dataset.mapping = `${one.function} ${one.topic}`;
    return { node, stored, rate, lag, bar, note, growth: new Rate() };
}

// The scale is logarithmic, so that ten waiting records are visible beside a million.
function depth(lag, most) {
    return lag === 0 ? 0 : Math.max(0.04, Math.log10(1 + lag) / Math.max(3, Math.log10(1 + most)));
}

function noteOf(lag, rate) {
    if (lag === 0n) {
        return "level";
    }
    return rate > 0 ? `about ${stretch(Number(lag) / rate)}` : "not moving";
}

// Warnings about records that Kafka deleted before they were read, and about open transactions.
function warnings(one) {
    const lost = whole(one.lost) ?? 0n;
    const open = whole(one.open) ?? 0n;
    const ranges = (one.lost_offsets ?? []).slice(0, 3).map(({ partition, first, last }) => `${partition}:${first}-${last}`);
    return [
        ...(lost > 0n ? [`! ${group(lost)} lost (${ranges.join(", ")})`] : []),
        ...(open > 0n ? [`${group(open)} in an open transaction`] : []),
    ];
}

function queueTable(host) {
    const { node, body } = table("Queues", [{ text: "queue" }, { text: "waiting", kind: "number" }, { text: "given up", kind: "number" }]);
    host.append(node);
    return (queues) => {
        node.hidden = queues.length === 0;
        follow(body, queues, (one) => one.function, makeQueue, (row, one) => {
            setText(row.waiting, group(one.waiting));
            setText(row.givenUp, one.given_up > 0 ? `! ${group(one.given_up)}` : group(one.given_up ?? NONE));
            row.givenUp.classList.toggle("wrong", one.given_up > 0);
        });
    };
}

function makeQueue(one) {
    const waiting = element("td", { class: "number" });
    const givenUp = element("td", { class: "number" });
    const node = element("tr", {}, element("th", { scope: "row" }, element("bdi", {}, String(one.function))), waiting, givenUp);
    return { node, waiting, givenUp };
}
