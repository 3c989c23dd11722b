// The weather forecast: the newest extract of one city, with temperature as a line and precipitation as bars.

import { axis, Chart } from "./chart.js";
import { element, follow, setSince, setText, since } from "./elements.js";
import { dayOf, decimal, group, hourOf, NONE, tick } from "./format.js";

const HOUR_S = 3600;
const SPLITS_H = [1, 3, 6, 12, 24];
const APART_PX = 54;

/** Draws `api/forecast` into `section`. The section is hidden if no table is configured. */
export function forecast(section) {
    const view = makeView();
    const nothing = element("p", { class: "kind" }, "No forecast has been stored yet.");
    section.querySelector("[data-body]").append(view.node, nothing);
    let cities = [];
    const show = () => {
        const city = cities.find((one) => String(one.id) === view.select.value) ?? cities[0];
        if (city) {
            view.select.value = String(city.id);
            showCity(view, city);
        }
    };
    view.select.addEventListener("change", show);
    return (answer) => {
        section.dataset.table = answer.table ?? "";
        cities = answer.cities;
        view.node.hidden = cities.length === 0;
        nothing.hidden = !view.node.hidden;
        follow(view.select, cities, (city) => `${city.id}`, makeOption, (option, city) => setText(option.node, nameOf(city)));
        view.choice.hidden = cities.length < 2;
        setText(view.more, answer.city_count > cities.length ? `the first ${cities.length} of ${group(answer.city_count)} cities` : "");
        show();
    };
}

function makeView() {
    const select = element("select");
    const more = element("span", { class: "note" });
    const choice = element("p", { class: "city-choice" }, element("label", {}, "City ", select), more);
    const name = element("h3");
    const range = element("span");
    const sum = element("span");
    const extracted = since();
    const facts = element("p", { class: "facts" }, range, sum, element("span", {}, "extracted ", extracted));
    const temperature = element("b", { class: "number" });
    const rain = element("b", { class: "number" });
    const moment = element("li");
    const legend = element(
        "ul",
        { class: "legend" },
        element("li", { class: "temperature" }, "temperature ", temperature, " °C"),
        element("li", { class: "rain" }, "precipitation ", rain, " mm"),
        moment,
    );
    const plot = element("div", { class: "plot", role: "img" });
    const node = element("figure", {}, element("figcaption", {}, choice, name, facts, legend), plot);
    const view = { node, select, more, choice, name, range, sum, extracted, temperature, rain, moment, plot, points: [], step: HOUR_S };
    view.chart = new Chart(plot, (colours, u) => options(view, colours, u));
    return view;
}

function makeOption(city) {
    return { node: element("option", { value: String(city.id) }) };
}

// The table does not contain the names of cities.
function nameOf(city) {
    const place = [city.state, city.country].filter(Boolean).join(", ");
    return place === "" ? `${city.id}` : `${city.id} · ${place}`;
}

function showCity(view, city) {
    view.node.dataset.city = city.id;
    setText(view.name, `City ${nameOf(city)}`);
    // If there are several cities, the selection already shows the city's name.
    view.name.hidden = !view.choice.hidden;
    setSince(view.extracted, city.extracted_at);
    ({ points: view.points, step: view.step } = withGaps(city.points));
    const known = (of) => view.points.map(of).filter((value) => value !== null);
    const temperatures = known((point) => point.temperature);
    const rain = known((point) => point.rain);
    const range = temperatures.length > 0 ? `${decimal(Math.min(...temperatures))} to ${decimal(Math.max(...temperatures))} °C` : `${NONE} °C`;
    const sum = `${rain.length > 0 ? decimal(rain.reduce((all, one) => all + one, 0)) : NONE} mm`;
    setText(view.range, range);
    setText(view.sum, `${sum} in all`);
    view.plot.setAttribute("aria-label", describe(view, city, range, sum));
    view.chart.draw([view.points.map((point) => point.at), view.points.map((point) => point.temperature), view.points.map((point) => point.rain)], true);
    explain(view);
}

// The points by time. If hours are missing, a point without values interrupts the line.
function withGaps(given) {
    const known = given
        .map((point) => ({ at: Date.parse(point.at) / 1000, temperature: figure(point.temperature), rain: figure(point.precipitation) }))
        .filter((point) => Number.isFinite(point.at))
        .sort((a, b) => a.at - b.at);
    const steps = known.slice(1).map((point, index) => point.at - known[index].at);
    const step = steps.length > 0 ? Math.max(1, Math.min(...steps)) : HOUR_S;
    const points = [];
    for (const point of known) {
        const before = points.at(-1);
        if (before && point.at - before.at > 1.5 * step) {
            points.push({ at: before.at + step, temperature: null, rain: null });
        }
        points.push(point);
    }
    return { points, step };
}

function figure(value) {
    return Number.isFinite(value) ? value : null;
}

function describe(view, city, range, sum) {
    const [first, last] = [view.points.at(0), view.points.at(-1)];
    const span = first ? `from ${momentOf(first.at)} to ${momentOf(last.at)} UTC` : "without an hour";
    const now = view.points[current(view)];
    const words = now ? `; at ${momentOf(now.at)} ${decimal(now.temperature)} °C and ${decimal(now.rain)} mm` : "";
    return `Forecast for city ${nameOf(city)} ${span}: temperature ${range}, precipitation ${sum} in all${words}`;
}

function momentOf(seconds) {
    return `${dayOf(seconds)}, ${hourOf(seconds)}`;
}

// The current hour, or the first hour if the forecast is over.
function current(view) {
    const now = Date.now() / 1000;
    return Math.max(0, view.points.findIndex((point) => point.at <= now && now < point.at + view.step));
}

// The legend shows the figures of the current hour, or of the hour at the pointer.
function explain(view, index = current(view)) {
    const point = view.points[index];
    setText(view.temperature, decimal(point?.temperature));
    setText(view.rain, decimal(point?.rain));
    setText(view.moment, point ? `${momentOf(point.at)} UTC` : NONE);
}

// The axis marks are full hours in UTC, far enough apart for their labels.
function splits(plot, least, most, u) {
    const room = (hours) => (plot.bbox.width / devicePixelRatio / (most - least)) * hours * HOUR_S;
    let hours = SPLITS_H.find((one) => room(one) >= APART_PX * u) ?? 48;
    while (room(hours) < APART_PX * u && hours < 1e9) {
        hours *= 2;
    }
    const step = hours * HOUR_S;
    const first = Math.ceil(least / step) * step;
    return Array.from({ length: Math.max(0, Math.floor((most - first) / step) + 1) }, (_, index) => first + index * step);
}

// A value between two missing values has no line, so it is drawn as a dot.
function alone(values) {
    const there = (index) => (values[index] ?? null) !== null;
    return [...values.keys()].filter((index) => there(index) && !there(index - 1) && !there(index + 1));
}

function options(view, colours, u) {
    const around = (_, least, most) => (least === null || most === null ? [0, 1] : [Math.floor(least - 1), Math.ceil(most + 1)]);
    // Leave room for the first and the last bar, which are as wide as the others.
    const hours = (_, first, last) => (first === null ? [0, HOUR_S] : [first - view.step / 2, last + view.step / 2]);
    return {
        tzDate: (seconds) => globalThis.uPlot.tzDate(new Date(seconds * 1000), "UTC"),
        scales: { x: { time: true, range: hours }, degrees: { range: around }, rain: { range: (_, __, most) => [0, 2 * Math.max(1, most ?? 0)] } },
        axes: [
            axis({
                size: 22 * u,
                splits: (plot, _, least, most) => splits(plot, least, most, u),
                values: (_, all) => all.map((one) => (one % (24 * HOUR_S) === 0 ? dayOf(one) : hourOf(one))),
            }),
            axis({ scale: "degrees", size: 34 * u, space: 28 * u, values: (_, all) => all.map((one) => tick(one).replace("-", "−")) }),
            axis({ scale: "rain", side: 1, size: 30 * u, space: 28 * u, grid: { show: false }, values: (_, all) => all.map(tick) }),
        ],
        series: [
            {},
            {
                scale: "degrees",
                stroke: colours["line-3"],
                width: 2 * u,
                points: { show: false, size: 5 * u, fill: colours["line-3"], filter: (plot, series) => alone(plot.data[series]) },
            },
            { scale: "rain", stroke: colours.current, fill: colours.current, width: 0, paths: globalThis.uPlot.paths.bars({ size: [0.7, 24 * u] }), points: { show: false } },
        ],
        hooks: { setCursor: [(plot) => explain(view, plot.cursor.idx ?? undefined)] },
    };
}
