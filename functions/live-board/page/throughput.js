// Throughput over the last five minutes, one chart per topic. Arriving events are an area; what each lane stores is a
// line.

import { SPAN_S } from "./activity.js";
import { axis, Chart } from "./chart.js";
import { element, follow, setText } from "./elements.js";
import { perSecond, tick } from "./format.js";
import { Rate } from "./rates.js";

const GAP_S = 9;
const DASHES = [[], [7, 4], [2, 3], [8, 3, 2, 3]];
const SVG = "http://www.w3.org/2000/svg";

/** The chart of one topic. It keeps only the readings of the last five minutes. */
export class Throughput {
    #host;
    #topics = [];

    constructor(host) {
        this.#host = host;
    }

    /** Takes an answer of `api/lanes` and draws a chart for each busy topic. */
    show(answer, activity) {
        const at = Date.parse(answer.at);
        const known = new Map(this.#topics.map((topic) => [topic.name, topic]));
        this.#topics = answer.topics.map(({ topic, end }) => {
            const one = known.get(topic) ?? { name: topic, times: [], lines: new Map() };
            const lanes = answer.mappings.filter((mapping) => mapping.topic === topic);
            take(one, at, [{ id: "", name: "arriving", value: end }, ...lanes.map((lane) => readingOf(lane, lanes))]);
            return one;
        });
        const busy = this.#topics.filter(({ name }) => activity.isBusy(name));
        follow(this.#host, busy, (topic) => topic.name, makeChart, updateChart);
    }
}

// If one function reads a topic with two groups, the line's name includes the group.
function readingOf(lane, lanes) {
    const alone = lanes.filter((other) => other.function === lane.function).length === 1;
    return { id: `${lane.function} ${lane.group}`, name: alone ? `${lane.function}` : `${lane.function} (${lane.group})`, value: lane.stored };
}

// Adds one reading to every line. A longer time without answers becomes a gap in the line.
function take(topic, at, readings) {
    if (topic.times.at(-1) >= at / 1000) {
        return;
    }
    if (at / 1000 - topic.times.at(-1) > GAP_S) {
        topic.times.push(topic.times.at(-1) + 1);
        for (const line of topic.lines.values()) {
            line.values.push(null);
            line.rate = new Rate();
        }
    }
    topic.times.push(at / 1000);
    for (const { id, name, value } of readings) {
        const line = topic.lines.get(id) ?? { name, rate: new Rate(), values: Array(topic.times.length - 1).fill(null) };
        line.rate.read(value, at);
        const now = line.rate.latest();
        line.values.push(Number.isNaN(now) ? null : now);
        topic.lines.set(id, line);
    }
    const present = new Set(readings.map(({ id }) => id));
    for (const [id, line] of topic.lines) {
        if (!present.has(id)) {
            line.values.push(null);
        }
    }
    while (topic.times[0] < at / 1000 - SPAN_S) {
        topic.times.shift();
        topic.lines.forEach((line) => line.values.shift());
    }
    for (const [id, line] of topic.lines) {
        if (line.values.every((value) => value === null) && !present.has(id)) {
            topic.lines.delete(id);
        }
    }
}

function makeChart(topic) {
    const plot = element("div", { class: "plot", role: "img" });
    const legend = element("ul", { class: "legend" });
    const title = element("h3", {}, String(topic.name));
    const node = element("figure", { class: "throughput" }, element("figcaption", {}, title, legend), plot);
    const entry = { node, plot, legend, names: "", topic };
    entry.chart = new Chart(plot, (colours, u) => options(entry, colours, u));
    entry.gone = () => entry.chart.end();
    return entry;
}

function updateChart(entry, topic) {
    entry.topic = topic;
    const names = JSON.stringify([...topic.lines.keys()]);
    const data = [topic.times.map((time) => time - topic.times.at(-1)), ...[...topic.lines.values()].map((line) => line.values)];
    entry.chart.draw(data, names !== entry.names);
    entry.names = names;
    explain(entry);
    const arriving = topic.lines.get("")?.values.at(-1);
    entry.plot.setAttribute("aria-label", `Throughput of ${topic.name} over five minutes; now ${perSecond(arriving ?? Number.NaN)} events a second arrive`);
}

// The legend shows the current figures, or those at the pointer.
function explain(entry, index = entry.topic.times.length - 1) {
    const lines = [...entry.topic.lines.values()].map((line, order) => ({ name: line.name, order, value: line.values[index] }));
    follow(entry.legend, lines, (line) => `${line.order} ${line.name}`, makeKey, (key, line) => {
        setText(key.value, perSecond(line.value ?? Number.NaN));
    });
}

function makeKey({ name, order }) {
    const value = element("b", { class: "number" });
    return { node: element("li", {}, swatch(order), element("span", {}, name), " ", value), value };
}

function swatch(order) {
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", "0 0 24 8");
    drawing.setAttribute("aria-hidden", "true");
    drawing.classList.add("swatch", order === 0 ? "area" : `line-${lineOf(order)}`);
    const line = document.createElementNS(SVG, order === 0 ? "rect" : "line");
    const shape = order === 0 ? { width: 24, height: 8 } : { x1: 0, x2: 24, y1: 4, y2: 4, "stroke-dasharray": DASHES[lineOf(order) - 1].join(" ") };
    Object.entries(shape).forEach(([name, value]) => line.setAttribute(name, value));
    drawing.append(line);
    return drawing;
}

function lineOf(order) {
    return ((order - 1) % DASHES.length) + 1;
}

function minutes(seconds) {
    return seconds === 0 ? "latest" : `−${-seconds / 60} min`;
}

function options(entry, colours, u) {
    const lines = [...entry.topic.lines.values()].map((_, order) => {
        if (order === 0) {
            return { stroke: colours.current, fill: colours.area, width: u, points: { show: false } };
        }
        const line = lineOf(order);
        return { stroke: colours[`line-${line}`], width: 1.8 * u, dash: DASHES[line - 1].map((length) => length * u), points: { show: false } };
    });
    return {
        scales: { x: { time: false, range: [-SPAN_S, 0] }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
        axes: [
            axis({ size: 22 * u, splits: () => [-300, -240, -180, -120, -60, 0], values: (_, splits) => splits.map(minutes) }),
            axis({ size: 44 * u, space: 32 * u, values: (_, splits) => splits.map(tick) }),
        ],
        series: [{}, ...lines],
        hooks: { setCursor: [(plot) => explain(entry, plot.cursor.idx ?? undefined)] },
        padding: [8 * u, 18 * u, 0, 0],
    };
}
