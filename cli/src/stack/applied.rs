//! Decides whether `up` can skip Terraform because the last apply is still in effect.
//!
//! The emulator keeps its state in memory and saves it only when it ends cleanly. The last apply is still in effect
//! while the same emulator process runs, and also after that process ended cleanly and another one restored its state.
//! If the emulator was killed, it may come back with functions of an older apply. Then only a new apply helps.

use std::fs;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::layout::Layout;

/// Value of `holder` after the emulator ended cleanly. The next emulator process restores the state.
const SAVED: &str = "saved";

/// Record of the last apply, in `terraform/applied.json` of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    /// Hash of all inputs of the apply (`terraform::fingerprint`).
    fingerprint: String,
    /// Identity of the emulator process that holds the resources, or [`SAVED`].
    holder: String,
}

impl Applied {
    /// Records that an apply of these inputs to this emulator process has finished.
    pub(crate) fn note(layout: &Layout, fingerprint: &str, holder: &str) -> anyhow::Result<()> {
        Self { fingerprint: fingerprint.to_owned(), holder: holder.to_owned() }.save(layout)
    }

    /// Whether the last apply had these inputs and is still in effect in this emulator process. A missing or damaged
    /// record counts as no.
    pub(crate) fn stands(layout: &Layout, fingerprint: &str, holder: &str) -> bool {
        Self::load(layout).is_some_and(|applied| {
            applied.fingerprint == fingerprint && (applied.holder == holder || applied.holder == SAVED)
        })
    }

    /// Records that the emulator process `holder` ended cleanly. Does nothing if another process holds the last apply.
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
