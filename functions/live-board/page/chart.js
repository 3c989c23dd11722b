// A uPlot chart that follows its box, the theme and the size of the type.

import { onTheme, palette, type, unit } from "./palette.js";

/** What all charts' axes share. */
export function axis(more) {
    const colours = palette();
    return {
        stroke: colours.soft,
        font: type(11),
        labelFont: type(11),
        grid: { stroke: colours.rule, width: 1 },
        ticks: { show: false },
        ...more,
    };
}

export class Chart {
    #host;
    #options;
    #plot;
    #data;
    #watch = new ResizeObserver(() => this.#fit());
    #forget;

    /** `options(colours, u)` gives uPlot's, without size; it is asked again for every theme. */
    constructor(host, options) {
        this.#host = host;
        this.#options = options;
        this.#watch.observe(host);
        this.#forget = onTheme(() => this.#rebuild());
    }

    /** Lets go of everything outside: for a chart that is not shown again. */
    end() {
        this.#watch.disconnect();
        this.#forget();
        this.#plot?.destroy();
        this.#plot = undefined;
    }

    /** Shows data; `anew` when its series are others than before. */
    draw(data, anew = false) {
        this.#data = data;
        if (this.#plot && !anew) {
            this.#plot.setData(data);
        } else {
            this.#rebuild();
        }
    }

    #rebuild() {
        this.#plot?.destroy();
        this.#plot = undefined;
        const { width, height } = this.#size();
        if (this.#data && width > 0 && this.#host.isConnected) {
            const plain = { legend: { show: false }, cursor: { drag: { x: false, y: false } }, padding: [8, 8, 0, 0] };
            this.#plot = new globalThis.uPlot({ ...plain, ...this.#options(palette(), unit()), width, height }, this.#data, this.#host);
        }
    }

    #size() {
        return { width: this.#host.clientWidth, height: this.#host.clientHeight };
    }

    #fit() {
        const size = this.#size();
        if (!this.#plot) {
            this.#rebuild();
        } else if (size.width > 0 && (size.width !== this.#plot.width || size.height !== this.#plot.height)) {
            this.#plot.setSize(size);
        }
    }
}
