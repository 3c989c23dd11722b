// The scale from metres to pixels: the visible part of the plane, with smooth transitions, and round steps.

const STEPS = [1, 2, 5, 10];
const MARGIN = 0.06;
const OUTLIERS = 0.005;
const SMALLEST_SPAN = 1;
const EASING_MS = 600;

/** The round number at or above `least`: 1, 2 or 5 times a power of ten. */
export function round(least) {
    if (!(least > 0)) {
        return 1;
    }
    const power = 10 ** Math.floor(Math.log10(least));
    return power * STEPS.find((step) => step * power >= least * (1 - 1e-9));
}

/** The four round speeds at which the colour changes; they depend on the fastest vehicle. */
export function speedSteps(vehicles) {
    const speeds = [...vehicles].map((vehicle) => vehicle.speed).sort((a, b) => a - b);
    const most = speeds[Math.floor((speeds.length - 1) * (1 - OUTLIERS))] ?? 0;
    const step = round(most / 5);
    return [step, 2 * step, 3 * step, 4 * step];
}

/** The index (0 to 4) of a speed's colour. */
export function speedClass(speed, steps) {
    return steps.findLastIndex((step) => speed >= step) + 1;
}

export class Scale {
    /** The position at the centre of the picture in metres, and the metres per pixel. */
    x = 0;
    y = 0;
    size = 1;
    #target = { x: 0, y: 0, size: 1 };
    #set = false;

    /** Sets the target: `width` × `height` pixels that show the origin and all vehicles except a few distant ones. */
    aim(vehicles, width, height) {
        const [left, right] = extent(vehicles, (vehicle) => vehicle.toX);
        const [bottom, top] = extent(vehicles, (vehicle) => vehicle.toY);
        const size = Math.max((right - left) / width, (top - bottom) / height) * (1 + 2 * MARGIN);
        this.#target = { x: (left + right) / 2, y: (bottom + top) / 2, size };
        if (!this.#set) {
            this.#set = true;
            this.settle();
        }
    }

    /** Moves to the target at once. */
    settle() {
        Object.assign(this, this.#target);
    }

    /** Moves towards the target for `elapsed` ms. Returns `true` until the target is reached. */
    ease(elapsed) {
        const part = 1 - Math.exp(-elapsed / EASING_MS);
        const far = Math.abs(this.#target.size / this.size - 1) > 1e-3
            || Math.hypot(this.#target.x - this.x, this.#target.y - this.y) > this.#target.size / 2;
        if (!far) {
            this.settle();
            return false;
        }
        this.x += (this.#target.x - this.x) * part;
        this.y += (this.#target.y - this.y) * part;
        // The scale changes by a ratio, so that zooming looks the same at any size.
        this.size *= (this.#target.size / this.size) ** part;
        return true;
    }
}

function extent(vehicles, coordinateOf) {
    const all = [...vehicles].map(coordinateOf).sort((a, b) => a - b);
    if (all.length === 0) {
        return [-SMALLEST_SPAN, SMALLEST_SPAN];
    }
    const few = Math.floor(all.length * OUTLIERS);
    const least = Math.min(0, all[few]);
    const most = Math.max(0, all[all.length - 1 - few]);
    const lacking = Math.max(0, SMALLEST_SPAN - (most - least)) / 2;
    return [least - lacking, most + lacking];
}
