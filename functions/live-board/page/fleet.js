// Where the vehicles are and were: what was heard, held in bounded memory, and where each one is between two reports.

const REMEMBERED = 3000;
const FORGOTTEN_AFTER_MS = 30_000;
const TRAILS = 300;
const TRAIL_LENGTH = 30;
const LONGEST_STRETCH_MS = 8000;
const LIMIT = 1e15;

export class Fleet {
    /** By VIN, the one heard longest ago first. */
    vehicles = new Map();
    #trails = 0;

    /** Takes the vehicles of an answer. `still`: they jump to where they are, instead of going there. */
    hear(heard, now, still) {
        this.#forget(now);
        for (const report of heard) {
            const x = coordinate(report.x);
            const y = coordinate(report.y);
            if (x === undefined || y === undefined) {
                continue;
            }
            const known = this.vehicles.get(report.vin);
            // Each answer may hold other vehicles than the last. Those that are drawn stay, so that they move and leave tracks.
            if (!known && this.vehicles.size >= REMEMBERED) {
                continue;
            }
            const vehicle = known ?? this.#meet(report.vin, x, y);
            // Taken out and put back: the map's order is the order of hearing.
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

    // A report is some seconds old, and so is the one before: going from one to the other takes as long as it took.
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

    /** Puts every vehicle where it is at `now`; true while one is still under way. */
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

    /** The `n` fastest, or those heard of last. */
    first(n, order) {
        const all = [...this.vehicles.values()];
        if (order === "latest") {
            return all.sort((a, b) => compare(b.at, a.at) || compare(a.vin, b.vin)).slice(0, n);
        }
        return all.sort((a, b) => b.speed - a.speed || compare(a.vin, b.vin)).slice(0, n);
    }
}

// Where a vehicle was, as x, y, x, y …; when it is full, every other place goes and only every other one is added from
// then on: the trail spans as long as the page was watching, in the memory of thirty places.
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

// Any finite number may come; beyond this one a difference of two would not be exact enough to draw.
function coordinate(value) {
    return Number.isFinite(value) && Math.abs(value) < LIMIT ? value : undefined;
}
