//! Figures of fixed size over a time whose length nobody knows in advance.

mod peak_rate;
mod spread;
mod timeline;

pub use peak_rate::PeakRate;
pub use spread::Spread;
pub use timeline::Timeline;
