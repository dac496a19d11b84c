//! What one types: commands on a run, as in gdb. Text in, text out; files and terminals are for the
//! command line.

use super::breakpoint::{Breakpoint, FORMS};
use super::{Debugger, Halt};
use crate::trace::{Step, Trace};

/// Makes the trace of another run, from the words behind `diff`.
pub type Load<'s> = Box<dyn Fn(&[&str]) -> Result<Trace, String> + 's>;

/// A run under commands.
pub struct Session<'s> {
    run: Debugger<'s>,
    load: Load<'s>,
}

/// The answer to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Lines to be shown.
    Text(String),
    /// It was the last command.
    Quit,
}

type Action = fn(&mut Session<'_>, &str) -> Result<String, String>;

struct Command {
    name: &'static str,
    short: &'static str,
    args: &'static str,
    about: &'static str,
    action: Action,
}

macro_rules! commands {
    ($($name:literal $short:literal $args:literal $about:literal $action:expr;)+) => {
        &[$(Command { name: $name, short: $short, args: $args, about: $about, action: $action }),+]
    };
}

/// In the order of `help`. Exact names and short forms come before other beginnings.
const COMMANDS: &[Command] = commands! {
    "step" "s" "[N]" "N steps forward" |s, a| s.walk(a, true);
    "reverse-step" "rs" "[N]" "N steps back" |s, a| s.walk(a, false);
    "continue" "c" "" "forward to the next breakpoint, or to the end" |s, a| s.run_on(a, true);
    "reverse-continue" "rc" "" "back to the last breakpoint before this, or to the start"
        |s, a| s.run_on(a, false);
    "go" "g" "STEP" "to just after this step; also start, end, finding" |s, a| s.go(a);
    "break" "b" "WHAT" "stop at WHAT: op, func, object, write or context NAME; finding; NAME" |s, a| s.set_break(a);
    "breakpoints" "bl" "" "the breakpoints, with how many steps fit each" |s, _| Ok(s.breakpoints());
    "delete" "d" "[N]" "delete breakpoint N, or all" |s, a| s.delete(a);
    "where" "w" "" "this step, with the functions that it stands in" |s, _| Ok(s.place());
    "list" "l" "[N]" "N steps around this one (10)" |s, a| s.list(a);
    "state" "st" "[WHAT]" "everything; or only cpus, contexts, locks, objects, rcu"
        |s, a| s.run.state(a);
    "print" "p" "NAME" "the words of an object or field" |s, a| s.print(a);
    "last-write" "lw" "NAME" "who wrote an object or field last, before here" |s, a| s.last_write(a);
    "why-blocked" "wb" "[CONTEXT]" "why a context cannot go on; all that cannot"
        |s, a| s.run.why_blocked(a);
    "finding" "f" "" "the report of what was found, and where" |s, _| Ok(s.finding());
    "diff" "" "FILE" "this run against that of a schedule file; or diff SEED [INDEX]" |s, a| s.diff(a);
    "help" "h" "[COMMAND]" "this list, or one line of it" |s, a| s.help(a);
    "quit" "q" "" "leave" |_, _| Ok(String::new());
};

/// What else can stand behind a command.
const KEYWORDS: [&str; 13] = [
    "start", "end", "finding", "op", "func", "object", "write", "context", "cpus", "contexts",
    "locks", "objects", "rcu",
];

const EXAMPLES: &str = "\
A step is one operation of one context; step N is done when the position is N. Any unambiguous
beginning of a command will do. An empty line repeats the last command on a terminal.

From a finding back to its cause:
  go finding                     to the step that was refused
  last-write mm.context.lock     who freed or wrote what it touched
  break kmem_cache_free          stop wherever that is called
  reverse-continue               back to the last such step before this one
  state locks                    who held what at that moment
";

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("run", &self.run).finish_non_exhaustive()
    }
}

impl<'s> Session<'s> {
    /// Commands on this run.
    pub fn new(run: Debugger<'s>, load: Load<'s>) -> Session<'s> {
        Session { run, load }
    }

    /// The run.
    pub fn run(&self) -> &Debugger<'s> {
        &self.run
    }

    /// Carries out one line. Empty lines and lines that begin with `#` do nothing.
    ///
    /// # Errors
    /// In words, when there is no such command or it cannot be carried out; nothing has changed then.
    pub fn execute(&mut self, line: &str) -> Result<Reply, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Reply::Text(String::new()));
        }
        let (word, args) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let command = find(word)?;
        if command.name == "quit" {
            return Ok(Reply::Quit);
        }
        (command.action)(self, args.trim()).map(Reply::Text)
    }

    /// The names of all commands.
    pub fn commands() -> impl Iterator<Item = &'static str> {
        COMMANDS.iter().map(|c| c.name)
    }

    /// Everything that a command may name: objects, contexts, functions, operations; sorted.
    pub fn names(&self) -> Vec<String> {
        let trace = self.run.trace();
        let mut names: Vec<String> = self.run.objects().map(str::to_owned).collect();
        names.extend(trace.agents.iter().map(|a| a.name.clone()));
        for step in &trace.steps {
            names.push(step.op.clone());
            names.extend(step.stack.iter().cloned());
            names.extend(step.touches.iter().filter(|t| t.memory).map(|t| t.object.clone()));
        }
        names.extend(KEYWORDS.map(str::to_owned));
        names.sort();
        names.dedup();
        names
    }

    /// One line about the position, and what was found in this step.
    pub fn here(&self) -> String {
        let (at, end) = (self.run.at(), self.run.end());
        let Some(event) = at.checked_sub(1) else {
            return format!("at the start; {end} steps lie ahead\n");
        };
        let step = &self.run.trace().steps[event as usize];
        let mut text = format!("step {at}/{end}  {}\n", self.line(step));
        let last = end.saturating_sub(1);
        for found in self.run.findings().iter().filter(|f| f.event.min(last) == event) {
            text.push_str(&format!("  *** {} ***\n", found.headline));
        }
        text
    }

    fn line(&self, step: &Step) -> String {
        let func = step.stack.first().map_or(String::new(), |f| format!("{f}: "));
        format!("{}  {func}{}", self.run.trace().agent(step).name, step.text())
    }

    fn walk(&mut self, args: &str, forward: bool) -> Result<String, String> {
        let n = number(args, 1)?;
        let (at, end) = (self.run.at(), self.run.end());
        match forward {
            true if at == end => return Err("the run ends here".to_owned()),
            false if at == 0 => return Err("the run begins here".to_owned()),
            true => self.run.step(n),
            false => self.run.step_back(n),
        }
        Ok(self.here())
    }

    fn run_on(&mut self, args: &str, forward: bool) -> Result<String, String> {
        if !args.is_empty() {
            return Err("it takes no argument; set breakpoints with break".to_owned());
        }
        let halt = if forward { self.run.proceed() } else { self.run.go_back() };
        let why = match halt {
            Halt::Breakpoint(id) => {
                let fits = self.run.breakpoints().find(|b| b.0 == id);
                fits.map_or(String::new(), |(id, b, _)| format!("breakpoint {id}: {b}\n"))
            }
            Halt::End => "the end of the run\n".to_owned(),
            Halt::Start => String::new(),
        };
        Ok(why + &self.here())
    }

    fn go(&mut self, args: &str) -> Result<String, String> {
        let target = match args {
            "start" => 0,
            "end" => self.run.end(),
            "finding" => {
                let found = self.run.findings().last().ok_or("this run shows no finding")?;
                (found.event + 1).min(self.run.end())
            }
            "" => return Err("say where: a step, start, end or finding".to_owned()),
            n => number(n, 0)
                .map_err(|_| format!("go to a step, start, end or finding, not {n:?}"))?,
        };
        if target > self.run.end() {
            return Err(format!("the run has {} steps", self.run.end()));
        }
        self.run.go_to(target);
        Ok(self.here())
    }

    fn set_break(&mut self, args: &str) -> Result<String, String> {
        let breakpoint = match args {
            "" => return Err(format!("say where to stop: {FORMS}, or just a NAME")),
            name if name != "finding" && !name.contains(char::is_whitespace) => self.guess(name)?,
            form => Breakpoint::parse(form)?,
        };
        let text = breakpoint.to_string();
        let (id, fits) = self.run.add(breakpoint)?;
        Ok(format!("breakpoint {id}: {text}, {} of {} steps\n", fits, self.run.end()))
    }

    /// What a bare name stands for: an operation, a function, a context, or an object.
    fn guess(&self, name: &str) -> Result<Breakpoint, String> {
        let name = name.trim_end_matches("()").to_owned();
        let trace = self.run.trace();
        if trace.steps.iter().any(|s| s.op == name) {
            Ok(Breakpoint::Op(name))
        } else if trace.steps.iter().any(|s| s.stack.contains(&name)) {
            Ok(Breakpoint::Func(name))
        } else if trace.agents.iter().any(|a| a.name == name) {
            Ok(Breakpoint::Context(name))
        } else if self.run.touch_names(&name).is_ok() {
            Ok(Breakpoint::Object(name))
        } else {
            let names = self.names();
            let near = names.iter().filter(|n| n.contains(name.as_str())).take(3);
            let hint = near.map(String::as_str).collect::<Vec<_>>().join(" or ");
            let hint = if hint.is_empty() { hint } else { format!("; did you mean {hint}?") };
            Err(format!("nothing in this run is called {name:?}{hint}"))
        }
    }

    fn breakpoints(&self) -> String {
        let line = |(id, b, fits): (u32, &Breakpoint, usize)| format!("{id:>3}  {b}  ({fits})\n");
        let text: String = self.run.breakpoints().map(line).collect();
        if text.is_empty() { "no breakpoints\n".to_owned() } else { text }
    }

    fn delete(&mut self, args: &str) -> Result<String, String> {
        if args.is_empty() {
            let all: Vec<u32> = self.run.breakpoints().map(|b| b.0).collect();
            all.into_iter().for_each(|id| _ = self.run.delete(id));
            return Ok(String::new());
        }
        let id = number(args, 0)?;
        if self.run.delete(id) { Ok(String::new()) } else { Err(format!("no breakpoint {id}")) }
    }

    fn place(&self) -> String {
        let mut text = self.here();
        let Some(event) = self.run.at().checked_sub(1) else { return text };
        let step = &self.run.trace().steps[event as usize];
        for (depth, func) in step.stack.iter().enumerate() {
            text.push_str(&format!("  #{depth}  {func}()\n"));
        }
        let off = if step.irqs_off { ", interrupts off" } else { "" };
        text.push_str(&format!(
            "  on cpu{}, preempt_count {:#x}{off} before the step\n",
            step.cpu, step.preempt
        ));
        text
    }

    fn list(&mut self, args: &str) -> Result<String, String> {
        let n = number(args, 10)?;
        let (at, end) = (self.run.at(), self.run.end());
        let first = at.saturating_sub(n / 2).max(1).min((end + 1).saturating_sub(n).max(1));
        let last = first.saturating_add(n - 1).min(end);
        let width = self.run.trace().agents.iter().map(|a| a.name.len()).max().unwrap_or(0);
        let line = |k: u32| {
            let step = &self.run.trace().steps[k as usize - 1];
            let mark = if k == at { "=>" } else { "  " };
            let func = step.stack.first().map_or(String::new(), |f| format!("{f}: "));
            let name = &self.run.trace().agent(step).name;
            format!("{mark} {k:>5}  {name:<width$}  {func}{}\n", step.text())
        };
        Ok((first..=last).map(line).collect())
    }

    fn print(&mut self, args: &str) -> Result<String, String> {
        if args.is_empty() {
            return Err("say what: an object or field, like mm.context.lock".to_owned());
        }
        let lines = self.run.print(args)?;
        if lines.is_empty() {
            return Err(format!("{args} does not exist yet"));
        }
        Ok(lines.iter().map(|line| format!("{line}\n")).collect())
    }

    fn last_write(&mut self, args: &str) -> Result<String, String> {
        if args.is_empty() {
            return Err("say of what: an object or field, like mm.context.lock".to_owned());
        }
        let Some(written) = self.run.last_write(args)? else {
            return Ok(format!("nobody has written {args} before: it is as setup left it\n"));
        };
        let step = &self.run.trace().steps[written.event as usize];
        let mut text = format!("step {}  {}\n", written.event + 1, self.line(step));
        for (depth, func) in written.stack.iter().enumerate() {
            text.push_str(&format!("  #{depth}  {func}()\n"));
        }
        if step.op.contains("free") {
            text.push_str(&format!("  which freed it; {} frees whole objects\n", written.op));
        }
        Ok(text)
    }

    fn finding(&self) -> String {
        let report = |f| crate::report::finding(f, self.run.trace());
        let found = self.run.findings();
        let last = self.run.end();
        let place =
            |f: &crate::base::finding::Finding| format!("at step {}\n", (f.event + 1).min(last));
        match found {
            [] => "nothing was found in this run\n".to_owned(),
            all => all.iter().map(|f| report(f) + "\n" + &place(f)).collect(),
        }
    }

    fn diff(&mut self, args: &str) -> Result<String, String> {
        let words: Vec<&str> = args.split_whitespace().collect();
        if words.is_empty() {
            return Err("say against what: a schedule file, or a seed".to_owned());
        }
        Ok(crate::trace::diff(self.run.trace(), &(self.load)(&words)?).to_string())
    }

    fn help(&mut self, args: &str) -> Result<String, String> {
        let form = |c: &Command| match c.short {
            "" => format!("{} {}", c.name, c.args),
            short => format!("{}, {short} {}", c.name, c.args),
        };
        let line = |c: &Command| format!("  {:<26} {}\n", form(c).trim_end(), c.about);
        if args.is_empty() {
            let all: String = COMMANDS.iter().map(line).collect();
            return Ok(format!("{all}\n{EXAMPLES}"));
        }
        find(args).map(line)
    }
}

/// The command with this name or short form, or the only one that begins so.
fn find(word: &str) -> Result<&'static Command, String> {
    if let Some(exact) = COMMANDS.iter().find(|c| c.name == word || c.short == word) {
        return Ok(exact);
    }
    let begin: Vec<&Command> = COMMANDS.iter().filter(|c| c.name.starts_with(word)).collect();
    match begin.as_slice() {
        [one] => Ok(one),
        [] => Err(format!("there is no command {word:?}; help lists them")),
        several => {
            let names: Vec<&str> = several.iter().map(|c| c.name).collect();
            Err(format!("{word:?} can be {}", names.join(" or ")))
        }
    }
}

/// A number from 1 (or 0 where that is the default).
fn number(text: &str, default: u32) -> Result<u32, String> {
    match text {
        "" => Ok(default),
        text => text
            .parse()
            .ok()
            .filter(|&n| n >= default.min(1))
            .ok_or_else(|| format!("{text:?} is no number that fits here")),
    }
}
