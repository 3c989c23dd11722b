// Animates growing numbers: a figure counts from the shown value to the new one within one polling period.

import { setText } from "./elements.js";
import { group, whole } from "./format.js";
import { calm } from "./calm.js";

const DURATION_MS = 1700;
const FRAME_MS = 33;
const PARTS = 1_000_000;

const running = new Map();
const shown = new WeakMap();
let lastFrame = 0;
let asked = false;

/** Shows an integer (a string of digits or a number). `data-total` is set to its digits at once, without animation. */
export function count(node, value) {
    const to = whole(value);
    const digits = to === null ? "" : to.toString();
    if (node.dataset.total === digits && digits !== "") {
        return;
    }
    node.dataset.total = digits;
    const from = shown.get(node);
    if (to === null || from === undefined || to < from || calm()) {
        settle(node, to);
        return;
    }
    running.set(node, { from, to, begun: performance.now() });
    askForFrame();
}

function settle(node, to) {
    running.delete(node);
    if (to === null) {
        shown.delete(node);
    } else {
        shown.set(node, to);
    }
    setText(node, group(to));
}

function askForFrame() {
    if (!asked) {
        asked = true;
        requestAnimationFrame(frame);
    }
}

function frame(now) {
    asked = false;
    if (now - lastFrame >= FRAME_MS) {
        lastFrame = now;
        for (const [node, { from, to, begun }] of running) {
            const part = (performance.now() - begun) / DURATION_MS;
            if (part >= 1 || !node.isConnected) {
                settle(node, to);
            } else {
                const value = from + ((to - from) * BigInt(Math.round(part * PARTS))) / BigInt(PARTS);
                shown.set(node, value);
                setText(node, group(value));
            }
        }
    }
    if (running.size > 0) {
        askForFrame();
    }
}
