// The fleet section: the animated plane, the list of ten vehicles, and the selected vehicle.

import { calm } from "./calm.js";
import { element, follow, setSince, setText, since } from "./elements.js";
import { group, NONE, speed } from "./format.js";
import { Fleet } from "./fleet.js";
import { onTheme, unit } from "./palette.js";
import { draw, frameOf, viewOf } from "./plane.js";
import { Scale, speedSteps } from "./scale.js";
import { sound } from "./soundings.js";
import { Picked } from "./vehicle.js";

const LISTED = 10;
const REACH = 22;

export class Vehicles {
    #section;
    #canvas;
    #context;
    #fleet = new Fleet();
    // The size is cached, because reading it would force a layout in the middle of a frame.
    #width = 0;
    #height = 0;
    #pixels = 1;
    #scale = new Scale();
    #steps = [1, 2, 3, 4];
    #marked = [];
    #pointed;
    #picked;
    #tally = element("span");
    #newest = since();
    #asked = false;
    #lastFrame = 0;
    #onScreen = true;

    constructor(section) {
        this.#section = section;
        this.#canvas = section.querySelector("canvas");
        this.#context = this.#canvas.getContext("2d", { alpha: false });
        this.#picked = new Picked(section.querySelector("[data-picked]"), () => this.#turned());
        section.querySelector("[data-tally]").append(this.#tally, this.#newest);
        this.#listen();
    }

    /** Shows an answer of `api/vehicles`. */
    show(answer) {
        this.#fleet.hear(answer.vehicles, performance.now(), calm());
        const all = this.#fleet.vehicles;
        const steps = speedSteps(all.values());
        if (steps[0] !== this.#steps[0] || !this.#section.querySelector("[data-speeds]").hasChildNodes()) {
            this.#steps = steps;
            this.#explainSpeeds();
        }
        this.#aim();
        this.#list();
        sound("fleet", answer.active);
        const busy = `${group(answer.active)} active · ${group(answer.events_last_minute)} events in the last minute · newest `;
        setText(this.#tally, answer.newest ? busy : "no vehicle has been heard of yet");
        this.#newest.hidden = !answer.newest;
        setSince(this.#newest, answer.newest);
        this.#canvas.setAttribute("aria-label", `Positions of ${group(all.size)} vehicles heard of last. The ten listed beside it can be picked by keyboard.`);
    }

    /** Updates the shown age of the selected vehicle's answer. */
    tick() {
        this.#picked.tick();
    }

    #listen() {
        new ResizeObserver(() => this.#resize()).observe(this.#canvas.parentElement);
        new IntersectionObserver(([entry]) => {
            this.#onScreen = entry.isIntersecting;
            this.#turned();
        }).observe(this.#canvas);
        onTheme(() => this.#turned());
        this.#canvas.addEventListener("pointermove", (event) => this.#point(this.#near(event)));
        this.#canvas.addEventListener("pointerleave", () => this.#point(undefined));
        this.#canvas.addEventListener("click", (event) => {
            const vehicle = this.#near(event);
            if (vehicle) {
                this.#picked.pick(vehicle);
            }
        });
        this.#section.querySelector(".choice").addEventListener("change", () => this.#list(true));
        this.#section.addEventListener("keydown", (event) => {
            if (event.key === "Escape") {
                this.#picked.drop();
            }
        });
    }

    #point(vehicle) {
        if (vehicle !== this.#pointed) {
            this.#pointed = vehicle;
            this.#canvas.classList.toggle("over", vehicle !== undefined);
            this.#turned();
        }
    }

    #near(event) {
        const box = this.#canvas.getBoundingClientRect();
        const view = viewOf(this.#scale, frameOf(box.width, box.height));
        let nearest = REACH * unit();
        let found;
        for (const vehicle of this.#fleet.vehicles.values()) {
            const distance = Math.hypot(view.x(vehicle.x) - (event.clientX - box.left), view.y(vehicle.y) - (event.clientY - box.top));
            if (distance < nearest) {
                nearest = distance;
                found = vehicle;
            }
        }
        return found;
    }

    // The list is not changed while the user is choosing from it.
    #list(anew = false) {
        const list = this.#section.querySelector("[data-roster]");
        const held = !anew && (list.matches(":hover") || list.contains(document.activeElement));
        const order = this.#section.querySelector(".choice input:checked").value;
        this.#marked = held ? this.#marked.map((vehicle) => this.#fleet.vehicles.get(vehicle.vin) ?? vehicle) : this.#fleet.first(LISTED, order);
        follow(list, this.#marked, (vehicle) => vehicle.vin, (vehicle) => this.#makeLine(vehicle), (line, vehicle) => {
            line.vehicle = vehicle;
            setText(line.model, String(vehicle.model ?? NONE));
            setText(line.speed, speed(vehicle.speed));
            line.button.setAttribute("aria-pressed", String(this.#picked.vin === vehicle.vin));
        });
        this.#turned();
    }

    #makeLine(vehicle) {
        const model = element("span", { class: "model" });
        const figure = element("span", { class: "number" });
        const vin = element("bdi", { class: "vin" }, String(vehicle.vin));
        const unitName = element("span", { class: "dim" }, "m/s");
        const button = element("button", { type: "button", "data-vin": vehicle.vin }, vin, model, figure, unitName);
        const line = { node: element("li", {}, button), button, model, speed: figure, vehicle };
        button.addEventListener("click", () => this.#picked.pick(line.vehicle));
        return line;
    }

    #explainSpeeds() {
        const [first, ...further] = this.#steps;
        const words = [`under ${first}`, ...further.map((step, index) => `${this.#steps[index]}–${step}`), `${this.#steps.at(-1)} m/s and over`];
        const marks = words.map((text, index) => element("li", { class: `speed speed-${index + 1}` }, text));
        this.#section.querySelector("[data-speeds]").replaceChildren(...marks);
    }

    #resize() {
        const box = this.#canvas.parentElement.getBoundingClientRect();
        this.#width = box.width;
        this.#height = box.height;
        this.#pixels = window.devicePixelRatio || 1;
        this.#canvas.width = Math.round(box.width * this.#pixels);
        this.#canvas.height = Math.round(box.height * this.#pixels);
        this.#aim();
        this.#scale.settle();
        this.#frame(performance.now());
    }

    #aim() {
        const inner = frameOf(this.#width, this.#height);
        this.#scale.aim([...this.#fleet.vehicles.values()], inner.width, inner.height);
        if (calm()) {
            this.#scale.settle();
        }
        this.#turned();
    }

    // Requests a frame. Frames are requested only while something moves and the plane is visible.
    #turned() {
        for (const button of this.#section.querySelectorAll("[data-roster] button")) {
            button.setAttribute("aria-pressed", String(button.dataset.vin === this.#picked.vin));
        }
        this.#askForFrame();
    }

    #askForFrame() {
        if (!this.#asked && this.#onScreen) {
            this.#asked = true;
            requestAnimationFrame((now) => {
                this.#asked = false;
                this.#frame(now);
            });
        }
    }

    #frame(now) {
        const elapsed = Math.min(100, now - this.#lastFrame);
        this.#lastFrame = now;
        const moving = this.#fleet.advance(performance.now());
        const easing = this.#scale.ease(elapsed);
        const vehicles = this.#fleet.vehicles;
        const outside = draw(this.#context, {
            width: this.#width,
            height: this.#height,
            pixels: this.#pixels,
            scale: this.#scale,
            fleet: this.#fleet,
            steps: this.#steps,
            marked: this.#marked,
            picked: vehicles.get(this.#picked.vin),
            pointed: vehicles.get(this.#pointed?.vin),
        });
        const edge = outside > 0 ? `${group(outside)} beyond the frame · ` : "";
        setText(this.#section.querySelector("[data-edge]"), `${edge}rings: height of the ten listed`);
        if (moving || easing) {
            this.#askForFrame();
        }
    }
}
