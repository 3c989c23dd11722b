// Draws the plane like a nautical chart: a graded frame, range rings around the origin, tracks, vehicles and a scale
// bar.

import { grade } from "./format.js";
import { palette, type, unit } from "./palette.js";
import { round, speedClass } from "./scale.js";

const TURN = 2 * Math.PI;

/** Draws one frame. `chart`: { width, height, pixels, scale, fleet, steps, marked, picked, pointed }. Returns how many vehicles are outside. */
export function draw(context, chart) {
    const colours = palette();
    const u = unit();
    const inner = frameOf(chart.width, chart.height);
    const view = viewOf(chart.scale, inner);
    context.setTransform(chart.pixels, 0, 0, chart.pixels, 0, 0);
    context.fillStyle = colours.paper;
    context.fillRect(0, 0, chart.width, chart.height);
    context.fillStyle = colours.water;
    context.fillRect(inner.left, inner.top, inner.width, inner.height);

    context.save();
    context.beginPath();
    context.rect(inner.left, inner.top, inner.width, inner.height);
    context.clip();
    const step = round(chart.scale.size * 90 * u);
    rings(context, view, inner, step, colours);
    tracks(context, chart.fleet, view, colours, u);
    const outside = dots(context, chart, view, inner, colours, u);
    heights(context, chart, view, colours, u);
    for (const vehicle of new Set([chart.pointed, chart.picked])) {
        if (vehicle) {
            label(context, vehicle, view, inner, colours, u, vehicle === chart.picked);
        }
    }
    scaleBar(context, chart.scale, inner, colours, u);
    context.restore();

    frame(context, view, inner, step, colours, u);
    return outside;
}

/** The part of the canvas inside the chart's frame. */
export function frameOf(width, height) {
    const u = unit();
    const left = 60 * u;
    const bottom = 24 * u;
    const edge = 7 * u;
    return { left, top: edge, width: Math.max(10, width - left - edge), height: Math.max(10, height - bottom - edge) };
}

/** Converts metres to pixels of the canvas; y points up. */
export function viewOf(scale, inner) {
    const middleX = inner.left + inner.width / 2;
    const middleY = inner.top + inner.height / 2;
    return {
        x: (metre) => middleX + (metre - scale.x) / scale.size,
        y: (metre) => middleY - (metre - scale.y) / scale.size,
        size: scale.size,
        left: scale.x - (inner.width / 2) * scale.size,
        right: scale.x + (inner.width / 2) * scale.size,
        bottom: scale.y - (inner.height / 2) * scale.size,
        top: scale.y + (inner.height / 2) * scale.size,
    };
}

function rings(context, view, inner, step, colours) {
    const x = view.x(0);
    const y = view.y(0);
    const farthest = Math.hypot(Math.max(Math.abs(view.left), Math.abs(view.right)), Math.max(Math.abs(view.bottom), Math.abs(view.top)));
    context.strokeStyle = colours.rule;
    context.lineWidth = 1;
    context.beginPath();
    for (let radius = step; radius < farthest; radius += step) {
        context.moveTo(x + radius / view.size, y);
        context.arc(x, y, radius / view.size, 0, TURN);
    }
    context.moveTo(inner.left, y);
    context.lineTo(inner.left + inner.width, y);
    context.moveTo(x, inner.top);
    context.lineTo(x, inner.top + inner.height);
    context.stroke();
    context.fillStyle = colours.frame;
    context.beginPath();
    context.arc(x, y, 3 * unit(), 0, TURN);
    context.fill();
}

// Draws all tracks in three strokes; older parts are fainter.
function tracks(context, fleet, view, colours, u) {
    const bands = [[0, 0.35, 0.2], [0.35, 0.7, 0.36], [0.7, 1, 0.6]];
    context.strokeStyle = colours.current;
    context.lineWidth = u;
    for (const [from, to, strength] of bands) {
        context.globalAlpha = strength;
        context.beginPath();
        for (const { trail, x, y } of fleet.vehicles.values()) {
            const places = trail?.places ?? [];
            if (places.length === 0) {
                continue;
            }
            const newest = places.length / 2 - 1;
            const first = Math.round(from * newest);
            const last = Math.round(to * newest);
            context.moveTo(view.x(places[2 * first]), view.y(places[2 * first + 1]));
            for (let index = first + 1; index <= last; index += 1) {
                context.lineTo(view.x(places[2 * index]), view.y(places[2 * index + 1]));
            }
            if (to === 1) {
                context.lineTo(view.x(x), view.y(y));
            }
        }
        context.stroke();
    }
    context.globalAlpha = 1;
}

// Draws one path per colour, because 2,000 separate fills per frame are slow. Drawing 2,000 images is slow too
// (measured: a third fewer frames).
function dots(context, chart, view, inner, colours, u) {
    const paths = [1, 2, 3, 4, 5].map(() => new Path2D());
    const right = inner.left + inner.width;
    const bottom = inner.top + inner.height;
    let outside = 0;
    for (const vehicle of chart.fleet.vehicles.values()) {
        const x = view.x(vehicle.x);
        const y = view.y(vehicle.y);
        if (x < inner.left || x > right || y < inner.top || y > bottom) {
            outside += 1;
            continue;
        }
        const speed = speedClass(vehicle.speed, chart.steps);
        const radius = (1.5 + 0.35 * speed) * u;
        paths[speed].moveTo(x + radius, y);
        paths[speed].arc(x, y, radius, 0, TURN);
    }
    paths.forEach((path, speed) => {
        context.fillStyle = colours[`speed-${speed + 1}`];
        context.fill(path);
    });
    return outside;
}

// Draws a ring around each listed vehicle. Its size shows the vehicle's height; the exact height is in the details.
function heights(context, chart, view, colours, u) {
    const highest = Math.max(1, ...chart.marked.map((vehicle) => Math.abs(vehicle.z)));
    context.strokeStyle = colours.soft;
    context.lineWidth = u;
    context.beginPath();
    for (const vehicle of chart.marked) {
        const radius = (4.5 + 7 * Math.sqrt(Math.min(1, Math.abs(vehicle.z) / highest))) * u;
        context.moveTo(view.x(vehicle.x) + radius, view.y(vehicle.y));
        context.arc(view.x(vehicle.x), view.y(vehicle.y), radius, 0, TURN);
    }
    context.stroke();
}

function label(context, vehicle, view, inner, colours, u, picked) {
    const x = view.x(vehicle.x);
    const y = view.y(vehicle.y);
    const text = String(vehicle.vin);
    const reach = 9 * u;
    context.strokeStyle = picked ? colours.alert : colours.ink;
    context.lineWidth = 1.5 * u;
    context.strokeRect(x - reach, y - reach, 2 * reach, 2 * reach);
    context.font = type(12, 600);
    const width = context.measureText(text).width + 10 * u;
    const left = x + reach + width > inner.left + inner.width ? x - reach - width : x + reach;
    // Placed above the scale bar, which is in the corner.
    const middle = Math.min(Math.max(y, inner.top + 12 * u), inner.top + inner.height - 44 * u);
    context.fillStyle = colours.paper;
    context.fillRect(left, middle - 10 * u, width, 20 * u);
    context.fillStyle = picked ? colours.alert : colours.ink;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillText(text, left + 5 * u, middle + u);
}

function scaleBar(context, scale, inner, colours, u) {
    const least = round(scale.size * 60 * u);
    const length = least / scale.size > inner.width / 4 ? least / 2 : least;
    const width = length / scale.size;
    const right = inner.left + inner.width - 12 * u;
    const y = inner.top + inner.height - 12 * u;
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.5 * u;
    context.beginPath();
    context.moveTo(right - width, y - 5 * u);
    context.lineTo(right - width, y);
    context.lineTo(right, y);
    context.lineTo(right, y - 5 * u);
    context.stroke();
    context.font = type(12, 600);
    context.fillStyle = colours.ink;
    context.textAlign = "right";
    context.textBaseline = "bottom";
    context.fillText(grade(length), right, y - 6 * u);
}

// Draws the chart's frame: alternating black and white bands, one per step.
function frame(context, view, inner, step, colours, u) {
    const thick = 4 * u;
    const right = inner.left + inner.width;
    const bottom = inner.top + inner.height;
    context.strokeStyle = colours.frame;
    context.fillStyle = colours.frame;
    context.lineWidth = 1;
    context.strokeRect(inner.left - 0.5, inner.top - 0.5, inner.width + 1, inner.height + 1);
    context.strokeRect(inner.left - thick - 0.5, inner.top - thick - 0.5, inner.width + 2 * thick + 1, inner.height + 2 * thick + 1);
    const half = step / 2;
    for (let index = Math.floor(view.left / half); index * half < view.right; index += 1) {
        const from = Math.max(inner.left, view.x(index * half));
        const width = Math.min(right, view.x((index + 1) * half)) - from;
        if (index % 2 === 0 && width > 0) {
            context.fillRect(from, inner.top - thick, width, thick);
            context.fillRect(from, bottom, width, thick);
        }
    }
    for (let index = Math.floor(view.bottom / half); index * half < view.top; index += 1) {
        const from = Math.max(inner.top, view.y((index + 1) * half));
        const height = Math.min(bottom, view.y(index * half)) - from;
        if (index % 2 === 0 && height > 0) {
            context.fillRect(inner.left - thick, from, thick, height);
            context.fillRect(right, from, thick, height);
        }
    }
    grades(context, view, inner, step, colours, u);
}

function grades(context, view, inner, step, colours, u) {
    context.font = type(11);
    context.fillStyle = colours.soft;
    context.textAlign = "center";
    context.textBaseline = "top";
    const below = inner.top + inner.height + 9 * u;
    for (let index = Math.ceil(view.left / step); index * step <= view.right; index += 1) {
        const x = view.x(index * step);
        if (x > inner.left + 20 * u && x < inner.left + inner.width - 20 * u) {
            context.fillText(grade(index * step), x, below);
        }
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let index = Math.ceil(view.bottom / step); index * step <= view.top; index += 1) {
        const y = view.y(index * step);
        if (y > inner.top + 8 * u && y < inner.top + inner.height - 4 * u) {
            context.fillText(grade(index * step), inner.left - 9 * u, y);
        }
    }
}
