// Connects the page's sections to their endpoints and polling periods.

import { setText } from "./elements.js";
import { errors } from "./errors.js";
import { forecast } from "./forecast.js";
import { Freshness } from "./freshness.js";
import { ago } from "./format.js";
import { lake } from "./lake.js";
import { lanes } from "./lanes.js";
import { parked } from "./parked.js";
import { Poll } from "./poll.js";
import { proof } from "./proof.js";
import { announce, setClock } from "./soundings.js";
import { Stuck } from "./stuck.js";
import { totals } from "./totals.js";
import { Vehicles } from "./vehicles.js";

const FAST_MS = 2000;
const SLOW_MS = 10_000;
const DAILY_MS = 30_000;
const FIRST_APART_MS = 120;

const stuck = new Stuck(document.querySelector("#stuck"));
const vehicles = new Vehicles(document.querySelector("#fleet"));

// The order is that of the first requests. Afterwards the slots spread the requests over the period.
const SECTIONS = [
    { id: "totals", every: FAST_MS, slot: 0, shows: totals },
    { id: "fleet", path: "api/vehicles", every: FAST_MS, slot: 667, shows: () => (answer) => vehicles.show(answer) },
    { id: "lanes", every: FAST_MS, slot: 1333, shows: (section) => lanes(section, stuck) },
    { id: "lake", every: SLOW_MS, slot: 400, shows: lake },
    // The forecast changes once a day.
    { id: "forecast", every: DAILY_MS, slot: 5200, shows: forecast },
    { id: "parked", every: SLOW_MS, slot: 3700, shows: parked },
    { id: "proof", every: SLOW_MS, slot: 8600, shows: proof },
    { id: "errors", every: SLOW_MS, slot: 7000, shows: (section) => errors(section, stuck) },
];

const freshness = SECTIONS.map(({ id, path, every, slot, shows }, index) => {
    const section = document.querySelector(`#${id}`);
    const show = shows(section);
    const own = new Freshness(section, every);
    new Poll({
        path: path ?? `api/${id}`,
        every,
        slot,
        first: index * FIRST_APART_MS,
        onAnswer: (answer) => {
            show(answer);
            own.answered();
        },
        onFailure: (reason) => own.failed(reason),
    }).start();
    return own;
});

function tick() {
    setClock();
    announce([...stuck.news(), ...freshness.map((own) => own.tick()).filter(Boolean)]);
    vehicles.tick();
    const now = Date.now();
    for (const time of document.querySelectorAll("[data-since]")) {
        if (time.dataset.since !== "") {
            setText(time, ago(time.dataset.since, now));
        }
    }
}

document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
        freshness.forEach((own) => own.resumed());
    }
});
setInterval(() => document.hidden || tick(), 1000);
tick();
