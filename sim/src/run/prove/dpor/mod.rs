//! Optimal dynamic partial-order reduction: one run for each class of equivalent runs, none more.
//!
//! Runs are explored depth first. After each run its races are looked at: pairs of steps that
//! conflict, and whose order could be the other one. For each, a sequence of steps that reverses
//! the race is put into the *wakeup tree* of the point before the first of the two, unless
//! something that was or will be explored from there covers it (Abdulla, Aronis, Jonsson and
//! Sagonas, *Optimal dynamic partial order reduction*, POPL 2014).

pub mod races;
pub mod search;
pub mod stack;
pub mod wakeup;

pub use search::Dpor;
