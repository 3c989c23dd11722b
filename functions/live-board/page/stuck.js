// The stuck lanes, at the top of the page: records wait, and none was stored for longer than a batch may take.

import { laneKey } from "./activity.js";
import { element, follow, setSince, setText, since } from "./elements.js";
import { group, stretch, whole } from "./format.js";

// The batching window in AWS is at most a minute if the pipeline file sets none. An invocation takes time too.
const LEAST_WINDOW_S = 60;
const INVOCATION_S = 30;
const KEY = "headwater-waiting";

export class Stuck {
    #section;
    #list;
    #title;
    #name = document.title;
    #errors = [];
    #known = new Map();
    #waiting = recalled();
    #news = [];

    constructor(section) {
        this.#section = section;
        this.#title = section.querySelector("h2");
        this.#list = section.querySelector("[data-body]");
    }

    /** Takes an answer of `api/lanes`. */
    lanes(answer) {
        const now = Date.parse(answer.at);
        const lanes = this.#withEarliest(answer.mappings);
        const stuck = lanes.filter((lane) => isStuck(lane, now)).sort((a, b) => Date.parse(a.waiting_since) - Date.parse(b.waiting_since));
        this.#section.hidden = stuck.length === 0;
        setText(this.#title, stuck.length === 1 ? "1 lane is stuck" : `${stuck.length} lanes are stuck`);
        document.title = stuck.length === 0 ? this.#name : `(${stuck.length} stuck) ${this.#name}`;
        this.#note(stuck);
        follow(this.#list, stuck, laneKey, makeLane, (line, lane) => this.#update(line, lane, now));
    }

    /** Takes an answer of `api/errors`: the newest first. */
    errors(answer) {
        this.#errors = answer.errors;
    }

    /** Returns the announcements for screen readers since the last call. */
    news() {
        return this.#news.splice(0);
    }

    // Several processes of the function answer in turn, and each knows only what it saw itself. So the page keeps the earliest
    // time while nothing is stored, also across reloads.
    #withEarliest(mappings) {
        const before = this.#waiting;
        this.#waiting = new Map();
        const merged = mappings.map((lane) => {
            if (!lane.waiting_since) {
                return lane;
            }
            const known = before.get(laneKey(lane));
            const earlier = known?.stored === lane.stored && Date.parse(known.waiting_since) < Date.parse(lane.waiting_since);
            const one = earlier ? { ...lane, waiting_since: known.waiting_since } : lane;
            this.#waiting.set(laneKey(lane), { stored: one.stored, waiting_since: one.waiting_since });
            return one;
        });
        remember(this.#waiting);
        return merged;
    }

    #note(stuck) {
        const known = new Map(stuck.map((lane) => [laneKey(lane), lane]));
        for (const [key, lane] of known) {
            if (!this.#known.has(key)) {
                this.#news.push(`${lane.function} is stuck on ${lane.topic}.`);
            }
        }
        for (const [key, lane] of this.#known) {
            if (!known.has(key)) {
                this.#news.push(`${lane.function} is not stuck on ${lane.topic} any more.`);
            }
        }
        this.#known = known;
    }

    #update(line, lane, now) {
        setText(line.lag, group(lane.lag));
        setText(line.verb, whole(lane.lag) === 1n ? " record waits" : " records wait");
        setText(line.age, `nothing stored for at least ${stretch((now - Date.parse(lane.waiting_since)) / 1000)}`);
        const error = this.#errors.find((one) => one.function === lane.function);
        line.error.hidden = error === undefined;
        setText(line.message, error === undefined ? "" : String(error.message));
        setSince(line.at, error?.at);
    }
}

// The browser may refuse access to storage (private windows), and its content may be invalid.
function recalled() {
    try {
        return new Map(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
    } catch {
        return new Map();
    }
}

function remember(waiting) {
    try {
        sessionStorage.setItem(KEY, JSON.stringify([...waiting]));
    } catch {
        // The page works without storage; see recalled().
    }
}

function isStuck(lane, now) {
    const waits = (now - Date.parse(lane.waiting_since ?? "")) / 1000;
    return (whole(lane.lag) ?? 0n) > 0n && waits > Math.max(LEAST_WINDOW_S, lane.window_seconds ?? 0) + INVOCATION_S;
}

function makeLane(lane) {
    const [lag, verb, age, message, at] = [element("b"), element("span"), element("span"), element("span", { class: "why" }), since()];
    const error = element("p", { class: "error" }, element("span", { class: "dim" }, `last error of ${lane.function}, `, at, ": "), message);
    const name = element("h3", {}, element("bdi", {}, String(lane.function)), element("span", { class: "dim" }, ` ${lane.topic} → ${lane.group}`));
    const node = element(
        "li",
        {},
        name,
        element("p", { class: "waits" }, lag, verb, " · ", age),
        error,
    );
    node.dataset.stuck = `${lane.function} ${lane.topic}`;
    return { node, lag, verb, age, error, message, at };
}
