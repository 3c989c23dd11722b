//! Whether Terraform's last apply still stands, so that a warm `up` can leave it out.
//!
//! The emulator keeps its state in memory and writes it down when it ends cleanly. What was applied therefore stands
//! while that very process runs, and after it ended cleanly in whichever process restored its state; a killed emulator
//! may come back with functions of an older apply, which only a new apply can tell.

use std::fs;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::layout::Layout;

/// The emulator ended cleanly: whoever starts next restores what was applied.
const SAVED: &str = "saved";

/// The last apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    /// Of all its inputs.
    fingerprint: String,
    /// The emulator process that holds it, or [`SAVED`].
    holder: String,
}

impl Applied {
    /// Notes an apply.
    pub(crate) fn note(layout: &Layout, fingerprint: &str, holder: &str) -> anyhow::Result<()> {
        Self { fingerprint: fingerprint.to_owned(), holder: holder.to_owned() }.save(layout)
    }

    /// Whether an apply of these inputs stands in this emulator process.
    pub(crate) fn stands(layout: &Layout, fingerprint: &str, holder: &str) -> bool {
        Self::load(layout).is_some_and(|applied| {
            applied.fingerprint == fingerprint && (applied.holder == holder || applied.holder == SAVED)
        })
    }

    /// The emulator that held it ended cleanly.
    pub(crate) fn saved(layout: &Layout, holder: &str) -> anyhow::Result<()> {
        match Self::load(layout) {
            Some(applied) if applied.holder == holder => {
                Self { holder: SAVED.to_owned(), ..applied }.save(layout)
            }
            _ => Ok(()),
        }
    }

    fn load(layout: &Layout) -> Option<Self> {
        serde_json::from_slice(&fs::read(layout.terraform().join("applied.json")).ok()?).ok()
    }

    fn save(&self, layout: &Layout) -> anyhow::Result<()> {
        let file = layout.terraform().join("applied.json");
        fs::write(&file, serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apply_stands_in_its_own_emulator_only() {
        let (_dir, layout) = Layout::temporary();
        Applied::note(&layout, "inputs", "first").unwrap();
        assert!(Applied::stands(&layout, "inputs", "first"));
        assert!(!Applied::stands(&layout, "inputs", "second"));
        assert!(!Applied::stands(&layout, "other inputs", "first"));
    }

    #[test]
    fn a_clean_end_hands_the_apply_on_and_a_stranger_does_not() {
        let (_dir, layout) = Layout::temporary();
        Applied::note(&layout, "inputs", "first").unwrap();
        Applied::saved(&layout, "stranger").unwrap();
        assert!(!Applied::stands(&layout, "inputs", "second"));
        Applied::saved(&layout, "first").unwrap();
        assert!(Applied::stands(&layout, "inputs", "second"));
    }
}
