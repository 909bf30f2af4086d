//! `slotkit keyslot`.

use super::tool::run;

#[test]
fn one_key_prints_its_slot_alone() {
    let run = run(["keyslot", "hello"]);
    assert_eq!((run.text(), run.exit), ("866\n", 0));
}
