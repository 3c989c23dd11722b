// A classic script in the head, so that the chosen theme is set before the first paint.
"use strict";
(() => {
    const KEY = "headwater-theme";
    const CHOICES = ["auto", "light", "dark"];
    const root = document.documentElement;

    // The browser may refuse storage (private windows). Then the choice is kept only until the page is closed.
    const saved = () => {
        try {
            return localStorage.getItem(KEY);
        } catch {
            return null;
        }
    };
    const save = (choice) => {
        try {
            localStorage.setItem(KEY, choice);
        } catch {
            // The browser refuses storage; see above.
        }
    };

    let choice = CHOICES.includes(saved()) ? saved() : "auto";

    function apply() {
        if (choice === "auto") {
            delete root.dataset.theme;
        } else {
            root.dataset.theme = choice;
        }
        const button = document.querySelector("[data-theme-button]");
        if (button) {
            button.textContent = `Theme: ${choice}`;
        }
        document.dispatchEvent(new Event("themechange"));
    }

    apply();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
    document.addEventListener("DOMContentLoaded", () => {
        apply();
        document.querySelector("[data-theme-button]").addEventListener("click", () => {
            choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
            save(choice);
            apply();
        });
    });
})();
