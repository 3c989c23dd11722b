// The positions of the vehicles: their reports, in bounded memory, and interpolated positions between two reports.

const REMEMBERED = 3000;
const FORGOTTEN_AFTER_MS = 30_000;
const TRAILS = 300;
const TRAIL_LENGTH = 30;
const LONGEST_STRETCH_MS = 8000;
const LIMIT = 1e15;

export class Fleet {
    /** The vehicles by VIN, ordered by their last report, oldest first. */
    vehicles = new Map();
    #trails = 0;

    /** Adds the vehicles of an answer. With `still`, they jump to their positions without animation. */
    hear(heard, now, still) {
        this.#forget(now);
        for (const report of heard) {
            const x = coordinate(report.x);
            const y = coordinate(report.y);
            if (x === undefined || y === undefined) {
                continue;
            }
            const known = this.vehicles.get(report.vin);
            // An answer may contain other vehicles than the last one. Vehicles that are already drawn are kept, so that
            // they move and leave tracks.
            if (!known && this.vehicles.size >= REMEMBERED) {
                continue;
            }
            const vehicle = known ?? this.#meet(report.vin, x, y);
            // Removed and added again, because the map is ordered by the last report.
            this.vehicles.delete(report.vin);
            this.vehicles.set(report.vin, vehicle);
            if (vehicle.at !== report.at) {
                this.#move(vehicle, x, y, report, now, still || !known);
            }
            vehicle.heard = now;
        }
    }

    #meet(vin, x, y) {
        const trail = this.#trails < TRAILS ? new Trail() : undefined;
        this.#trails += trail ? 1 : 0;
        return { vin, x, y, trail, at: undefined };
    }

    // The animation from one report to the next takes as long as the time between the two reports.
    #move(vehicle, x, y, report, now, still) {
        const took = Date.parse(report.at) - Date.parse(vehicle.at);
        if (vehicle.at !== undefined) {
            vehicle.trail?.add(vehicle.toX, vehicle.toY);
        }
        vehicle.fromX = vehicle.x;
        vehicle.fromY = vehicle.y;
        vehicle.toX = x;
        vehicle.toY = y;
        vehicle.begun = now;
        vehicle.takes = still ? 0 : Math.min(LONGEST_STRETCH_MS, Math.max(500, took || 2000));
        vehicle.z = coordinate(report.z) ?? 0;
        vehicle.speed = Number.isFinite(report.speed) ? report.speed : 0;
        vehicle.make = report.make;
        vehicle.model = report.model;
        vehicle.at = report.at;
    }

    #forget(now) {
        for (const [vin, vehicle] of this.vehicles) {
            if (now - vehicle.heard < FORGOTTEN_AFTER_MS) {
                break;
            }
            this.vehicles.delete(vin);
            this.#trails -= vehicle.trail ? 1 : 0;
        }
    }

    /** Moves every vehicle to its position at `now`. Returns `true` while a vehicle is still moving. */
    advance(now) {
        let underWay = false;
        for (const vehicle of this.vehicles.values()) {
            const part = vehicle.takes > 0 ? (now - vehicle.begun) / vehicle.takes : 1;
            if (part >= 1) {
                vehicle.x = vehicle.toX;
                vehicle.y = vehicle.toY;
            } else {
                vehicle.x = vehicle.fromX + (vehicle.toX - vehicle.fromX) * part;
                vehicle.y = vehicle.fromY + (vehicle.toY - vehicle.fromY) * part;
                underWay = true;
            }
        }
        return underWay;
    }

    /** The `n` fastest vehicles, or the `n` vehicles with the latest reports. */
    first(n, order) {
        const all = [...this.vehicles.values()];
        if (order === "latest") {
            return all.sort((a, b) => compare(b.at, a.at) || compare(a.vin, b.vin)).slice(0, n);
        }
        return all.sort((a, b) => b.speed - a.speed || compare(a.vin, b.vin)).slice(0, n);
    }
}

// Past positions of a vehicle, as x, y, x, y …. When the trail is full, every other position is removed, and from then
// on only every other one is added. So the trail covers the whole time with the memory of thirty positions.
class Trail {
    places = [];
    #every = 1;
    #since = 0;

    add(x, y) {
        this.#since += 1;
        if (this.#since < this.#every) {
            return;
        }
        this.#since = 0;
        this.places.push(x, y);
        if (this.places.length > 2 * TRAIL_LENGTH) {
            this.places = this.places.filter((_, index) => index % 4 < 2);
            this.#every *= 2;
        }
    }
}

function compare(a, b) {
    return a < b ? -1 : Number(a > b);
}

// Positions may be any finite numbers. Beyond this limit, the difference of two is not exact enough for drawing.
function coordinate(value) {
    return Number.isFinite(value) && Math.abs(value) < LIMIT ? value : undefined;
}
