// The details of one vehicle: its position, and its last hour as a chart.

import { axis, Chart } from "./chart.js";
import { element, setSince, since } from "./elements.js";
import { Freshness } from "./freshness.js";
import { grade, metres, NONE, speed, tick, timeOfDay } from "./format.js";
import { Poll } from "./poll.js";

const EVERY_MS = 10_000;

export class Picked {
    /** The VIN of the selected vehicle. */
    vin;
    #host;
    #changed;
    #poll;
    #chart;
    #freshness;

    /** `changed()` is called when the selection changes. */
    constructor(host, changed) {
        this.#host = host;
        this.#changed = changed;
        this.drop();
    }

    /** Clears the selection. */
    drop() {
        this.#letGo();
        const had = this.vin !== undefined;
        this.vin = undefined;
        this.#freshness = undefined;
        this.#host.replaceChildren(element("p", { class: "hint" }, "Pick a vehicle, here or on the plane, to see its last hour."));
        if (had) {
            this.#changed();
        }
    }

    /** Selects a vehicle: { vin, make, model }. */
    pick(vehicle) {
        if (vehicle.vin === this.vin) {
            return;
        }
        this.#letGo();
        this.vin = vehicle.vin;
        const card = makeCard(vehicle, () => this.drop());
        this.#host.replaceChildren(card.node);
        this.#freshness = new Freshness(card.node, EVERY_MS);
        const chart = new Chart(card.plot, chartOptions);
        this.#chart = chart;
        const freshness = this.#freshness;
        this.#poll = new Poll({
            path: `api/vehicles/${encodeURIComponent(vehicle.vin)}`,
            every: EVERY_MS,
            onAnswer: (answer) => {
                showPoints(card, chart, answer);
                freshness.answered();
            },
            onFailure: (reason) => freshness.failed(reason),
        });
        this.#poll.start();
        this.#changed();
    }

    #letGo() {
        this.#poll?.stop();
        this.#chart?.end();
    }

    /** Updates the shown age of the answer. */
    tick() {
        this.#freshness?.tick();
    }
}

function makeCard(vehicle, onClose) {
    const close = element("button", { type: "button", class: "close" }, "Close");
    close.addEventListener("click", onClose);
    const place = element("dl", { class: "place" });
    const heard = since();
    const plot = element("div", { class: "plot", role: "img", "aria-label": "Distance from the origin and speed over the last hour" });
    const key = element("p", { class: "key" }, element("span", { class: "distance" }, "distance from the origin"), element("span", { class: "pace" }, "speed, m/s"));
    const name = [vehicle.make, vehicle.model].filter(Boolean).join(" ");
    const node = element(
        "article",
        {},
        element("header", {}, element("h3", {}, element("bdi", { class: "vin" }, String(vehicle.vin))), close),
        element("p", { class: "make" }, `${name || NONE} · heard `, heard),
        place,
        key,
        plot,
        element("p", { class: "freshness" }),
    );
    return { node, place, plot, heard };
}

function showPoints(card, chart, answer) {
    const points = answer.points;
    const last = points.at(-1);
    setSince(card.heard, last?.at);
    const facts = last
        ? [["x", metres(last.x)], ["y", metres(last.y)], ["height", metres(last.z)], ["distance", metres(distance(last))], ["speed", `${speed(last.speed)} m/s`]]
        : [["last hour", "nothing heard"]];
    card.place.replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
    const words = last ? `distance from the origin ${metres(distance(last))}, speed ${speed(last.speed)} metres a second at the last` : "";
    card.plot.setAttribute("aria-label", `${points.length} points of the last hour; ${words}`);
    chart.draw([points.map((point) => Date.parse(point.at) / 1000), points.map(distance), points.map((point) => point.speed)]);
}

function distance(point) {
    return Math.hypot(point.x, point.y, point.z);
}

function clock(seconds, step) {
    return timeOfDay(new Date(seconds * 1000)).slice(0, step < 60 ? 8 : 5);
}

function chartOptions(colours, u) {
    return {
        tzDate: (seconds) => new Date(seconds * 1000),
        scales: { x: { time: true }, far: { range: (_, __, most) => [0, most || 1] }, fast: { range: (_, __, most) => [0, (most || 1) * 1.5] } },
        axes: [
            axis({ size: 22 * u, space: 60 * u, values: (_, splits) => splits.map((split) => clock(split, splits[1] - splits[0])) }),
            axis({ scale: "far", size: 50 * u, space: 30 * u, values: (_, splits) => splits.map(grade) }),
            axis({ scale: "fast", side: 1, size: 32 * u, space: 30 * u, grid: { show: false }, values: (_, splits) => splits.map(tick) }),
        ],
        series: [
            {},
            { scale: "far", stroke: colours["line-1"], width: 2 * u, points: { show: false } },
            { scale: "fast", stroke: colours["line-3"], width: 1.5 * u, dash: [5 * u, 4 * u], points: { show: false } },
        ],
    };
}
