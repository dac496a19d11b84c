//! What people read: splats, race diagrams, timelines; and files for other people's viewers.

pub mod columns;
mod grid;
pub mod html;
mod lockdep;
mod meaning;
pub mod perfetto;
pub mod race;
mod relevant;
pub mod spans;
pub mod splat;
mod stack;
mod story;
mod stretches;
mod text;
pub mod tracedat;

pub use columns::columns;
pub use race::race;
pub use splat::finding;
