//! The page in a browser: lanes, hover text, stepping, links, both color schemes.

use super::driver::Browser;
use super::{bug, not_run, written};
use ksim::report::html;

/// Selected step, counted from 1; 0 if none is.
const SELECTED: &str = "steps.findIndex(s => s.classList.contains('selected')) + 1";

#[test]
fn the_page_is_driven_in_a_browser() {
    let (trace, findings) = bug();
    let page = written("page.html", html::page("pictures/bug", &trace, &findings).as_bytes());
    let mut browser = match Browser::start(false) {
        Ok(browser) => browser,
        Err(why) => return not_run(&why),
    };
    let url = format!("file://{}", page.display());
    browser.open(&url);
    let text = |b: &Browser, what: &str| b.eval(what).as_str().unwrap_or_default().to_owned();
    let number = |b: &Browser, what: &str| b.eval(what).as_i64().unwrap_or(-1);
    let len = trace.steps.len() as i64;

    // Lanes: each step stands in that of its CPU, below the step before it.
    assert_eq!(number(&browser, "steps.length"), len);
    for (n, step) in trace.steps.iter().enumerate() {
        let place = |of: &str| number(&browser, &format!("Math.round({of})"));
        let left = place(&format!("$('s{n}').getBoundingClientRect().left"));
        let head = |cpu: u16| {
            let head = format!("document.querySelectorAll('.head')[{}]", cpu + 1);
            place(&format!("{head}?.getBoundingClientRect().left ?? innerWidth"))
        };
        assert!(head(step.cpu) <= left && left < head(step.cpu + 1), "step {n} at {left}");
        if n > 0 {
            let top = |n: usize| place(&format!("$('s{n}').getBoundingClientRect().top"));
            assert!(top(n - 1) < top(n), "step {n}");
        }
    }

    // Hovering shows the operation and who does it, without selecting it.
    let at = |what: &str| {
        number(&browser, &format!("Math.round($('s1').getBoundingClientRect().{what}) + 5"))
    };
    browser.hover(at("left"), at("top"));
    assert_eq!(text(&browser, "$('p-op').textContent"), trace.steps[1].text());
    assert_eq!(text(&browser, "$('p-context').textContent"), trace.agent(&trace.steps[1]).name);
    assert_eq!(number(&browser, SELECTED), 0);

    // Stepping: forward, back, to the ends, to the parties of the finding, along one context.
    browser.press("jjk");
    assert_eq!(number(&browser, SELECTED), 1);
    browser.press("\u{e010}");
    assert_eq!(number(&browser, SELECTED), len);
    assert_eq!(text(&browser, "$('p-title').textContent"), format!("Step {len} of {len}"));
    browser.press("\u{e011}\u{e015}");
    assert_eq!(number(&browser, SELECTED), 2);
    let parties: Vec<i64> =
        findings[0].parties.iter().filter_map(|p| p.event).map(|e| i64::from(e) + 1).collect();
    let (culprit, freed) = (parties[0], parties[1]);
    assert!(freed < culprit);
    browser.press("\u{e010}p");
    assert_eq!(number(&browser, SELECTED), freed);
    browser.press("n");
    assert_eq!(number(&browser, SELECTED), culprit);
    browser.press("h");
    let agent = |n: i64| trace.steps[n as usize - 1].agent;
    let before = number(&browser, SELECTED);
    assert!(before < culprit && agent(before) == agent(culprit), "{before}");
    let words = text(&browser, "$('p-touches').textContent");
    assert!(words.contains("Write thing.value"), "{words}");

    // The parties are linked, in the page and to its head; the address leads to a step.
    let linked = findings[0].parties.iter().filter(|p| p.event.is_some()).count() as i64 - 1;
    assert_eq!(number(&browser, "$('links').querySelectorAll('path').length"), linked);
    browser.eval("document.querySelector('.finding a').click()");
    assert_eq!(number(&browser, SELECTED), culprit);
    browser.open("about:blank");
    browser.open(&format!("{url}#s1"));
    assert_eq!(number(&browser, SELECTED), 2);

    // Only what led to it.
    if browser.eval("$('story') !== null").as_bool() == Some(true) {
        let shown = "steps.filter(s => s.offsetParent).length";
        browser.press("r");
        assert!(number(&browser, shown) < len);
        browser.press("r");
        assert_eq!(number(&browser, shown), len);
    }

    let light = text(&browser, "getComputedStyle(document.body).backgroundColor");
    drop(browser);
    browser = Browser::start(true).expect("it has started before");
    browser.open(&url);
    let dark = text(&browser, "getComputedStyle(document.body).backgroundColor");
    assert_eq!((light.as_str(), dark.as_str()), ("rgb(255, 255, 255)", "rgb(20, 23, 28)"));
}
