// The colours of the style sheet for canvases, so that both themes are defined in one place.

const NAMES = [
    "paper", "water", "ink", "soft", "rule", "frame", "current", "area", "alert",
    "speed-1", "speed-2", "speed-3", "speed-4", "speed-5", "line-1", "line-2", "line-3", "line-4",
];

let colours;
let scale;
let family;
const probe = document.createElement("span");
probe.hidden = true;
document.documentElement.append(probe);

// The browser returns a custom property unresolved, but a colour resolved for the theme.
function read() {
    const resolved = {};
    for (const name of NAMES) {
        probe.style.color = `var(--${name})`;
        resolved[name] = getComputedStyle(probe).color;
    }
    return resolved;
}

/** The colours of the current theme by name. */
export function palette() {
    colours ??= read();
    return colours;
}

/** The ratio of the page's font size to 16 px; it is larger on a wall display. Lines and dots are scaled by it. */
export function unit() {
    scale ??= parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    return scale;
}

/** The page's font for a canvas. */
export function type(size, weight = 400) {
    family ??= getComputedStyle(document.body).fontFamily;
    return `${weight} ${size * unit()}px ${family}`;
}

addEventListener("resize", () => {
    scale = undefined;
});

/** Calls back when the theme changes. Returns a function that ends this. */
export function onTheme(callback) {
    document.addEventListener("themechange", callback);
    return () => document.removeEventListener("themechange", callback);
}

// Registered before all callbacks, so that they see the new colours.
document.addEventListener("themechange", () => {
    colours = undefined;
});
