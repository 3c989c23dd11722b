// The Delta tables of the lake.

import { count } from "./counting.js";
import { element, follow, setSince, setText, since, table } from "./elements.js";
import { bytes, group, whole } from "./format.js";
import { sound } from "./soundings.js";

/** Draws `api/lake` into `section`. */
export function lake(section) {
    const host = section.querySelector("[data-body]");
    const { node, body } = table("Delta tables", [
        { text: "table" },
        { text: "rows", kind: "number" },
        { text: "files", kind: "number" },
        { text: "size", kind: "number" },
        { text: "version", kind: "number" },
        { text: "last commit", kind: "number" },
    ]);
    const nothing = element("p", { class: "kind" }, "No table has been committed to yet.");
    host.append(node, nothing);
    return (answer) => {
        node.hidden = answer.tables.length === 0;
        nothing.hidden = !node.hidden;
        follow(body, answer.tables, (one) => `${one.topic ?? ""} ${one.path}`, makeRow, updateRow);
        sound("lake", answer.tables.reduce((sum, one) => sum + (whole(one.rows) ?? 0n), 0n).toString());
    };
}

function makeRow(one) {
    const number = () => element("td", { class: "number" });
    const row = { rows: number(), files: number(), size: number(), version: number(), commit: since() };
    const name = element("th", { scope: "row" }, element("bdi", {}, String(nameOf(one))), element("span", { class: "dim path" }, ...breakable(String(one.path))));
    row.node = element("tr", {}, name, row.rows, row.files, row.size, row.version, element("td", { class: "number" }, row.commit));
    row.node.dataset.path = one.path;
    if (one.topic !== null) {
        row.node.dataset.topic = one.topic;
    }
    return row;
}

// A table without a topic is named after its folder.
function nameOf(one) {
    return one.topic ?? one.path.split("/").at(-1);
}

// Long paths may wrap only after a slash.
function breakable(path) {
    return path.split(/(?<=\/)/).flatMap((part) => [part, element("wbr")]);
}

function updateRow(row, one) {
    count(row.rows, one.rows);
    setText(row.files, group(one.files));
    setText(row.size, bytes(one.bytes));
    row.size.title = `${group(one.bytes)} bytes`;
    setText(row.version, group(one.version));
    setSince(row.commit, one.last_commit);
}
