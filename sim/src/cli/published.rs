//! Published figures: schedules to the first bug of the programs of SCTBench and ConVul, means
//! over 20 trials, computed from the data in the repositories of SURW (Zhao and others, ASPLOS
//! 2025) and RFF (Wolff and others, ASPLOS 2024).
//!
//! Their tools decide at every load and store of the binary, so that their figures and ours compare
//! strategies, not tools.

/// The strategies for which there are figures: the first three from SURW's data, the last from
/// RFF's.
pub(super) const COLUMNS: [&str; 4] = ["SURW", "POS", "PCT-3", "RFF"];

/// The figures for the program that a scenario names as its source.
pub(super) fn of(source: &str) -> Option<[&'static str; 4]> {
    let named = |part: &str| FIGURES.iter().find(|(name, _)| *name == part.trim());
    source.split(';').find_map(named).map(|(_, figures)| *figures)
}

/// By source. "–": not found in any trial; "n/a": not measured.
const FIGURES: &[(&str, [&str; 4])] = &[
    ("SCTBench CS/account", ["5.8", "4.1", "4.3", "1.0"]),
    ("SCTBench CS/bluetooth_driver", ["70", "36", "112", "45"]),
    ("SCTBench CS/carter01", ["n/a", "1.9", "5.0", "1.9"]),
    ("SCTBench CS/circular_buffer", ["2.8", "2.1", "9.1", "1.6"]),
    ("SCTBench CS/deadlock01", ["1.8", "3.5", "13", "4.7"]),
    ("SCTBench CS/lazy01", ["2.0", "4.7", "4.9", "6.4"]),
    ("SCTBench CS/queue", ["2.1", "1.1", "3.3", "1.0"]),
    ("SCTBench CS/stack", ["4.6", "1.7", "3.2", "1.6"]),
    ("SCTBench CS/token_ring", ["8.2", "8.6", "8.2", "5.1"]),
    ("SCTBench CS/reorder_3", ["7.3", "86", "185", "6.7"]),
    ("SCTBench CS/reorder_4", ["7.3", "533", "554", "6.2"]),
    ("SCTBench CS/reorder_5", ["10", "2169", "647", "5.8"]),
    ("SCTBench CS/reorder_10", ["17", "–", "3225", "5.8"]),
    ("SCTBench CS/reorder_20", ["6.0", "–", "3005", "5.8"]),
    ("SCTBench CS/reorder_50", ["13", "–", "3304", "5.8"]),
    ("SCTBench CS/reorder_100", ["194", "–", "–", "5.8"]),
    ("SCTBench CS/twostage", ["7.5", "15", "13", "8.2"]),
    ("SCTBench CS/twostage_20", ["5.7", "156", "159", "22"]),
    ("SCTBench CS/twostage_50", ["20", "1637", "1676", "35"]),
    ("SCTBench CS/twostage_100", ["454", "6674", "7466", "56"]),
    ("SCTBench CS/wronglock", ["7.5", "10", "51", "1.0"]),
    ("SCTBench CS/wronglock_3", ["8.8", "11", "58", "1.0"]),
    ("SCTBench CB/stringbuffer-jdk1.4", ["8.5", "23", "281", "15"]),
    ("SCTBench RADBench/bug6", ["4.3", "18", "42", "n/a"]),
    ("SCTBench SafeStack", ["368921", "–", "–", "–"]),
    ("CVE-2009-3547", ["3.8", "2.5", "3.8", "1.0"]),
    ("CVE-2016-7911", ["7.7", "11", "20", "13"]),
    ("CVE-2016-9806", ["3.1", "7.0", "6.7", "11"]),
    ("CVE-2017-6346", ["15", "10", "24", "4.8"]),
];
