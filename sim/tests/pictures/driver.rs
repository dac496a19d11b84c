//! As much of the WebDriver protocol as is needed: a ChromeDriver of our own, driven over HTTP.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A browser without a window.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts one; none, in words, where there is no browser.
    pub(crate) fn start(dark: bool) -> Result<Browser, String> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|_| "no browser (chromedriver is not installed)".to_owned())?;
        // The pipe stays open: the next line would kill the driver otherwise.
        let lines = BufReader::new(driver.stdout.as_mut().expect("it is piped")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            line.rsplit_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        let port = port.expect("chromedriver says where it listens");
        let mut browser = Browser { driver, port, session: String::new() };
        let mut args = vec![
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1400,900",
        ];
        if dark {
            args.push("--blink-settings=preferredColorScheme=0");
        }
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": args } });
        match browser.post("", json!({ "capabilities": { "alwaysMatch": wanted } })) {
            Ok(made) => browser.session = made["sessionId"].as_str().unwrap_or_default().to_owned(),
            Err(error) if error.contains("cannot find Chrome") => {
                return Err("no browser (only chromedriver is installed)".to_owned());
            }
            Err(error) => panic!("the browser does not start: {error}"),
        }
        Ok(browser)
    }

    /// Opens a page.
    pub(crate) fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url })).expect("the page opens");
    }

    /// The value of an expression in the page.
    pub(crate) fn eval(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.post("/execute/sync", json!({ "script": script, "args": [] })).expect("it is valid")
    }

    /// Presses keys, one after the other; those without a letter by their WebDriver code points.
    pub(crate) fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            let key = key.to_string();
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        });
        let strokes: Vec<Value> = strokes.collect();
        self.act(json!({ "type": "key", "id": "keys", "actions": strokes }));
    }

    /// Moves the pointer to a place in the window.
    pub(crate) fn hover(&self, x: i64, y: i64) {
        let to = json!({ "type": "pointerMove", "duration": 0, "x": x, "y": y });
        self.act(json!({ "type": "pointer", "id": "mouse", "actions": [to] }));
    }

    fn act(&self, source: Value) {
        self.post("/actions", json!({ "actions": [source] })).expect("it is possible");
    }

    fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        let session = match self.session.as_str() {
            "" => String::new(),
            session => format!("/{session}"),
        };
        self.request("POST", &format!("/session{session}{path}"), &body.to_string())
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Result<Value, String> {
        let said = |e: std::io::Error| format!("{method} {path}: {e}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(said)?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(said)?;
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        let text = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        stream.write_all(text.as_bytes()).map_err(said)?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).map_err(said)?;
            let lower = line.to_ascii_lowercase();
            if let Some(n) = lower.strip_prefix("content-length:") {
                length = n.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut reply = vec![0; length];
        reader.read_exact(&mut reply).map_err(said)?;
        let reply: Value = serde_json::from_slice(&reply).map_err(|e| e.to_string())?;
        match reply["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", reply["value"]["message"])),
            None => Ok(reply["value"].clone()),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.request("DELETE", &format!("/session/{}", self.session), "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
