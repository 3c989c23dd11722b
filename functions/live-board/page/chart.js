// A uPlot chart that adapts to the size of its box, the theme and the font size.

import { onTheme, palette, type, unit } from "./palette.js";

/** The options that all charts' axes share. */
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

    /** `options(colours, u)` returns uPlot's options without the size. It is called again for every theme. */
    constructor(host, options) {
        this.#host = host;
        this.#options = options;
        this.#watch.observe(host);
        this.#forget = onTheme(() => this.#rebuild());
    }

    /** Removes the chart and all its listeners, for a chart that is not shown again. */
    end() {
        this.#watch.disconnect();
        this.#forget();
        this.#plot?.destroy();
        this.#plot = undefined;
    }

    /** Shows data. `anew` must be set if the series have changed. */
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
