//! What else a report tells, in each of its forms.

use super::{HEADER, json, large_dump, says, with_file};
use crate::tool::{run_in, run_with};
use serde_json::Value;

#[test]
fn a_page_for_a_browser_has_the_sections_of_the_text_and_escapes_keys() {
    let mut text = large_dump();
    text.extend_from_slice(b"0,string,<script>{a&\"'}</style><img src=x>,999999,string,1,1,\n");
    let folder = with_file("a<b>.csv", &text);
    let report = |form: &str| {
        let run = run_in(folder.path(), ["analyze", "a<b>.csv", form], b"");
        assert_eq!(run.exit, 0, "{}", run.stderr);
        String::from_utf8(run.stdout).expect("text")
    };
    let (page, text) = (report("--output=html"), report("--output=table"));
    for hostile in ["<script", "<img", "'}</style>", "a<b>", "src=x>"] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    assert!(
        page.contains("&lt;script&gt;{a&amp;&quot;"),
        "the key is there"
    );
    let headings: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .collect();
    assert!(headings.len() > 8, "{headings:?}");
    let sections: Vec<&str> = page
        .split("<h2>")
        .skip(1)
        .map(|rest| rest.split("</h2>").next().unwrap_or_default())
        .collect();
    assert_eq!(sections, headings);
    // Keys and bytes by slot, sizes, and lengths.
    assert_eq!(page.matches("<svg").count(), 4);
    assert_eq!(page.matches("</svg>").count(), 4);
}

#[test]
fn a_csv_has_a_row_a_slot_and_no_formulas() {
    let text = format!("{HEADER}0,string,=cmd(),56,string,1,1,\n");
    let run = run_with(["analyze", "--csv", "-"], text.as_bytes());
    assert_eq!(run.text().lines().count(), 16_385);
    let row = run
        .text()
        .lines()
        .find(|line| line.contains("cmd"))
        .expect("the row");
    assert!(row.ends_with(",1,56,0,'=cmd(),56"), "{row}");
}

#[test]
fn big_keys_tags_and_prefixes_are_listed() {
    let folder = with_file("dump.csv", large_dump());
    let args = ["analyze", "dump.csv", "--json", "--top", "3"];
    let json = json(&run_in(folder.path(), args, b""));
    let big = json["big_keys"].as_array().expect("big keys");
    assert_eq!(big.len(), 3);
    assert!(big[0]["bytes"].as_u64() >= big[1]["bytes"].as_u64());
    let tag = &json["hash_tags"]["by_keys"][0];
    assert_eq!(
        (&tag["name"], &tag["exact"]),
        (&Value::from("hot"), &Value::from(true))
    );
    assert_eq!(tag["keys"], 12_000);
    // 60,000 keys in 11 families; every fifth has a tag before the family's name.
    let prefixes = json["prefixes"]["by_keys"].as_array().expect("prefixes");
    assert_eq!(prefixes.len(), 3);
    for prefix in prefixes {
        let (share, error) = (
            prefix["share"].as_f64().expect("a share"),
            prefix["error"].as_f64().expect("a bound"),
        );
        assert!((share - 0.8 / 11.0).abs() <= 1.5 * error, "{prefix}");
        assert_eq!(prefix["exact"], false);
    }
    assert_eq!(
        json["distribution"]["chi_square"],
        Value::Null,
        "too few keys"
    );
    assert!(json["distribution"]["keys"]["gini"].as_f64() > Some(0.2));
}

#[test]
fn hash_tags_are_blamed_for_unevenness_only_where_there_are_some() {
    let table = |name: fn(u32) -> String| {
        let keys: String = (0..100_000).map(|id| name(id) + "\n").collect();
        run_with(["analyze", "-", "--top", "0"], keys.as_bytes())
    };
    let sequence = table(|id| format!("session:{id}:data"));
    says(sequence.text(), &["too little to matter: ids in sequence"]);
    assert!(!sequence.text().contains("hash tag"), "{}", sequence.text());
    let chosen = table(|id| format!("user:{id}:profile"));
    says(chosen.text(), &["more even than random names: ids in"]);
    let tags = table(|id| format!("{{{}}}:{id}", id % 2000));
    says(tags.text(), &["hash tags put keys together"]);
    let one = table(|id| match id % 4 {
        0 => "again".to_owned(),
        _ => format!("k{}", id.wrapping_mul(2_654_435_761)),
    });
    says(one.text(), &["hash tags are not why"]);
}

#[test]
fn expiry_times_encodings_and_lengths_are_told() {
    let text = format!(
        "{HEADER}0,string,a,10,string,1,1,2026-11-24T09:30:00.5\n0,hash,bb,20,ziplist,1,1,2026-11-24T10:10:00\n\
         0,hash,ccc,40,hashtable,1,1,2026-12-01 00:00:00+01:00\n0,hash,d,80,listpack,1,1,\n0,zset,e,160,no-such,1,1,2026-1-1\n"
    ).replace(' ', "T");
    let analyze = |args: &[&str]| {
        let all = [
            &["analyze", "--json", "-", "--as-of", "2026-11-24T10:05:00"],
            args,
        ]
        .concat();
        json(&run_with(all, text.replace("zset", "sortedset").as_bytes()))
    };
    let all = analyze(&[]);
    let expiry = &all["expiry"];
    assert_eq!(
        (&expiry["as_of"], &expiry["known"], &expiry["unknown"]),
        (&"2026-11-24T10:00:00Z".into(), &3.into(), &1.into())
    );
    let within: Vec<(&str, u64)> = expiry["horizon"]
        .as_array()
        .expect("classes")
        .iter()
        .map(|class| {
            (
                class["within"].as_str().expect("text"),
                class["keys"].as_u64().expect("keys"),
            )
        })
        .filter(|(_, keys)| *keys > 0)
        .collect();
    assert_eq!(within, [("past", 1), ("1h", 1), ("7d", 1)]);
    let encodings: Vec<&str> = all["encodings"]
        .as_array()
        .expect("encodings")
        .iter()
        .map(|row| row["encoding"].as_str().expect("text"))
        .collect();
    assert_eq!(
        encodings,
        ["string", "ziplist", "listpack", "hashtable", "other"]
    );
    let lengths = &all["key_lengths"];
    assert_eq!(
        (&lengths[0]["to"], &lengths[0]["keys"]),
        (&1.into(), &3.into())
    );
    assert_eq!(
        (&lengths[1]["from"], &lengths[1]["sum"]),
        (&2.into(), &5.into())
    );
    assert_eq!(all["sizes"][0]["from"], 8);
    // What the input doesn't tell isn't left out.
    let alive = analyze(&["--expired", "out"]);
    assert_eq!(
        (&alive["totals"]["keys"], &alive["totals"]["bytes"]),
        (&4.into(), &300.into())
    );
    assert_eq!(alive["inputs"][0]["filtered"], 1);
}

#[test]
fn prefixes_end_where_the_delimiter_says() {
    let names = |args: &[&str]| {
        let run = run_with(
            [&["analyze", "--json", "-"], args].concat(),
            b"a/b/c:1\na/b/d\na/e\nx\n",
        );
        let report = json(&run);
        let rows = report["prefixes"]["by_keys"]
            .as_array()
            .expect("rows")
            .clone();
        rows.iter()
            .map(|row| {
                (
                    row["name"].as_str().expect("text").to_owned(),
                    row["keys"].as_u64(),
                )
            })
            .collect::<Vec<_>>()
    };
    let row = |name: &str, keys| (name.to_owned(), Some(keys));
    assert_eq!(names(&[]), [row("a/b/c:", 1)]);
    assert_eq!(names(&["--prefix-delimiter", "/"]), [row("a/", 3)]);
    assert_eq!(
        names(&["--prefix-delimiter", "/", "--prefix-depth", "5"]),
        [row("a/", 3), row("a/b/", 2)]
    );
    for args in [
        ["--prefix-delimiter", ""],
        ["--prefix-depth", "0"],
        ["--as-of", "yesterday"],
    ] {
        let run = run_with([&["analyze", "-"][..], &args].concat(), b"a\n");
        assert_eq!(run.exit, 2);
        says(&run.stderr, &[args[0]]);
    }
}

#[test]
fn names_that_are_cut_are_marked() {
    let long = "k".repeat(300);
    let text =
        format!("{HEADER}0,string,{long},1000,string,1,1,\n0,string,user:1,10,string,1,1,\n");
    let run = |form| run_with(["analyze", "-", form], text.as_bytes());
    let report = run("--json");
    crate::analyze_schema::hold(&report.stdout, "cut names");
    let report = json(&report);
    let cause = &report["hot_slots"]["by_bytes"][0]["cause"];
    assert_eq!(cause["name"], long[..256]);
    assert_eq!(
        (&cause["name_cut"], &cause["name_bytes"]),
        (&true.into(), &300.into())
    );
    let whole = &report["hot_slots"]["by_bytes"][1]["cause"];
    assert_eq!(
        (&whole["name"], whole.get("name_cut")),
        (&"user:1".into(), None)
    );
    says(
        run("--csv").text(),
        &[&format!(",{}…,1000\n", &long[..256]), ",user:1,10\n"],
    );
    let log = format!("17.000001 [0 x:1] \"GET\" \"{long}\"\n17.000002 [0 x:1] \"GET\" \"a\"\n");
    let report = run_with(["analyze", "-", "--json"], log.as_bytes());
    crate::analyze_schema::hold(&report.stdout, "cut hot keys");
    let keys = &json(&report)["operations"]["hot_keys"];
    assert_eq!(
        (&keys[1]["key_cut"], keys[0].get("key_cut")),
        (&true.into(), None)
    );
}

#[test]
fn no_name_of_a_file_steers_the_terminal() {
    let name = "red\x1b[31m\n.csv";
    let folder = with_file(name, format!("{HEADER}0,string,a,1,string,1,1,\n"));
    let analyze = |args: &[&str]| run_in(folder.path(), [&["analyze", name], args].concat(), b"");
    let told = "red\\x1B[31m\\x0A.csv: read as rdb-tools";
    says(&analyze(&["--save", "a.tally"]).stderr, &[told]);
    std::fs::rename(
        folder.path().join("a.tally"),
        folder.path().join("\r.tally"),
    )
    .expect("renamed");
    let again = run_in(folder.path(), ["analyze", "\r.tally"], b"");
    says(&again.stderr, &[&format!("\\x0D.tally: {told}")]);
    let refused = analyze(&["--format", "tally"]);
    says(
        &refused.stderr,
        &["red\\x1B[31m\\x0A.csv: expected a tally"],
    );
    for run in [again, refused] {
        let text = run.stderr.trim_end().replace('\n', "");
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn a_cut_name_ends_with_a_whole_character() {
    let long = format!("a{}", "ж".repeat(2100));
    let text = format!("{HEADER}0,string,{long},1000,string,1,1,\n");
    let report = json(&run_with(["analyze", "-", "--json"], text.as_bytes()));
    let cause = &report["hot_slots"]["by_bytes"][0]["cause"];
    assert_eq!(
        (&cause["name"], cause.get("name_base64")),
        (&long[..255].into(), None)
    );
    let big = &report["big_keys"][0];
    assert_eq!(
        (&big["key"], big.get("key_base64")),
        (&long[..4095].into(), None)
    );
    let log = format!("17.000001 [0 x:1] \"GET\" \"{long}\"\n");
    let report = json(&run_with(["analyze", "-", "--json"], log.as_bytes()));
    let hot = &report["operations"]["hot_keys"][0];
    assert_eq!(
        (&hot["key"], hot.get("key_base64")),
        (&long[..255].into(), None)
    );
}
